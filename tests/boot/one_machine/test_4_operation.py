"""Configuring, stopping, reading about it."""

import json
import re

import pytest
from health_wire.command import CONFIG as CONFIG_UNUSABLE

from tests.boot.machine import Machine, until
from tests.boot.one_machine.units import (
    COLLECTOR,
    CONFIG,
    STATE,
    UNITS,
    WEBUI,
    answers,
    status,
    verdict,
)


def test_reload_applies_a_good_file_and_refuses_a_bad_one(machine: Machine) -> None:
    good = machine.read(CONFIG)
    pid = machine.prop(COLLECTOR, "MainPID")
    machine.write(CONFIG, with_threshold(good))
    machine.run("systemctl", "reload", COLLECTOR)
    until(
        lambda: machine.run(COLLECTOR, "status", check=False).returncode == 1,
        10,
        lambda: verdict(machine),
    )
    assert "configuration reloaded" in machine.journal(COLLECTOR)
    machine.write(CONFIG, "interval = 'often'\n")
    machine.run("systemctl", "reload", COLLECTOR)
    until(lambda: "often" in machine.journal(COLLECTOR), 10, lambda: machine.journal(COLLECTOR))
    assert machine.prop(COLLECTOR, "MainPID") == pid
    assert machine.is_active(COLLECTOR)
    machine.write(CONFIG, good)
    machine.run("systemctl", "reload", COLLECTOR)
    until(
        lambda: machine.run(COLLECTOR, "status", check=False).returncode == 0,
        10,
        lambda: verdict(machine),
    )
    assert machine.prop(COLLECTOR, "MainPID") == pid


_ASK = """
from health_wire import CollectorClient
with CollectorClient() as collector:
    [*_, newest] = collector.request("coverage", timeout=30.0)["epochs"]
    then = collector.request("state_at", timeout=30.0, time=newest["last_time"])
    print(newest["epoch"], then["epoch"], then["state"]["system"]["identity"]["hostname"])
"""


def test_the_record_can_be_asked_in_the_sandbox(machine: Machine) -> None:
    epoch = status(machine)["epoch"]
    said = lambda: machine.run("python3", "-c", _ASK).stdout.split()  # noqa: E731
    # What was just begun may not be on the disk yet.
    until(lambda: said()[:2] == [epoch, epoch], 30, lambda: f"{epoch}: {said()}")
    assert said()[2] == machine.name
    assert "Traceback" not in machine.journal(COLLECTOR)


def with_threshold(example: str) -> str:
    """The example file with a threshold that every machine exceeds."""
    changed = re.sub(
        r"(\[metrics\.memory\](?:(?!\n\[).)*?)#used_percent_warning = [0-9.]+",
        r"\1used_percent_warning = 0.01", example, flags=re.DOTALL,
    )  # fmt: skip
    assert changed != example
    return changed


@pytest.mark.parametrize(
    ("unit", "wrong", "said"),
    [
        (COLLECTOR, "intervall = 1", "did you mean interval?"),
        (COLLECTOR, "interval = ", "TOML"),
        (WEBUI, "portt = 80", "did you mean port?"),
    ],
)
def test_a_configuration_that_cannot_be_used_is_not_tried_for_ever(
    machine: Machine, unit: str, wrong: str, said: str
) -> None:
    path = f"/etc/{unit}/config.toml"
    good = machine.read(path)
    machine.write(path, f"{wrong}\n")
    assert machine.run("systemctl", "restart", unit, check=False).returncode != 0
    assert machine.prop(unit, "ActiveState") == "failed"  # and not about to be started again
    assert machine.prop(unit, "ExecMainStatus") == str(CONFIG_UNUSABLE)
    assert said in machine.run("systemctl", "status", unit, check=False).stdout
    machine.write(path, good)
    machine.run("systemctl", "start", unit)
    answers(machine)


@pytest.mark.parametrize("unit", UNITS)
def test_it_stops_cleanly_and_soon(machine: Machine, unit: str) -> None:
    machine.run("systemctl", "stop", unit)
    assert machine.prop(unit, "Result") == "success"
    took = int(machine.prop(unit, "InactiveEnterTimestampMonotonic"))
    took -= int(machine.prop(unit, "ActiveExitTimestampMonotonic"))
    assert took < 2_000_000
    if unit == COLLECTOR:
        last = machine.run("sh", "-c", f"cat {STATE}/history/*/*.jsonl | tail -n 1").stdout
        assert json.loads(last)["name"] == "runtime.shutdown"
    machine.run("systemctl", "start", unit)
    answers(machine)


def test_manual_pages(machine: Machine) -> None:
    for page in ("man8/health-collectord.8", "man8/health-webui.8", "man5/health-collectord.toml.5",
                 "man5/health-webui.toml.5", "man1/bussdcc-system-health.1"):  # fmt: skip
        text = machine.run("dpkg-query", "-S", f"/usr/share/man/{page}.gz")
        assert "health-" in text.stdout
