"""What holds for every test: whoever starts a process ends it."""

import faulthandler
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from hypothesis import HealthCheck, settings

from tests.firmware import PlayedFirmware, build
from tests.halves import HALF, half_of
from tests.running import wait_for

# Examples are few and the same each time by default; HYPOTHESIS_PROFILE=thorough looks harder.
# That a busy machine takes long to make them says nothing.
_SLOWLY = [HealthCheck.too_slow]
settings.register_profile(
    "default", max_examples=60, deadline=None, derandomize=True, suppress_health_check=_SLOWLY
)
settings.register_profile(
    "thorough", max_examples=2000, deadline=None, suppress_health_check=_SLOWLY
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

_HANGING_SECONDS = 300.0 + float(os.environ.get("HOSTILE_SECONDS", "0"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where two halves run at once (tests/halves.py), only those of this one."""
    half = os.environ.get(HALF)
    if half is None:
        return
    others = [item for item in items if half_of(item.path) != half]
    items[:] = [item for item in items if half_of(item.path) == half]
    config.hook.pytest_deselected(items=others)


def _children() -> set[int]:
    """Of any thread; not by way of psutil, which reads every process there is."""
    found: set[int] = set()
    for thread in os.listdir("/proc/self/task"):
        with suppress(OSError), open(f"/proc/self/task/{thread}/children") as children:
            found.update(map(int, children.read().split()))
    return found


def _is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture(autouse=True)
def _no_process_is_left_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    """A browser keeps helpers of its own from one test to the next; nothing else may."""
    if "browser" in request.path.parts:
        yield
        return
    before = _children()
    yield
    wait_for(
        lambda: not any(map(_is_running, _children() - before)),
        "a process that the test started is still running",
    )


def pytest_unconfigure() -> None:
    """Nor does a run wait for ever at its end, for what a failed test left open."""
    faulthandler.dump_traceback_later(60.0, exit=True)


@pytest.fixture(autouse=True)
def _a_hang_shows_where() -> Iterator[None]:
    """A deadlock ends the run, with every thread's stack, instead of waiting for ever."""
    faulthandler.dump_traceback_later(_HANGING_SECONDS, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()


@pytest.fixture(scope="session")
def firmware_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """tests/firmware.c, built; without a compiler the test is skipped, but never in CI."""
    library = build(tmp_path_factory.mktemp("firmware"))
    if library is None:
        assert os.environ.get("CI") != "true", "in CI nothing is skipped: install build-essential"
        pytest.skip("needs a C compiler")
    return library


@pytest.fixture
def played(firmware_library: Path, tmp_path: Path) -> PlayedFirmware:
    """A firmware for programs started with its environment; at first there is no device."""
    return PlayedFirmware(firmware_library, tmp_path / "firmware")
