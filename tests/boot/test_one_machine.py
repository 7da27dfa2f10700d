"""Both packages on one machine, from installation to purge, on each Debian release.

The tests of a release are one machine's life: they run in order. Those before the reboot leave
the machine as they found it.
"""

import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.boot.machine import Machine, command, until

COLLECTOR, WEBUI = "health-collectord", "health-webui"
UNITS = (COLLECTOR, WEBUI)
HERE = Path(__file__).parent
CONFIG = f"/etc/{COLLECTOR}/config.toml"
STATE = f"/var/lib/{COLLECTOR}"
CALM = f"/etc/systemd/system/{COLLECTOR}.service.d"
_INSTALL = (
    "apt-get",
    "install",
    "-y",
    "--no-install-recommends",
    "-o",
    "Dpkg::Options::=--force-confold",
)


_created: list[str] = []  # units of this test's own


@pytest.fixture(scope="module", params=["bookworm", "trixie"])
def machine(
    request: pytest.FixtureRequest, packages: dict[str, Path], work: Path
) -> Iterator[Machine]:
    with Machine(f"{request.param}-one", request.param, work) as machine:
        machine.put_packages(*packages.values())
        machine.give_home_a_disk()
        machine.boot()
        for file in ("faulty.py", "probe.py"):
            machine.write(f"/usr/local/lib/{file}", HERE.joinpath(file).read_text())
        yield machine


def install(machine: Machine, *names: str, options: tuple[str, ...] = ()) -> None:
    machine.run(*_INSTALL, *options, *(f"/root/{name}" for name in names))


def package_name(packages: dict[str, Path], package: str) -> str:
    return packages[package].name


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
    _created.append(name)
    return name


@pytest.fixture(autouse=True)
def _variants_end_with_their_test(machine: Machine) -> Iterator[None]:
    yield
    if _created:
        machine.run("systemctl", "stop", *_created, check=False)
        machine.run("systemctl", "reset-failed", *_created, check=False)
        for name in _created:
            unit = f"/run/systemd/system/{name}.service"
            machine.run("rm", "-rf", unit, f"/var/lib/{name}", f"/var/lib/private/{name}")
        machine.run("systemctl", "daemon-reload")
        _created.clear()


def faulty(machine: Machine, fault: str, *settings: str) -> str:
    program = f"/usr/bin/python3 /usr/local/lib/faulty.py {fault} %S/faulty-{fault}/marker run"
    return variant(machine, f"faulty-{fault}", program, *settings)


def is_restarted(machine: Machine, unit: str, before: str) -> bool:
    """Whether the unit is active with another main process."""
    return machine.is_active(unit) and machine.prop(unit, "MainPID") not in ("0", before)


def test_the_packages_install_offline_and_start(
    machine: Machine, packages: dict[str, Path]
) -> None:
    assert machine.run("which", COLLECTOR, check=False).returncode != 0
    install(machine, package_name(packages, COLLECTOR))
    assert machine.is_active(COLLECTOR), machine.journal(COLLECTOR)
    assert machine.run("systemctl", "is-enabled", COLLECTOR).stdout.strip() == "enabled"
    answers(machine)
    calm(machine)
    assert not machine.is_active(WEBUI)
    install(machine, package_name(packages, WEBUI))
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
    assert "used_percent" in page.stdout
    told = status(machine)
    assert told["host"] == machine.name
    assert told["state"]["system"]["memory"]["usage"]["total_bytes"] > 1e6
    machine.run("systemctl", "stop", COLLECTOR)
    stopped = machine.run(COLLECTOR, "status", check=False)
    assert (stopped.returncode, stopped.stdout.partition(":")[0]) == (3, "Unknown")
    machine.run("systemctl", "start", COLLECTOR)
    answers(machine)


def test_systemctl_status_says_how_it_is(machine: Machine) -> None:
    text = until(
        lambda: said_status(machine, "Healthy; every 1 s"),
        12,
        lambda: machine.prop(COLLECTOR, "StatusText"),
    )
    assert "subscribers" in text
    assert int(machine.prop(COLLECTOR, "WatchdogUSec").removesuffix("s")) == 15


def said_status(machine: Machine, text: str) -> str | None:
    said = machine.prop(COLLECTOR, "StatusText")
    return said if text in said else None


def test_watch_shows_live_events(machine: Machine) -> None:
    words = ("timeout", "4", COLLECTOR, "watch", "system.memory")
    lines = machine.run(*words, check=False).stdout.splitlines()
    events = [json.loads(line) for line in lines if line.startswith("{")]
    assert len(events) >= 2
    assert {event["name"] for event in events} == {"system.memory.usage.updated"}


def test_the_journal_is_for_people(machine: Machine) -> None:
    said = machine.journal(COLLECTOR)
    assert "health is healthy" in said
    assert '{"time"' not in said
    assert "health is healthy" not in machine.journal(COLLECTOR, "-p", "warning")
    before = status(machine)["seq"]
    until(lambda: status(machine)["seq"] > before + 30, 20)
    assert machine.journal(COLLECTOR) == said, "it says something although nothing has changed"


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


VCGENCMD = """#!/bin/sh
(exec 3<> /dev/vcio) 2> /dev/null || {
    echo "Can't open device file: /dev/vcio"
    exit 255
}
echo throttled=0x50005
"""


@pytest.fixture(scope="module")
def nodes(machine: Machine) -> None:
    """Two devices: one with the rights of the Raspberry Pi's firmware, one open to everybody."""
    misc = dict(line.split()[::-1] for line in Path("/proc/misc").read_text().splitlines())
    minor = next(misc[name] for name in ("loop-control", "fuse", "hw_random") if name in misc)
    another = next(
        misc[name] for name in ("fuse", "hw_random", "tun") if misc.get(name, minor) != minor
    )
    for node, number, mode in (("vcio", minor, "660"), ("another", another, "666")):
        machine.run("mknod", f"/dev/{node}", "c", "10", number)
        machine.run("chown", "root:video", f"/dev/{node}")
        machine.run("chmod", mode, f"/dev/{node}")


@pytest.fixture
def vcgencmd(machine: Machine, nodes: None) -> Iterator[None]:
    """A vcgencmd that opens its device before it answers."""
    machine.write("/usr/local/bin/vcgencmd", VCGENCMD, "755")
    yield
    drop_in = f"/run/systemd/system/{COLLECTOR}.service.d"
    machine.run("rm", "-rf", "/usr/local/bin/vcgencmd", drop_in)
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "restart", COLLECTOR)
    answers(machine)


def test_the_firmware_is_asked_through_group_video(machine: Machine, vcgencmd: None) -> None:
    machine.run("systemctl", "restart", COLLECTOR)
    told = until(lambda: throttling(machine), 20, lambda: verdict(machine))
    assert (told["source"], told["raw"]) == ("vcgencmd", "0x50005")
    assert told["under_voltage_now"] is True
    # The firmware's word is critical: that is the exit status, too.
    until(lambda: machine.run(COLLECTOR, "status", check=False).returncode == 2, 10)
    for setting in ("SupplementaryGroups=", "DeviceAllow="):
        machine.write(
            f"/run/systemd/system/{COLLECTOR}.service.d/test.conf", f"[Service]\n{setting}\n"
        )
        machine.run("systemctl", "daemon-reload")
        machine.run("systemctl", "restart", COLLECTOR)
        told = next(m for m in status(machine)["metrics"] if m["name"] == "throttling")
        assert told["status"]["status"] == "denied", f"without {setting}: {told['status']}"


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
        "Devices": lambda v: v == "ENOENT",
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
    inside = json.loads(machine.journal(name, "-t", "python3").strip().splitlines()[-1])
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
        assert inside["Devices"] == "ok"
        assert inside["ProcSubset"] is True


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


def test_what_hangs_or_leaks_is_ended_and_comes_back(machine: Machine) -> None:
    settings = ("WatchdogSec=4s", "RestartSec=500ms")
    settings += ("Environment=HEALTH_COLLECTORD_METRICS_DISK_INTERVAL=1",)
    units = {fault: faulty(machine, fault, *settings) for fault in FAULTS}
    machine.run("systemctl", "start", *units.values())
    stopped = machine.prop(units["stopped"], "MainPID")
    machine.run("kill", "-STOP", stopped)
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
    for fault in ("mount", "none"):
        assert machine.prop(units[fault], "NRestarts") == "0", machine.journal(units[fault])
        assert machine.is_active(units[fault])


@pytest.mark.parametrize("unit", UNITS)
def test_a_crash_is_mended(machine: Machine, unit: str) -> None:
    pid = machine.prop(unit, "MainPID")
    machine.run("kill", "-KILL", pid)
    until(lambda: is_restarted(machine, unit, pid), 20, lambda: machine.journal(unit))
    assert "code=killed, status=9/KILL" in machine.journal(unit)
    answers(machine)


def test_started_means_that_a_sample_is_there(machine: Machine) -> None:
    unit = faulty(machine, "late")
    machine.run("systemctl", "start", unit)
    microseconds = int(machine.prop(unit, "ActiveEnterTimestampMonotonic"))
    microseconds -= int(machine.prop(unit, "ExecMainStartTimestampMonotonic"))
    assert microseconds >= 2_500_000
    machine.run("systemctl", "stop", unit)
    machine.run("rm", f"/var/lib/{unit}/marker")  # as faulty.py knows it: late again
    unit = faulty(machine, "late", "TimeoutStartSec=1500ms", "Restart=no")
    assert machine.run("systemctl", "start", unit, check=False).returncode != 0
    assert machine.prop(unit, "Result") == "timeout"


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


def with_threshold(example: str) -> str:
    """The example file with a threshold that every machine exceeds."""
    changed = re.sub(
        r"(\[metrics\.memory\](?:(?!\n\[).)*?)#used_percent_warning = [0-9.]+",
        r"\1used_percent_warning = 0.01", example, flags=re.DOTALL,
    )  # fmt: skip
    assert changed != example
    return changed


def test_a_configuration_that_cannot_be_used_is_not_tried_for_ever(machine: Machine) -> None:
    good = machine.read(CONFIG)
    machine.write(CONFIG, "intervall = 1\n")
    assert machine.run("systemctl", "restart", COLLECTOR, check=False).returncode != 0
    assert machine.prop(COLLECTOR, "ActiveState") == "failed"
    assert "did you mean interval?" in machine.journal(COLLECTOR)
    machine.write(CONFIG, good)
    machine.run("systemctl", "start", COLLECTOR)
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
    control.write_text(re.sub(r"(?m)^Version: .*", lambda m: f"{m[0]}+1", control.read_text()))
    new = work / f"upgraded-{package.name}"
    command("dpkg-deb", "--root-owner-group", "-b", directory, new)
    return new


def test_upgrade_keeps_configuration_and_history(
    machine: Machine, packages: dict[str, Path], work: Path
) -> None:
    before = machine.run("sh", "-c", f"ls {STATE}/history/*/*.jsonl").stdout.split()
    assert before
    machine.write(f"{STATE}/keys/kept", "a key\n")
    pids = {unit: machine.prop(unit, "MainPID") for unit in UNITS}
    for unit in UNITS:
        machine.run("sh", "-c", f"echo '# my own words' >> /etc/{unit}/config.toml")
    names = []
    for package in packages.values():
        new = upgraded(package, work)
        names.append(new.name)
        machine.copy(new, f"/root/{new.name}")
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
    machine.run("apt-get", "remove", "-y", *UNITS)
    for unit in UNITS:
        assert not machine.is_active(unit)
        assert "# my own words" in machine.read(f"/etc/{unit}/config.toml")
    assert machine.read(f"{STATE}/keys/kept") == "a key\n"
    machine.run("apt-get", "purge", "-y", *UNITS)
    found = machine.run(
        "find", "/etc", "/usr", "/lib", "/var/lib", "/var/log", "/run", "-xdev",
        "(", "-name", "*health-collectord*", "-o", "-name", "*health-webui*", ")",
        "-not", "-path", "/run/systemd/*", "-not", "-path", "/usr/local/*",
    ).stdout  # fmt: skip
    assert found == ""
    assert not machine.run("systemctl", "--failed", "--plain", "--no-legend").stdout
