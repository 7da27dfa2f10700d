"""What this machine is: things that hardly ever change."""

import platform
import shlex
import socket
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Annotated

from health_collectord.host import Host
from health_collectord.vocabulary import (
    Facts,
    Gauge,
    Metric,
    Options,
    Telemetry,
    Text,
    Time,
    Unit,
)

# What boards say whose maker did not fill in the field.
_NO_MODEL = frozenset(
    {"", "default string", "system product name", "to be filled by o.e.m.", "not applicable"}
)


@dataclass(slots=True, frozen=True, kw_only=True)
class IdentityOptions(Options):
    serial: Annotated[bool, "publish the hardware's serial number to whoever may listen"] = False


@dataclass(slots=True, frozen=True, kw_only=True)
class Identity(Telemetry):
    hostname: Annotated[str | None, Text("host name", label="Host name")]
    model: Annotated[str | None, Text("hardware model")]
    serial: Annotated[str | None, Text("serial number of the hardware; null unless asked for")]
    distribution: Annotated[str | None, Text("distribution and its version")]
    kernel: Annotated[str | None, Text("kernel release")]
    architecture: Annotated[str | None, Text("the kernel's architecture, as in uname -m")]
    addresses: Annotated[
        str | None, Text("IP addresses that others can reach it at; null for another host's copy")
    ]
    cores: Annotated[int | None, Gauge(Unit.COUNT, "CPUs that are online", history=False)]
    memory_bytes: Annotated[int | None, Gauge(Unit.BYTES, "usable RAM", history=False)]
    boot_time: Annotated[
        str | None, Time("when the kernel started, by the wall clock of today", label="Up since")
    ]
    boot_id: Annotated[str | None, Text("changes with every boot")]


class IdentityReader:
    """Reads each fact from where the kernel or the distribution keeps it; a missing one is null.

    Sources: man 5 proc_sys_kernel, proc_stat, proc_meminfo, os-release; the device tree's
    ``model`` and ``serial-number``, which end in NUL; the kernel's ABI/testing/sysfs-class-dmi
    (where serials are for root only); the addresses from psutil.
    """

    def __init__(self, host: Host, options: IdentityOptions) -> None:
        self._host = host
        self._serial = options.serial

    def read(self, now: float) -> Identity:  # noqa: ARG002 no rates here
        kernel = self._host.procfs / "sys/kernel"
        text = self._host.text
        stat = text(self._host.procfs / "stat") or ""
        boot = _figure(stat, "btime ")
        memory = _figure(text(self._host.procfs / "meminfo") or "", "MemTotal:")
        cores = sum(line[:3] == "cpu" and line[3:4].isdigit() for line in stat.splitlines())
        return Identity(
            hostname=text(kernel / "hostname") or None,
            model=self._model(),
            serial=self._hardware_serial() if self._serial else None,
            distribution=self._distribution(),
            kernel=text(kernel / "osrelease") or None,
            architecture=self._architecture(),
            addresses=None if self._host.foreign else _addresses(),
            cores=cores or None,
            memory_bytes=memory << 10 if memory else None,
            boot_time=_instant(boot) if boot else None,
            boot_id=text(kernel / "random/boot_id") or None,
        )

    def _model(self) -> str | None:
        model = self._device_tree("model")
        if model is None:
            model = self._host.text(self._host.sysfs / "class/dmi/id/product_name") or ""
        return None if model.lower() in _NO_MODEL else model

    def _hardware_serial(self) -> str | None:
        serial = self._device_tree("serial-number")
        return serial or self._host.text(self._host.sysfs / "class/dmi/id/product_serial") or None

    def _device_tree(self, name: str) -> str | None:
        text = self._host.text(self._host.procfs / "device-tree" / name)
        return text or self._host.text(self._host.sysfs / "firmware/devicetree/base" / name) or None

    def _architecture(self) -> str | None:
        """From the kernel since 6.1; before, ours will do if the kernel is the one we run on."""
        said = self._host.text(self._host.procfs / "sys/kernel/arch")
        return said or (None if self._host.foreign else platform.machine()) or None

    def _distribution(self) -> str | None:
        """PRETTY_NAME, which os-release quotes as a shell does."""
        for place in ("etc/os-release", "usr/lib/os-release"):
            for line in (self._host.text(self._host.root / place) or "").splitlines():
                name, _, value = line.partition("=")
                if name == "PRETTY_NAME":
                    return _unquoted(value)
        return None


def _addresses() -> str | None:
    """IPv4 before IPv6, without loopback and link-local ones, which lead nowhere from outside."""
    import psutil  # the kernel tells addresses over netlink only; needed once a minute

    found = set()
    for addresses in psutil.net_if_addrs().values():
        for address in addresses:
            if address.family in (socket.AF_INET, socket.AF_INET6):
                ip = ip_address(address.address.partition("%")[0])
                if not (ip.is_loopback or ip.is_link_local):
                    found.add((ip.version, ip.packed, str(ip)))
    return ", ".join(text for _, _, text in sorted(found)) or None


def _unquoted(value: str) -> str | None:
    try:
        return " ".join(shlex.split(value)) or None
    except ValueError:  # a quote without its fellow
        return None


def _figure(content: str, name: str) -> int | None:
    """The number after `name` at the beginning of a line."""
    for line in content.splitlines():
        if line.startswith(name):
            words = line.split()
            return int(words[1]) if len(words) > 1 and words[1].isdecimal() else None
    return None


def _instant(seconds: int) -> str | None:
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
    except (OverflowError, OSError, ValueError):
        return None


METRIC = Metric(
    title="Identity",
    message=Identity,
    state="system.identity",
    reader=IdentityReader,
    interval=60.0,
    order=80,
    options=IdentityOptions,
    on_change=True,
    card=Facts(
        "This machine",
        lines=(
            "hostname",
            "model",
            "serial",
            "distribution",
            "kernel",
            "architecture",
            "addresses",
            "cores",
            "memory_bytes",
            "boot_time",
        ),
    ),
)
