"""The shipped program and a Raspberry Pi's firmware, which is played at the calls of the kernel."""

import errno
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.firmware import PlayedFirmware
from tests.running import ROOT, Running, start_collector, wait_for

pytestmark = pytest.mark.slow
PREFIX = "HEALTH_COLLECTORD_METRICS_THROTTLING"


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """A Raspberry Pi without the driver rpi_volt and without vcgencmd."""
    host = tmp_path / "host"
    shutil.copytree(ROOT / "tests/fixtures/pi4", host, symlinks=True)
    shutil.rmtree(host / "sys/class/hwmon/hwmon1")
    shutil.rmtree(host / "bin")
    return host


@pytest.fixture
def start(tmp_path: Path, host: Path, played: PlayedFirmware) -> Callable[[], Any]:
    def start() -> Any:
        asking = {
            f"{PREFIX}_INTERVAL": "0.1",
            f"{PREFIX}_VCGENCMD": str(host / "bin/vcgencmd"),
            # Its counters stand still: there is no first figure, which would be waited for.
            "HEALTH_COLLECTORD_METRICS_CPU_ENABLED": "false",
        }
        return start_collector(
            tmp_path, "--procfs", str(host / "proc"), "--sysfs", str(host / "sys"),
            env=played.environment | asking,
        )  # fmt: skip

    return start


def program(host: Path, says: str) -> None:
    """A vcgencmd that says this and notes that it ran."""
    path = host / "bin/vcgencmd"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\ntouch {host}/ran\necho '{says}'\n")
    path.chmod(0o755)


def told(collector: Running) -> dict[str, Any] | None:
    """The newest sample."""
    found: dict[str, Any] | None = collector.request("snapshot")["state"]["system"].get(
        "throttling"
    )
    return found


def status(collector: Running) -> tuple[str, str]:
    found = collector.request("get", path="collector.metrics.throttling")["value"]
    return found["status"], found["reason"] or ""


def until_told(collector: Running, **members: Any) -> dict[str, Any]:
    def as_wanted() -> dict[str, Any] | None:
        now = told(collector)
        return now if now and members.items() <= now.items() else None

    found = wait_for(as_wanted, f"not told {members}")
    assert isinstance(found, dict)
    return found


def until_status(collector: Running, wanted: str, reason: str) -> None:
    def as_wanted() -> bool:
        now, why = status(collector)
        return now == wanted and reason in why

    wait_for(as_wanted, f"not {wanted} ({reason})")


def test_the_firmware_is_asked_at_whichever_device_answers(
    start: Callable[[], Any], host: Path, played: PlayedFirmware
) -> None:
    program(host, "throttled=0x80000")
    played.device("vcio_gencmd", "throttled=0x50005")
    played.device("vcio", "throttled=0x20002")
    with start() as collector:
        first = until_told(collector, source="vcio_gencmd", raw="0x50005", reason=None)
        assert [first["under_voltage_now"], first["frequency_capped_now"]] == [True, False]
        until = len(played.asked) + 5
        wait_for(lambda: len(played.asked) > until)
        assert [line for line in played.asked if "open" in line] == ["open vcio_gencmd"]
        played.remove("vcio_gencmd")  # its driver goes
        until_told(collector, source="vcio", raw="0x20002", reason=None)
        played.device("vcio", "throttled=50005", milliseconds=20)
        until_told(collector, source="vcio", raw="0x50005", reason=None)
        assert not (host / "ran").exists(), "no process while a device answers"
        for trouble, why in (
            ({"text": b"\xffgarbage\x1b[31m"}, "the firmware says"),
            ({"text": "throttled=plenty"}, "not a hexadecimal number"),
            ({"text": "Command not registered", "code": 1}, "with error 1"),
            ({"status": 0x80000001}, "status 0x80000001"),
            ({"fails": errno.EIO}, "/dev/vcio: Input/output error"),
        ):
            played.device("vcio", **trouble)
            wait_for(lambda why=why: why in ((told(collector) or {})["reason"] or ""), why)
            until_told(collector, source="vcgencmd", raw="0x80000")
            assert "\x1b" not in str(told(collector))
        played.device("vcio", "throttled=0x0")
        last = until_told(collector, source="vcio", raw="0x0", reason=None)
        assert last["throttled_since_boot"] is True, "it was seen"


def test_a_refusal_is_told_with_its_remedy_and_not_tried_all_the_time(
    start: Callable[[], Any], played: PlayedFirmware
) -> None:
    played.device("vcio_gencmd", refuses=errno.EPERM)  # as a sandbox does
    played.device("vcio", refuses=errno.EACCES)
    with start() as collector:
        until_status(collector, "denied", "/dev/vcio_gencmd and /dev/vcio: add the service's user")
        assert told(collector) is None
        beats = collector.request("ping")["seq"]
        wait_for(lambda: collector.request("ping")["seq"] > beats + 10)
        assert played.asked == ["open vcio_gencmd", "open vcio"]


def test_a_firmware_that_hangs_holds_up_nothing(
    start: Callable[[], Any], played: PlayedFirmware
) -> None:
    played.device("vcio", "throttled=0x1", milliseconds=-1)
    with start() as collector:
        until_status(collector, "failing", "the firmware does not answer within")
        beats = collector.request("ping")["seq"]
        wait_for(lambda: collector.request("ping")["seq"] > beats + 10)
        played.device("vcio", "throttled=0x1")
        until_told(collector, source="vcio", raw="0x1")
        played.device("vcio", milliseconds=-1)
        until_status(collector, "failing", "the firmware does not answer within")
        assert collector.stop() == 0


def test_what_was_seen_outlives_the_collector_but_not_the_boot(
    start: Callable[[], Any], host: Path, played: PlayedFirmware, tmp_path: Path
) -> None:
    played.device("vcio", "throttled=0x50005")
    with start() as collector:
        until_told(collector, under_voltage_now=True)
    played.device("vcio", "throttled=0x40000")  # the driver of rpi_volt has cleared a bit
    with start() as collector:
        seen = until_told(collector, raw="0x40000")
        assert [seen["under_voltage_since_boot"], seen["throttled_since_boot"]] == [True, True]
        assert [seen["under_voltage_now"], seen["frequency_capped_since_boot"]] == [False, False]
    (host / "proc/sys/kernel/random/boot_id").write_text("ffffffff-0000-4000-8000-000000000000\n")
    kept = tmp_path / "data/throttling.since-boot"
    kept.write_bytes(b"\xff\x00garbled")
    with start() as collector:
        seen = until_told(collector, raw="0x40000")
        assert seen["under_voltage_since_boot"] is False
    assert collector.stderr.count("a restart may forget") == 1
    assert kept.read_text() == "ffffffff-0000-4000-8000-000000000000 throttled\n"
    kept.unlink()
    kept.mkdir()  # nothing can be read or written there
    with start() as collector:
        played.device("vcio", "throttled=0x50005")
        until_told(collector, raw="0x50005")
        played.device("vcio", "throttled=0x0")
        assert until_told(collector, raw="0x0")["under_voltage_since_boot"] is True
    assert collector.stderr.count("a restart may forget") == 1
