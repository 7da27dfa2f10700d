"""The installed units: what they say, and others with their settings."""

import json
import re
from typing import Any

from tests.boot.machine import PACKAGES, Machine, until

COLLECTOR, WEBUI, WIRE = "health-collectord", "health-webui", "python3-health-wire"
UNITS = (COLLECTOR, WEBUI)
CONFIG = f"/etc/{COLLECTOR}/config.toml"
STATE = f"/var/lib/{COLLECTOR}"
CALM = f"/etc/systemd/system/{COLLECTOR}.service.d"
_INSTALL = (
    "apt-get", "install", "-y", "--no-install-recommends", "-o", "Dpkg::Options::=--force-confold",
)  # fmt: skip

created: list[str] = []  # units of the running test's own


def install(machine: Machine, *names: str, options: tuple[str, ...] = ()) -> None:
    machine.run(*_INSTALL, *options, *(f"/{PACKAGES}/{name}" for name in names))


def status(machine: Machine, *options: str) -> dict[str, Any]:
    """What ``status --json`` says."""
    said = machine.run(COLLECTOR, "status", "--json", *options, check=False).stdout
    return dict(json.loads(said))


def verdict(machine: Machine) -> str:
    health = status(machine)["health"]
    return f"{health['status']}: {health['summary']}"


def answers(machine: Machine) -> None:
    """Waits until the collector has judged the machine."""
    until(
        lambda: status(machine)["health"]["status"] in ("healthy", "warning"),
        20,
        lambda: verdict(machine),
    )


def calm(machine: Machine) -> None:
    """A busy host shall not make a difference: only memory is judged from now on.

    And mounts are looked for more often than twice a minute, for which a test would have to wait.
    """
    told = machine.run(COLLECTOR, "check-config").stdout
    keys = re.findall(r"(?m)^(metrics\.(?:cpu|load|disk)\.\w+_(?:warning|critical)) ", told)
    assert keys
    values = {**dict.fromkeys(keys, "false"), "metrics.disk.interval": "2"}
    lines = ["[Service]"]
    for key, value in values.items():
        lines.append(f"Environment=HEALTH_COLLECTORD_{key.upper().replace('.', '_')}={value}")
    machine.write(f"{CALM}/calm.conf", "\n".join(lines) + "\n")
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "restart", COLLECTOR)
    answers(machine)


def restart(machine: Machine) -> dict[str, Any]:
    """What the installed collector says of why it was started."""
    said = until(lambda: status(machine)["state"].get("system", {}).get("restart"), 20)
    return dict(said)


def causes(machine: Machine, unit: str) -> list[str]:
    """Of each start of a unit of the test's own, as they are recorded."""
    found = f"/var/lib/{unit}/history/*/*.jsonl"
    said = machine.run("sh", "-c", f"cat {found}", check=False).stdout
    told = [json.loads(line) for line in said.splitlines() if line.endswith("}")]
    return [e["data"]["cause"] for e in told if e["name"] == "system.restart.updated"]


def kills_for_memory_are_told(machine: Machine) -> bool:
    """systemd knows of them by cgroup v2 alone."""
    v2 = machine.run("test", "-e", "/sys/fs/cgroup/cgroup.controllers", check=False)
    return v2.returncode == 0


def variant(
    machine: Machine, name: str, program: str, *settings: str, unit: str = COLLECTOR
) -> str:
    """A unit with the installed unit's own settings that runs another program, on free ports."""
    lines = []
    for line in machine.read(machine.prop(unit, "FragmentPath")).splitlines():
        if re.match(r"(ConfigurationDirectory|RuntimeDirectory)=", line):
            continue
        if line.startswith("ExecStart="):
            line = f"ExecStart={program}"
        elif line.startswith("StateDirectory="):
            line = f"StateDirectory={name}"
        elif line.startswith("WorkingDirectory="):
            line = f"WorkingDirectory=%S/{name}"
        elif line == "[Install]":
            break
        lines.append(line)
    lines += ["Environment=HEALTH_COLLECTORD_EVENTS=tcp://127.0.0.1:0"]
    lines += ["Environment=HEALTH_COLLECTORD_STATE=tcp://127.0.0.1:0"]
    lines += [f"Environment=HEALTH_COLLECTORD_DATA_DIR=/var/lib/{name}", *settings]
    machine.write(f"/run/systemd/system/{name}.service", "\n".join(lines) + "\n")
    machine.run("systemctl", "daemon-reload")
    created.append(name)
    return name


def faulty(machine: Machine, fault: str, *settings: str) -> str:
    program = f"/usr/bin/python3 /usr/local/lib/faulty.py {fault} %S/faulty-{fault}/marker run"
    return variant(machine, f"faulty-{fault}", program, *settings)


def main_pid(machine: Machine, unit: str) -> str:
    """The number of a unit's process, as soon as it has one: 0 would be the killer's own group."""
    return str(
        until(
            lambda: machine.prop(unit, "MainPID").removeprefix("0"),
            20,
            lambda: machine.journal(unit),
        )
    )


def is_restarted(machine: Machine, unit: str, before: str) -> bool:
    """Whether the unit is active with another main process."""
    return machine.is_active(unit) and machine.prop(unit, "MainPID") not in ("0", before)
