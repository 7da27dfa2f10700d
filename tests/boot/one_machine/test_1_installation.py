"""What is there after the installation, and what it tells."""

import re

import pytest

from tests.boot.first_hour import Packages
from tests.boot.machine import Machine, until
from tests.boot.one_machine.units import (
    COLLECTOR,
    UNITS,
    WEBUI,
    WIRE,
    answers,
    calm,
    install,
    status,
    variant,
    verdict,
)


def test_the_packages_install_offline_and_start(machine: Machine, packages: Packages) -> None:
    names = {name: file.name for name, file in packages[machine.suite].items()}
    assert machine.run("which", COLLECTOR, check=False).returncode != 0
    install(machine, names[WIRE], names[COLLECTOR])
    assert machine.is_active(COLLECTOR), machine.journal(COLLECTOR)
    assert machine.run("systemctl", "is-enabled", COLLECTOR).stdout.strip() == "enabled"
    until(lambda: status(machine)["health"]["status"] != "unknown", 20, lambda: verdict(machine))
    calm(machine)
    assert not machine.is_active(WEBUI)
    install(machine, names[WEBUI])
    assert machine.is_active(WEBUI), machine.journal(WEBUI)
    assert machine.run("systemctl", "is-enabled", WEBUI).stdout.strip() == "enabled"
    assert not machine.run("systemctl", "--failed", "--plain", "--no-legend").stdout


def test_the_page_shows_the_machine(machine: Machine) -> None:
    page = until(
        lambda: shown(machine, "Healthy"), 10, lambda: machine.fetch("http://127.0.0.1:8086/")
    )
    assert machine.name in page
    script = re.search(r'src="(static/main-[^"]+)"', page)
    assert script is not None, "the front end is not in the package"
    assert len(machine.fetch(f"http://127.0.0.1:8086/{script[1]}")) > 1000


def shown(machine: Machine, text: str) -> str | None:
    page = machine.fetch("http://127.0.0.1:8086/")
    return page if text in page else None


def test_only_loopback_is_listened_on(machine: Machine) -> None:
    listening = machine.run("ss", "-Hltn").stdout.split("\n")
    addresses = {line.split()[3] for line in listening if line}
    assert {f"127.0.0.1:{port}" for port in (8086, 8087, 8088)} <= addresses
    assert all(address.startswith("127.") for address in addresses), addresses


@pytest.mark.parametrize("unit", UNITS)
def test_the_unit_is_clean(machine: Machine, unit: str) -> None:
    said = machine.run("systemd-analyze", "verify", "--man=no", f"{unit}.service", check=False)
    assert said.stdout == ""
    assert said.returncode == 0
    control = variant(machine, "unclean", "/usr/bin/true", "Watchdog=3s", unit=unit)
    said = machine.run("systemd-analyze", "verify", "--man=no", f"{control}.service", check=False)
    assert "Watchdog" in said.stdout


@pytest.mark.parametrize(("unit", "most"), [(COLLECTOR, 2.0), (WEBUI, 1.5)])
def test_exposure(machine: Machine, unit: str, most: float) -> None:
    def exposure(of: str) -> float:
        said = machine.run("systemd-analyze", "security", of, check=False).stdout
        found = re.search(r"Overall exposure level for .*: ([0-9.]+)", said)
        assert found, said
        return float(found[1])

    assert exposure(unit) <= most
    assert exposure("systemd-journald") > most
    print(f"{unit}: exposure {exposure(unit)}")


def test_restarts_back_off_where_systemd_can(machine: Machine) -> None:
    version = int(machine.run("systemctl", "--version").stdout.split()[1])
    for unit in UNITS:
        assert machine.prop(unit, "Restart") == "on-failure"
        assert machine.prop(unit, "RestartUSec") == "2s"
        if version >= 254:
            assert machine.prop(unit, "RestartSteps") == "6"
            assert machine.prop(unit, "RestartMaxDelayUSec") == "1min"
        else:
            assert "backoff" not in machine.prop(unit, "DropInPaths")


def test_status_for_people_and_for_scripts(machine: Machine) -> None:
    page = machine.run(COLLECTOR, "status")
    assert re.match(r"Healthy: ", page.stdout), page.stdout
    assert "Boot id" in page.stdout
    told = status(machine)
    assert told["host"] == machine.name
    assert told["state"]["system"]["memory"]["usage"]["total_bytes"] > 1e6
    machine.run("systemctl", "stop", COLLECTOR)
    stopped = machine.run(COLLECTOR, "status", check=False)
    assert (stopped.returncode, stopped.stdout.partition(":")[0]) == (3, "Unknown")
    machine.run("systemctl", "start", COLLECTOR)
    answers(machine)


def test_systemctl_status_says_how_it_is(machine: Machine) -> None:
    for words in ("Healthy: all checks passed; every 1 s", "; 1 subscriber"):
        until(
            lambda words=words: said_status(machine, words),
            20,
            lambda: machine.prop(COLLECTOR, "StatusText"),
        )
    assert int(machine.prop(COLLECTOR, "WatchdogUSec").removesuffix("s")) == 15


def said_status(machine: Machine, text: str) -> str | None:
    said = machine.prop(COLLECTOR, "StatusText")
    return said if text in said else None


def test_the_journal_is_for_people(machine: Machine) -> None:
    said = machine.journal(COLLECTOR)
    assert "health is healthy" in said
    assert '{"time"' not in said
    assert "health is healthy" not in machine.journal(COLLECTOR, "-p", "warning")
    before = status(machine)["seq"]
    until(lambda: status(machine)["seq"] > before + 30, 20)
    assert machine.journal(COLLECTOR) == said, "it says something although nothing has changed"
