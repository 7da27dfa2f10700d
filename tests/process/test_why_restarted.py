"""A real collector that ends in some way, and what the next one says of it."""

import json
import shutil
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.running import ROOT, Running, start_collector, wait_for

pytestmark = pytest.mark.slow


def told(collector: Running) -> dict[str, Any]:
    found = wait_for(
        lambda: collector.request("snapshot")["state"].get("system", {}).get("restart"), timeout=30
    )
    assert isinstance(found, dict)
    return found


def told_before(tmp_path: Path) -> list[str]:
    """The causes that the record has, whole lines or not; each is told once."""
    causes = []
    for file in sorted((tmp_path / "data/history").glob("*/*.jsonl")):
        for line in file.read_bytes().splitlines():
            with suppress(ValueError):
                event = json.loads(line)
                if event["name"] == "system.restart.updated":
                    causes.append(event["data"]["cause"])
    return causes


def test_a_collector_that_is_stopped_or_killed(tmp_path: Path) -> None:
    with start_collector(tmp_path) as collector:
        assert told(collector)["cause"] == "first"
        assert collector.stop() == 0
    with start_collector(tmp_path) as collector:
        said = told(collector)
        assert (said["scope"], said["cause"]) == ("collector", "stopped")
        assert "received SIGTERM" in said["words"]
        assert said["previous_boot_id"] == said["boot_id"]
        assert said["down_seconds"] >= 0
        wait_for(lambda: len(told_before(tmp_path)) == 2, "it is not recorded", 30)
        collector.send(signal.SIGKILL)
        assert collector.wait() == -signal.SIGKILL
    state = tmp_path / "state"
    state.mkdir()
    boot = Path("/proc/sys/kernel/random/boot_id").read_text()
    note = f"SERVICE_RESULT=oom-kill\nEXIT_CODE=killed\nEXIT_STATUS=KILL\nBOOT_ID={boot}"
    (state / "last-stop").write_text(note)
    for environment, cause in (
        ({"STATE_DIRECTORY": str(state)}, "killed_for_memory"),
        # As if nobody had noted anything; this time it is the run above that was stopped.
        ({"STATE_DIRECTORY": ""}, "stopped"),
    ):
        with start_collector(tmp_path, env=environment) as collector:
            assert told(collector)["cause"] == cause
    assert told_before(tmp_path) == ["first", "stopped", "killed_for_memory", "stopped"]


def test_a_machine_that_has_booted_since(tmp_path: Path) -> None:
    host = tmp_path / "host"
    shutil.copytree(ROOT / "tests/fixtures/pi4", host, symlinks=True)
    identity = host / "proc/sys/kernel/random/boot_id"
    roots = ("--procfs", str(host / "proc"), "--sysfs", str(host / "sys"))
    # Its counters stand still: there is no first figure, which would be waited for.
    still = {"HEALTH_COLLECTORD_METRICS_CPU_ENABLED": "false"}
    causes = []
    for number, end in enumerate((signal.SIGTERM, signal.SIGKILL, signal.SIGTERM)):
        identity.write_text(f"boot-{number}\n")
        with start_collector(tmp_path, *roots, env=still) as collector:
            said = told(collector)
            causes.append((said["scope"], said["cause"], said["previous_boot_id"]))
            wait_for(lambda n=number: len(told_before(tmp_path)) > n, "it is not recorded", 30)
            collector.send(end)
            collector.wait()
        watchdog = host / "sys/class/watchdog/watchdog0/bootstatus"
        watchdog.parent.mkdir(parents=True, exist_ok=True)
        watchdog.write_text("32\n")
    assert causes == [
        (None, "first", None),
        ("machine", "watchdog", "boot-0"),
        ("machine", "watchdog", "boot-1"),
    ]
