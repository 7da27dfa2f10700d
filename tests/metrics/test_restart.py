import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from health_collectord.host import Host, Start
from health_collectord.metrics import restart
from health_collectord.metrics.restart import RestartOptions, RestartReader, RestartUpdated
from health_collectord.vocabulary import NotPermitted

from .conftest import RecordedHost

Recorded = Callable[[str], RecordedHost]
NOON = 1_767_268_800  # 2026-01-01T12:00:00Z
PSTORE = "proc/1/root/var/lib/systemd/pstore"


@pytest.fixture
def host(recorded: Recorded) -> RecordedHost:
    """One that has booted a minute after noon; its record stops in the middle, at noon."""
    host = recorded("")
    host.write("proc/sys/kernel/random/boot_id", "now\n")
    host.write("proc/stat", f"cpu 1 2\nbtime {NOON + 60}\n")
    checkpoint = {"version": 1, "epoch": "old", "seq": 0, "boot_id": "then", "state": {},
                  "monotonic_seconds": 1, "catalogue_id": "", "catalogue": None}  # fmt: skip
    said = [
        ("collector.checkpoint", checkpoint, None),
        ("collector.started", {"version": "1.0", "epoch": "old"}, 1),
    ]
    lines = [
        json.dumps({"time": "2026-01-01T12:00:00.000Z", "name": name, "data": data, "seq": seq})
        for name, data, seq in said
    ]
    host.write("data/history/2026-01-01/12-00-00.jsonl", "\n".join(lines) + "\n")
    return host


def read(host: RecordedHost, **options: Any) -> RestartUpdated:
    (host.folder / PSTORE).mkdir(parents=True, exist_ok=True)
    there = Host(
        str(host.folder / "proc"), str(host.folder / "sys"), memory=host.folder / "data",
        start=Start("new", "1.1", (NOON + 75) * 1000, host.folder / "state"),
    )  # fmt: skip
    options = {"devices": (str(host.folder / "dev/vcio"),)} | options
    reader = RestartReader(there, RestartOptions(**options))
    said = reader.read(0.0)
    assert reader.read(60.0) is said, "it is gathered once"
    return said


def rows(said: RestartUpdated) -> dict[str, str]:
    return {row.key: row.found for row in said.evidence}


def firmware(monkeypatch: pytest.MonkeyPatch, answer: str | Exception) -> None:
    class Played:
        def __init__(self, devices: tuple[str, ...]) -> None: ...

        def ask(self, command: str) -> str:
            assert command == "get_rsts"
            if isinstance(answer, Exception):
                raise answer
            return answer

        def close(self) -> None: ...

    monkeypatch.setattr(restart, "Firmware", Played)


def test_where_nothing_tells_it_says_what_is_missing(host: RecordedHost) -> None:
    said = read(host)
    assert (said.scope, said.cause, said.certain) == ("machine", "unknown", False)
    assert (said.boot_id, said.previous_boot_id) == ("now", "then")
    assert (said.version, said.previous_version) == ("1.1", "1.0")
    assert (said.last_known_at, said.down_seconds) == ("2026-01-01T12:00:00.000Z", 60.0)
    assert rows(said)["record"] == "stops in the middle"
    assert "whether a watchdog did it" in rows(said)["not known 1"]


@pytest.mark.parametrize(
    ("answer", "cause"),
    [("get_rsts=1000", "power_lost"), ("get_rsts=0x1020", "hard_reset"),
     ("get_rsts=1040", "watchdog")],
)  # fmt: skip
def test_what_the_firmware_says(
    host: RecordedHost, monkeypatch: pytest.MonkeyPatch, answer: str, cause: str
) -> None:
    firmware(monkeypatch, answer)
    said = read(host)
    assert said.cause == cause
    assert "taken to mean" in rows(said)["firmware"], "it is an inference, and says so"


@pytest.mark.parametrize(
    ("problem", "says"),
    [(NotPermitted("not permitted: add the user to group video"), "group video"),
     (TimeoutError("no answer"), "no answer"), ("get_rsts=plenty", "plenty")],
)  # fmt: skip
def test_a_firmware_that_does_not_say(
    host: RecordedHost, monkeypatch: pytest.MonkeyPatch, problem: Any, says: str
) -> None:
    firmware(monkeypatch, problem)
    said = read(host)
    assert said.cause == "unknown"
    assert any(says in found for key, found in rows(said).items() if key.startswith("not known"))


@pytest.mark.parametrize(
    ("text", "cause"),
    [("32", "watchdog"), ("0x20", "watchdog"), ("0", "unknown"), ("x", "unknown")],
)
def test_the_watchdogs_word(host: RecordedHost, text: str, cause: str) -> None:
    host.write("sys/class/watchdog/watchdog0/bootstatus", f"{text}\n")
    assert read(host).cause == cause


@pytest.mark.parametrize(
    "place",
    ["sys/fs/pstore/dmesg-ramoops-0", f"{PSTORE}/dmesg-efi-1", f"{PSTORE}/17/001/dmesg.txt"],
)
@pytest.mark.parametrize(("after", "cause"), [(3, "kernel_panic"), (-3600, "unknown")])
def test_a_kernels_dump(host: RecordedHost, place: str, after: int, cause: str) -> None:
    host.write(place, "Panic#1 Part1\n")
    os.utime(host.folder / place, (NOON + after, NOON + after))
    said = read(host)
    assert said.cause == cause
    assert ("after" if after > 0 else "before") in rows(said)["pstore"]


def test_a_consoles_log_in_pstore_is_no_crash(host: RecordedHost) -> None:
    host.write("sys/fs/pstore/console-ramoops-0", "as on every boot\n")
    assert read(host).cause == "unknown"


def test_what_the_service_manager_noted(host: RecordedHost) -> None:
    note = "SERVICE_RESULT=success\nEXIT_CODE=exited\nEXIT_STATUS=0\nBOOT_ID=then\n"
    host.write("state/last-stop", f"{note}SystemState=stopping\nTARGET=reboot.target\n")
    said = read(host)
    assert (said.cause, said.certain) == ("clean", True)
    assert rows(said)["service"] == "success (exited 0)"
    assert rows(said)["system manager"] == "stopping for reboot.target"


def test_the_collector_alone_needs_nothing_of_the_machines(
    host: RecordedHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    firmware(monkeypatch, AssertionError("it was asked"))
    host.write("proc/sys/kernel/random/boot_id", "then\n")
    said = read(host)
    assert (said.scope, said.cause, said.down_seconds) == ("collector", "crashed", 75.0)


def test_nothing_recorded_before(recorded: Recorded) -> None:
    said = read(recorded(""))
    assert (said.cause, said.scope, said.evidence) == ("first", None, ())


def test_a_host_of_which_nothing_is_remembered(recorded: Recorded) -> None:
    said = RestartReader(recorded("pi4").host, RestartOptions()).read(0.0)
    assert (said.cause, said.version, said.boot_id is None) == ("first", None, False)


def test_a_record_that_cannot_be_read_is_an_error(host: RecordedHost, tmp_path: Path) -> None:
    loop = host.folder / "data/history"
    loop.rename(tmp_path / "elsewhere")
    loop.symlink_to(loop)
    with pytest.raises(OSError, match="symbolic links"):
        read(host)
