"""The real kernel's log in a real collector: with and without the right to it."""

import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from health_collectord.kmsg import DEVICE, KernelLog

from tests.process.conftest import lacking
from tests.running import Running, records, running, start_collector, wait_for

pytestmark = pytest.mark.slow

LISTENING = {"HEALTH_COLLECTORD_KERNEL_MESSAGES": "true"}


@pytest.fixture(autouse=True)
def log(tmp_path: Path) -> None:
    """All that this machine's kernel has said so far has been told before."""
    if os.geteuid() != 0:
        lacking("only root may write to the kernel's log")
    try:
        os.close(os.open(DEVICE, os.O_RDWR | os.O_NONBLOCK))
    except OSError as error:
        lacking(f"{DEVICE}: {error.strerror}")
    kernel = KernelLog()
    while kernel.read() is not None:
        pass
    kernel.close()
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    (tmp_path / "data").mkdir()
    (tmp_path / "data/kernel-log.seen").write_text(f"{boot} {kernel.position}\n")


def say(words: str, priority: int = 4) -> str:
    words = f"a test of health-collectord: {words} {secrets.token_hex(8)}"
    DEVICE.write_text(f"<{priority}>{words}\n")
    return words


def told(tmp_path: Path, words: str) -> list[dict[str, Any]]:
    return [
        record["data"] for record in records(tmp_path / "data")
        if record["name"] == "kernel.message" and record["data"]["text"] == words
    ]  # fmt: skip


def test_a_warning_is_told_once_whenever_it_came(tmp_path: Path) -> None:
    with start_collector(tmp_path, env=LISTENING):
        warned = say("caf\u00e9")
        noticed = say("a notice", 5)
        wait_for(lambda: told(tmp_path, warned), timeout=40)
    between = say("nobody listens")
    with start_collector(tmp_path, env=LISTENING):
        wait_for(lambda: told(tmp_path, between), timeout=40)
    [message] = told(tmp_path, warned)
    assert (message["priority"], message["facility"]) == (4, "user")
    assert len(told(tmp_path, between)) == 1
    assert told(tmp_path, noticed) == []
    of_log = [r["data"] for r in records(tmp_path / "data") if r["name"] == "kernel.message"]
    sequences = [each["sequence"] for each in of_log]
    assert len(sequences) == len(set(sequences)), "told twice"


@contextmanager
def without_rights(tmp_path: Path, standard_input: Path) -> Iterator[Running]:
    """As a service that has no capability; what it has as standard input was opened before."""
    command = [
        "sh", "-c", f'exec "$@" < {standard_input}', "sh",
        "setpriv", "--bounding-set=-all", "--inh-caps=-all",
        sys.executable, "-m", "health_collectord", "--config", str(tmp_path / "none.toml"),
        "--events", "tcp://127.0.0.1:0", "--state", "tcp://127.0.0.1:0",
        "--data-dir", str(tmp_path / "data"),
    ]  # fmt: skip
    (tmp_path / "none.toml").touch()
    with running(command, tmp_path) as collector:
        yield collector


def status(collector: Running) -> dict[str, Any]:
    found: dict[str, Any] = wait_for(
        lambda: collector.request("get", path="collector.kernel").get("value")
    )
    return found


def test_it_needs_no_right_where_it_is_handed_the_log(tmp_path: Path) -> None:
    with without_rights(tmp_path, DEVICE) as collector:
        assert status(collector)["status"] == "ok"
        words = say("handed")
        wait_for(lambda: told(tmp_path, words), timeout=40)


def test_denied_says_what_to_do(tmp_path: Path) -> None:
    if Path("/proc/sys/kernel/dmesg_restrict").read_text().strip() != "1":
        lacking("here everybody may read the kernel's log (kernel.dmesg_restrict)")
    with without_rights(tmp_path, Path("/dev/null")) as collector:
        found = status(collector)
        assert found["status"] == "denied"
        assert "StandardInput=file:/dev/kmsg" in found["reason"]
        assert "CAP_SYSLOG" in collector.stderr
