"""A reboot, an upgrade, and the packages' end."""

import re
import tempfile
from pathlib import Path

from tests.boot import readme
from tests.boot.first_hour import Packages
from tests.boot.machine import PACKAGES, Machine, until
from tests.boot.one_machine.units import (
    CALM,
    STATE,
    UNITS,
    answers,
    install,
    is_restarted,
    restart,
    status,
)
from tests.boot.roots import command


def test_both_start_at_boot(machine: Machine) -> None:
    machine.halt()
    machine.boot()
    for unit in UNITS:
        until(lambda: machine.is_active(unit), 30, lambda: machine.journal(unit))  # noqa: B023
    answers(machine)
    said = restart(machine)
    assert (said["scope"], said["cause"], said["certain"]) == ("machine", "clean", True)
    assert "for a power-off" in said["words"]


def test_a_reboot_and_a_reset_are_told_apart(machine: Machine) -> None:
    boots = [restart(machine)["boot_id"]]
    machine.reboot()
    said = restart(machine)
    assert (said["scope"], said["cause"], said["certain"]) == ("machine", "clean", True)
    assert "for a reboot" in said["words"]
    boots.append(said["boot_id"])
    # What is to stop in the middle has to have begun, well after the note of the end before.
    until(lambda: status(machine)["uptime_seconds"] > 12, 30)
    machine.reset()
    machine.boot()
    said = restart(machine)
    found = (said["scope"], said["cause"], said["certain"])
    evidence = {row["key"]: row["found"] for row in said["evidence"]}
    assert evidence["record"] == "stops in the middle"
    assert said["previous_boot_id"] == boots[-1]
    if boots[0] != boots[1]:
        assert said["boot_id"] not in boots
        assert found == ("machine", "unknown", False)
        assert "stopped in the middle" in said["words"]
        assert any("watchdog" in row for key, row in evidence.items() if "not known" in key)
    else:  # in a sandbox of bookworm's systemd the boot is the host's, as it is in a container
        assert found == ("collector", "crashed", False)
    answers(machine)


def upgraded(package: Path, work: Path) -> Path:
    """The same package with a higher version."""
    directory = Path(tempfile.mkdtemp(dir=work))
    command("dpkg-deb", "-R", package, directory)
    control = directory / "DEBIAN/control"
    text = control.read_text()
    version = re.search(r"(?m)^Version: (.*)$", text)[1]
    text = text.replace(f"Version: {version}\n", f"Version: {version}+1\n")
    control.write_text(text.replace(f"(= {version})", f"(= {version}+1)"))
    for info in directory.glob("**/bussdcc_system_health-*.dist-info"):  # where it knows it from
        info.rename(info.with_name(info.name.replace(".dist-info", ".1.dist-info")))
    new = work / f"upgraded-{package.name}"
    command("dpkg-deb", "--root-owner-group", "-b", directory, new)
    return new


def test_upgrade_keeps_configuration_and_history(
    machine: Machine, packages: Packages, work: Path
) -> None:
    before = machine.run("sh", "-c", f"ls {STATE}/history/*/*.jsonl").stdout.split()
    assert before
    machine.write(f"{STATE}/keys/kept", "a key\n")
    pids = {unit: machine.prop(unit, "MainPID") for unit in UNITS}
    for unit in UNITS:
        machine.run("sh", "-c", f"echo '# my own words' >> /etc/{unit}/config.toml")
    names = []
    for package in packages[machine.suite].values():
        new = upgraded(package, work)
        names.append(new.name)
        machine.copy(new, f"/{PACKAGES}/{new.name}")
    install(machine, *names)
    for unit in UNITS:
        assert is_restarted(machine, unit, pids[unit]), f"{unit} still runs the old version"
        assert "# my own words" in machine.read(f"/etc/{unit}/config.toml")
    said = restart(machine)
    assert (said["scope"], said["cause"]) == ("collector", "upgraded"), said
    assert said["version"] == f"{said['previous_version']}.1"
    assert set(before) <= set(
        machine.run("sh", "-c", f"ls {STATE}/history/*/*.jsonl").stdout.split()
    )
    assert machine.read(f"{STATE}/keys/kept") == "a key\n"


def test_remove_keeps_and_purge_takes_away(machine: Machine) -> None:
    machine.run("rm", "-r", CALM)
    machine.type(readme.line("Installing", "apt-get remove"))
    for unit in UNITS:
        assert not machine.is_active(unit)
        assert "# my own words" in machine.read(f"/etc/{unit}/config.toml")
    assert machine.read(f"{STATE}/keys/kept") == "a key\n"
    machine.type(readme.line("Installing", "apt-get purge"))
    found = machine.run(
        "find", "/etc", "/usr", "/lib", "/var/lib", "/var/log", "/run", "-xdev",
        "(", "-name", "*health-collectord*", "-o", "-name", "*health-webui*",
        "-o", "-name", "*health[-_]wire*", ")",
        "-not", "-path", "/run/systemd/*", "-not", "-path", "/usr/local/*",
    ).stdout  # fmt: skip
    assert found == ""
    assert not machine.run("systemctl", "--failed", "--plain", "--no-legend").stdout
