"""What hangs, leaks or dies is ended, and starts anew."""

import pytest

from tests.boot.machine import Machine, until
from tests.boot.one_machine.units import (
    UNITS,
    WEBUI,
    answers,
    causes,
    faulty,
    is_restarted,
    kills_for_memory_are_told,
    main_pid,
    variant,
)

FAULTS = {
    # fault: what the journal says of the end that it makes
    "dispatch": "Watchdog timeout",
    "reader": "Watchdog timeout",
    "service": "Watchdog timeout",
    "endpoint": "Watchdog timeout",
    "sink": "Watchdog timeout",
    "leak": "status=9/KILL",
    "stopped": "Watchdog timeout",
    "mount": None,
    "none": None,
}
# What the next start says of it; that which is stopped has hardly begun.
CAUSES = dict.fromkeys(("dispatch", "reader", "service", "endpoint"), "service_watchdog")


def test_what_hangs_or_leaks_is_ended_and_comes_back(machine: Machine) -> None:
    settings = ("WatchdogSec=4s", "RestartSec=500ms")
    settings += ("Environment=HEALTH_COLLECTORD_METRICS_DISK_INTERVAL=1",)
    units = {fault: faulty(machine, fault, *settings) for fault in FAULTS}
    machine.run("systemctl", "start", *units.values())
    machine.run("kill", "-STOP", main_pid(machine, units["stopped"]))
    for fault, reason in FAULTS.items():
        unit = units[fault]
        if reason is None:
            continue
        until(
            lambda: int(machine.prop(unit, "NRestarts")) >= 1 and machine.is_active(unit),  # noqa: B023
            45, lambda: f"{fault}: {machine.journal(unit)}",  # noqa: B023
        )  # fmt: skip
        said = machine.journal(unit)
        assert reason in said, f"{fault}: {said}"
        if fault in ("dispatch", "reader", "service"):
            assert "most recent call first" in said, f"{fault}: no threads in the journal: {said}"
    killed = "killed_for_memory" if kills_for_memory_are_told(machine) else "killed"
    for fault, cause in {**CAUSES, "leak": killed}.items():
        until(
            lambda: causes(machine, units[fault])[1:] == [cause],  # noqa: B023
            20, lambda: f"{fault}: {causes(machine, units[fault])}",  # noqa: B023
        )  # fmt: skip
    for fault in ("mount", "none"):
        assert machine.prop(units[fault], "NRestarts") == "0", machine.journal(units[fault])
        assert machine.is_active(units[fault])


def test_a_page_that_hangs_is_ended_and_comes_back(machine: Machine) -> None:
    settings = ("WatchdogSec=3s", "RestartSec=500ms")
    unit = variant(machine, "hanging", "/usr/bin/health-webui run --port 0", *settings, unit=WEBUI)
    machine.run("systemctl", "start", unit)
    pid = main_pid(machine, unit)
    machine.run("kill", "-STOP", pid)
    until(lambda: is_restarted(machine, unit, pid), 45, lambda: machine.journal(unit))
    assert "Watchdog timeout" in machine.journal(unit)


@pytest.mark.parametrize("unit", UNITS)
def test_a_crash_is_mended(machine: Machine, unit: str) -> None:
    pid = main_pid(machine, unit)
    machine.run("kill", "-KILL", pid)
    until(lambda: is_restarted(machine, unit, pid), 20, lambda: machine.journal(unit))
    assert "code=killed, status=9/KILL" in machine.journal(unit)
    answers(machine)


def test_started_means_that_a_sample_is_there(machine: Machine) -> None:
    unit = faulty(machine, "late")
    folder = f"/var/lib/{unit}"
    machine.run("systemctl", "start", "--no-block", unit)
    reads = ("test", "-e", f"{folder}/marker")
    until(
        lambda: machine.run(*reads, check=False).returncode == 0, 20, lambda: machine.journal(unit)
    )
    assert machine.prop(unit, "ActiveState") == "activating"
    machine.run("touch", f"{folder}/go")
    until(lambda: machine.is_active(unit), 20, lambda: machine.journal(unit))
    machine.run("systemctl", "stop", unit)
    machine.run("rm", f"{folder}/marker", f"{folder}/go")  # as faulty.py knows it: late for ever
    unit = faulty(machine, "late", "TimeoutStartSec=1500ms", "Restart=no")
    assert machine.run("systemctl", "start", unit, check=False).returncode != 0
    assert machine.prop(unit, "Result") == "timeout"
