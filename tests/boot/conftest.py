"""Systems to test on. Without what they need the tests are skipped, but never in CI."""

import os
import secrets
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.boot.first_hour import Packages, begin
from tests.boot.roots import CACHE, TOOLS, USER, cache_lock, command

# Who does it: root all along, or somebody who becomes root where it is needed.
USERS = {"bookworm": "root", "trixie": USER}


def _reason_to_skip() -> str | None:
    if os.environ.get("BOOT_TESTS", "") in ("", "0"):
        return "boots whole systems: set BOOT_TESTS=1, as make test does"
    if os.geteuid() != 0:
        return "needs root, to make namespaces and mounts"
    path = f"/usr/sbin:/usr/bin:/sbin:/bin:{os.environ.get('PATH', '')}"
    missing = sorted(
        {package for tool, package in TOOLS.items() if not shutil.which(tool, path=path)}
    )
    return f"needs the Debian packages {' '.join(missing)}" if missing else None


@pytest.fixture(scope="session", autouse=True)
def _possible() -> None:
    reason = _reason_to_skip()
    if reason and os.environ.get("CI") == "true":
        pytest.fail(f"in CI nothing is skipped: {reason}")
    if reason:
        pytest.skip(reason)


@pytest.fixture(autouse=True)
def _no_process_is_left_behind() -> None:
    """Instead of the one for all tests: a machine's processes live from one test to the next."""


@pytest.fixture(scope="session")
def work(_possible: None) -> Iterator[Path]:
    """A directory for machines, on a file system that can be the upper of an overlay."""
    with cache_lock():
        for left in CACHE.glob("run-*"):  # by a run that was killed
            command(
                "sh", "-c", f"umount {left}/*/root; rm -rf --one-file-system {left}", check=False
            )
        directory = CACHE / f"run-{secrets.token_hex(4)}"
        directory.mkdir()
        yield directory
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def packages(work: Path) -> Packages:
    """What comes of README's lines, from a clone to `make deb`, on a bare root of each release."""
    with ThreadPoolExecutor() as both:
        hours = {suite: both.submit(begin, suite, user, work) for suite, user in USERS.items()}
    return {suite: hour.result() for suite, hour in hours.items()}
