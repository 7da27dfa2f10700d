"""A reboot, an upgrade, and the packages' end."""

import re
import tempfile
from pathlib import Path

from tests.boot import readme
from tests.boot.first_hour import Packages
from tests.boot.machine import PACKAGES, Machine, until
from tests.boot.one_machine.units import CALM, STATE, UNITS, answers, install, is_restarted
from tests.boot.roots import command


def test_both_start_at_boot(machine: Machine) -> None:
    machine.halt()
    machine.boot()
    for unit in UNITS:
        until(lambda: machine.is_active(unit), 30, lambda: machine.journal(unit))  # noqa: B023
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
