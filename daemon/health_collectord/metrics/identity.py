"""What this machine is: things that hardly ever change."""

import re
import shlex
import socket
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import translate
from ipaddress import ip_address
from typing import Annotated

from health_collectord.host import INNER_INTERFACES, Host
from health_collectord.vocabulary import (
    Facts,
    Gauge,
    Metric,
    Options,
    Shared,
    Telemetry,
    Text,
    Time,
    Unit,
)

# Boards whose maker did not fill in a field leave a text in it that says nothing, or names the
# field: "To Be Filled By O.E.M.", "System Product Name", "Not Specified". All their words are
# among these.
_EMPTY_WORDS = frozenset(
    """
    a applicable asset available bad base baseboard be board by chassis config configuration
    customer dash default defined dummy e empty enclosure entered family field fill filled here
    id in index info information invalid is it item m manufacturer missing model n na name nil
    no none not null number o odm oem of out part placeholder platform please present product
    provided reserved rev revision serial set sku spec specified standard string sys system tag
    tba tbc tbd text the this to type unassigned undefined unknow unknown unset unspecified
    user value vendor version
    """.split()  # noqa: SIM905 as literals they fill a screen
)
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")  # of ToBeFilledByOEM too
_COUNTED = "01234567890123456789"


@dataclass(slots=True, frozen=True, kw_only=True)
class IdentityOptions(Options):
    serial: Annotated[bool, "publish the hardware's serial number to whoever may listen"] = False
    hide_interfaces: Annotated[tuple[str, ...], Shared("metrics.network.hide")] = INNER_INTERFACES


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
        self._hidden = re.compile("|".join(map(translate, options.hide_interfaces)) or "(?!)")

    def read(self, now: float) -> Identity:  # noqa: ARG002 no rates here
        kernel = self._host.procfs / "sys/kernel"
        text = self._host.text
        stat = text(self._host.procfs / "stat") or ""
        boot = _figure(stat, "btime ")
        memory = _figure(text(self._host.procfs / "meminfo") or "", "MemTotal:")
        cores = sum(line[:3] == "cpu" and line[3:4].isdigit() for line in stat.split("\n"))
        return Identity(
            hostname=text(kernel / "hostname") or None,
            model=self._model(),
            serial=self._hardware_serial() if self._serial else None,
            distribution=self._distribution(),
            kernel=text(kernel / "osrelease") or None,
            architecture=self._host.architecture,
            addresses=None if self._host.foreign else _addresses(self._hidden),
            cores=cores or None,
            memory_bytes=memory << 10 if memory else None,
            boot_time=_instant(boot) if boot else None,
            boot_id=text(kernel / "random/boot_id") or None,
        )

    def _model(self) -> str | None:
        return self._device_tree("model") or self._dmi("product_name")

    def _hardware_serial(self) -> str | None:
        return self._device_tree("serial-number") or self._dmi("product_serial")

    def _dmi(self, field: str) -> str | None:
        text = self._host.text(self._host.sysfs / "class/dmi/id" / field) or ""
        return None if _says_nothing(text) else text

    def _device_tree(self, name: str) -> str | None:
        text = self._host.text(self._host.procfs / "device-tree" / name)
        return text or self._host.text(self._host.sysfs / "firmware/devicetree/base" / name) or None

    def _distribution(self) -> str | None:
        """PRETTY_NAME, which os-release quotes as a shell does."""
        for place in ("etc/os-release", "usr/lib/os-release"):
            for line in (self._host.text(self._host.within(place)) or "").split("\n"):
                name, _, value = line.partition("=")
                if name == "PRETTY_NAME":
                    return _unquoted(value)
        return None


def _says_nothing(text: str) -> bool:
    """Whether nobody filled in a field: no word of its own, one sign repeated, or a count."""
    signs = re.sub(r"[\W_]", "", text)
    if len(set(signs.lower())) < 2 or (len(signs) > 3 and signs in _COUNTED):
        return True
    words = [word.lower() for word in _WORD.findall(text.replace(".", "").replace("'", ""))]
    return bool(words) and all(w in _EMPTY_WORDS or (w.isdigit() and len(w) == 1) for w in words)


def _addresses(hidden: re.Pattern[str]) -> str | None:
    """IPv4 before IPv6, without loopback and link-local ones, which lead nowhere from outside."""
    import psutil  # the kernel tells addresses over netlink only; needed once a minute

    found = set()
    for name, addresses in psutil.net_if_addrs().items():
        for address in () if hidden.match(name) else addresses:
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
    for line in content.split("\n"):
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
