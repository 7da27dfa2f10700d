"""What the units' restrictions keep from them, and what not."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.boot.machine import Machine, until
from tests.boot.one_machine.units import COLLECTOR, UNITS, WEBUI, answers, status, variant, verdict
from tests.firmware import ACCEPTED


def outside(machine: Machine, *settings: str, name: str = "outside") -> dict[str, Any]:
    """What the same program says of the machine when it runs with no settings but these."""
    ports = ("--events", "tcp://127.0.0.1:9087", "--state", "tcp://127.0.0.1:9088")
    options = [word for setting in settings for word in ("-p", setting)]
    machine.run(
        "systemd-run", "-q", f"--unit={name}", "-p", "Type=notify", *options,
        COLLECTOR, "run", *ports, "--data-dir", "/tmp/outside",
    )  # fmt: skip
    try:
        until(
            lambda: status(machine, *ports)["health"]["status"] in ("healthy", "warning"),
            20,
            lambda: status(machine, *ports)["health"],
        )
        return status(machine, *ports)
    finally:
        machine.run("systemctl", "stop", name, check=False)


def mounts(told: dict[str, Any]) -> dict[str, tuple[Any, ...]]:
    kept = ("device", "fstype", "total_bytes", "read_only", "status", "reason")
    rows = told["state"]["system"]["disk"]["usage"]["mounts"]
    return {row["key"]: tuple(row[name] for name in kept) for row in rows}


def test_figures_are_the_same_inside_the_sandbox(machine: Machine) -> None:
    device = machine.disk("external", 48)
    private = machine.disk("private", 32)
    for each, point in ((device, "/mnt/external"), (private, "/media/someone/stick")):
        machine.run("mknod", each, "b", "7", each.removeprefix("/dev/loop"))
        machine.run("mkdir", "-p", point)
        machine.run("mount", each, point)  # while it runs: the sandbox has to see it all the same
    machine.run("chmod", "750", "/media/someone")
    machine.run("ip", "link", "add", "dummy0", "type", "dummy", check=False)
    machine.run("systemctl", "kill", "-s", "HUP", COLLECTOR)
    running = until(
        lambda: with_mount(machine, "/mnt/external"), 40, lambda: mounts(status(machine))
    )
    machine.run("systemctl", "restart", COLLECTOR)
    answers(machine)
    inside = status(machine)
    control = outside(machine, f"User={COLLECTOR}", "SupplementaryGroups=video")
    assert mounts(inside) == mounts(control) == mounts(running)
    assert mounts(inside)["/home"][1:] == ("ext4", mounts(control)["/home"][2], False, "ok", None)
    assert mounts(inside)["/mnt/external"][4] == "ok"
    # Nobody but root gets there: it is told so, and not left out.
    assert mounts(inside)["/media/someone/stick"][4:] == ("failed", "Permission denied")
    for told in (inside, control):
        told["metrics"] = [
            (metric["name"], metric["status"]["status"]) for metric in told["metrics"]
        ]
    assert inside["metrics"] == control["metrics"]
    here, there = inside["state"]["system"], control["state"]["system"]
    for told in (here, there):  # in a /proc of its own, as bookworm has it here, it is the host's
        told["identity"].pop("boot_id")
    assert here["identity"] == there["identity"]
    assert here["memory"]["usage"]["total_bytes"] == there["memory"]["usage"]["total_bytes"]
    for name in ("load", "cpu", "network"):
        assert keys(here[name]) == keys(there[name]), name
    hidden = outside(machine, f"User={COLLECTOR}", "ProtectHome=yes", name="hidden")
    assert mounts(hidden) != mounts(inside), "this test would not see a sandbox that hides /home"
    for point in ("/mnt/external", "/media/someone/stick"):
        machine.run("umount", point)


def with_mount(machine: Machine, point: str) -> dict[str, Any] | None:
    told = status(machine)
    return told if point in mounts(told) else None


def keys(value: Any) -> Any:
    """The structure of a state: its keys and the rows' names, without the figures."""
    if isinstance(value, dict):
        return {key: keys(each) for key, each in value.items()}
    if isinstance(value, list):
        return [each["key"] for each in value]
    return type(value) if isinstance(value, bool | str) else None


DROP_IN = f"/run/systemd/system/{COLLECTOR}.service.d"
PLAYED = "/usr/local/lib/firmware"


@pytest.fixture(scope="module")
def nodes(machine: Machine) -> Iterator[None]:
    """Three devices: two with the rights of the Raspberry Pi's firmware, one open to everybody.

    What stands behind them is something else; which of them may be opened is for the kernel.
    """
    misc = dict(line.split()[::-1] for line in Path("/proc/misc").read_text().splitlines())
    numbers = [misc[name] for name in ("loop-control", "fuse", "hw_random", "tun") if name in misc]
    assert len(numbers) >= 3, "too few devices to take the places of others"
    modes = {"/dev/vcio_gencmd": "660", "/dev/vcio": "660", "/dev/another": "666"}
    for (node, mode), number in zip(modes.items(), numbers, strict=False):
        machine.run("mknod", "-m", mode, node, "c", "10", number)
        machine.run("chown", "root:video", node)
    yield
    machine.run("rm", *modes)
    answers(machine)


@pytest.fixture
def firmware(machine: Machine, nodes: None, firmware_library: Path) -> Iterator[None]:
    """Plays the firmware behind these nodes to the installed unit: see tests/firmware.c."""
    machine.copy(firmware_library, f"{PLAYED}.so")
    for node, word in (("vcio_gencmd", "0x50005"), ("vcio", "0x20002")):
        machine.write(f"{PLAYED}/{node}", f"0 0 0 {ACCEPTED} 0 throttled={word}")
    machine.write(
        f"{DROP_IN}/firmware.conf",
        f"[Service]\nEnvironment=LD_PRELOAD={PLAYED}.so FIRMWARE={PLAYED} FIRMWARE_NODES=1\n",
    )
    machine.run("systemctl", "daemon-reload")
    yield
    machine.run("rm", "-rf", PLAYED, f"{PLAYED}.so", DROP_IN)
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "restart", COLLECTOR)


def test_the_firmware_is_asked_through_group_video(machine: Machine, firmware: None) -> None:
    machine.run("systemctl", "restart", COLLECTOR)
    told = until(lambda: throttling(machine), 20, lambda: verdict(machine))
    assert (told["source"], told["raw"]) == ("vcio_gencmd", "0x50005")
    assert (told["under_voltage_now"], told["reason"]) == (True, None)
    # The firmware's word is critical: that is the exit status, too.
    until(lambda: machine.run(COLLECTOR, "status", check=False).returncode == 2, 10)
    machine.run("chmod", "600", "/dev/vcio_gencmd")
    machine.run("systemctl", "restart", COLLECTOR)
    told = until(lambda: throttling(machine), 20, lambda: verdict(machine))
    assert (told["source"], told["raw"]) == ("vcio", "0x20002")
    assert told["under_voltage_since_boot"] is True, "the collector before it has seen it"
    machine.run("chmod", "660", "/dev/vcio_gencmd")
    for setting in ("SupplementaryGroups=", "DeviceAllow="):
        machine.write(f"{DROP_IN}/test.conf", f"[Service]\n{setting}\n")
        machine.run("systemctl", "daemon-reload")
        machine.run("systemctl", "restart", COLLECTOR)
        told = next(m for m in status(machine)["metrics"] if m["name"] == "throttling")
        assert told["status"]["status"] == "denied", f"without {setting}: {told['status']}"
        assert "/dev/vcio_gencmd and /dev/vcio: add the service's user" in told["status"]["reason"]


def throttling(machine: Machine) -> dict[str, Any] | None:
    found: dict[str, Any] | None = status(machine)["state"]["system"].get("throttling")
    return found


# Setting -> what has to be true of the probe's value inside, and must not be true outside.
EFFECTS = {
    "NoNewPrivileges": lambda v: v == "1",
    "CapabilityBoundingSet": lambda v: v == 0,
    "UMask": lambda v: v == "0027",
    "ProtectSystem": lambda v: v,
    "StateDirectory": lambda v: v == "ok",
    "PrivateTmp": lambda v: not v,
    "PrivateUsers": lambda v: v != "4294967295",
    "ProtectProc": lambda v: not v,
    "ProtectControlGroups": lambda v: v,
    "ProtectKernelTunables": lambda v: v in ("EACCES", "ENOENT"),
    "OtherDevices": lambda v: v in ("EPERM", "ENOENT"),
    "RestrictAddressFamilies": lambda v: v == "EAFNOSUPPORT",
    "RestrictNamespaces": lambda v: v != 0,
    "SystemCallFilter": lambda v: v != 0,
    "LockPersonality": lambda v: v != 0,
    "MemoryDenyWriteExecute": lambda v: v != "ok",
    "MemoryMax": lambda v: v == "SIGKILL",
}
OWN_EFFECTS = {
    COLLECTOR: {
        "ReadOnlyHome": lambda v: v,
        "TasksMax": lambda v: v < 96,
    },
    WEBUI: {
        "ListHome": lambda v: v == "EACCES",
        "ProcSubset": lambda v: not v,
        "Devices": lambda v: v == ["ENOENT", "ENOENT"],
        "TasksMax": lambda v: v < 64,
    },
}


@pytest.mark.parametrize("unit", UNITS)
def test_each_restriction_has_an_effect(machine: Machine, nodes: None, unit: str) -> None:
    machine.run("touch", "/tmp/on-the-host")
    name = variant(
        machine, f"probe-{unit}", "/usr/bin/python3 /usr/local/lib/probe.py",
        "Type=oneshot", "Restart=no", "WatchdogSec=0", "OOMPolicy=continue", unit=unit,
    )  # fmt: skip
    machine.run("systemctl", "start", name)
    said = until(lambda: machine.journal(name, "-t", "python3").strip(), 20, "it said nothing")
    inside = json.loads(said.splitlines()[-1])
    control = machine.run(
        "systemd-run", "-q", "--wait", "--pipe", "-p", "User=nobody",
        "-p", "SupplementaryGroups=video", "/usr/bin/python3", "/usr/local/lib/probe.py",
    ).stdout  # fmt: skip
    without = json.loads(control.strip().splitlines()[-1])
    for setting, holds in {**EFFECTS, **OWN_EFFECTS[unit]}.items():
        assert holds(inside[setting]), f"{setting} has no effect: {inside[setting]!r}"
        assert not holds(without[setting]), (
            f"{setting}: the probe proves nothing: {without[setting]!r}"
        )
    for namespace in ("PrivateIPC", "ProtectHostname"):
        assert inside[namespace] != without[namespace]
    assert inside["ConfigurationDirectory"] == "EROFS"
    if unit == COLLECTOR:
        assert inside["Devices"] == ["ok", "ok"]
        assert inside["ProcSubset"] is True
