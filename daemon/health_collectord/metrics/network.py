"""Network traffic, from ``/proc/net/dev`` (man 5 proc_pid_net), and link state from sysfs."""

import re
from dataclasses import dataclass
from fnmatch import translate
from typing import Annotated

from health_collectord.host import Host, KernelFile
from health_collectord.vocabulary import (
    Flag,
    Gauge,
    Lines,
    Metric,
    Options,
    Row,
    Rows,
    Table,
    Telemetry,
    Text,
    Unit,
    rounded,
)

_FIRST = "first sample"
_WENT_BACK = "counters went back"
_SPEED_AGAIN = 30.0  # seconds: asking the driver takes a global lock, and may ask the hardware


@dataclass(slots=True, frozen=True, kw_only=True)
class NetworkOptions(Options):
    hide: Annotated[tuple[str, ...], "glob patterns of interfaces not to show"] = (
        "lo",
        "veth*",
        "docker*",
        "br-*",
        "virbr*",
        "ifb*",
    )


@dataclass(slots=True, frozen=True, kw_only=True)
class Interface(Row):
    rx_bytes_per_second: Annotated[
        float | None, Gauge(Unit.BYTES_PER_SECOND, "received", label="Receive")
    ]
    tx_bytes_per_second: Annotated[float | None, Gauge(Unit.BYTES_PER_SECOND, "sent", label="Send")]
    rx_packets_per_second: Annotated[
        float | None,
        Gauge(Unit.PER_SECOND, "packets received", history=False, label="Packets received"),
    ]
    tx_packets_per_second: Annotated[
        float | None, Gauge(Unit.PER_SECOND, "packets sent", history=False, label="Packets sent")
    ]
    rx_errors_per_second: Annotated[
        float | None, Gauge(Unit.PER_SECOND, "damaged on arrival", label="Damaged")
    ]
    tx_errors_per_second: Annotated[
        float | None, Gauge(Unit.PER_SECOND, "not sent, by error", label="Not sent")
    ]
    rx_drops_per_second: Annotated[
        float | None, Gauge(Unit.PER_SECOND, "arrived, thrown away", label="Dropped on arrival")
    ]
    tx_drops_per_second: Annotated[
        float | None, Gauge(Unit.PER_SECOND, "thrown away unsent", label="Dropped unsent")
    ]
    rx_bytes: Annotated[int, Gauge(Unit.BYTES, "received, ever", history=False, label="Received")]
    tx_bytes: Annotated[int, Gauge(Unit.BYTES, "sent, ever", history=False, label="Sent")]
    up: Annotated[
        bool | None, Flag("can carry traffic", "Check the cable, the switch, or the wireless key.")
    ]
    operstate: Annotated[
        str | None, Text("the link, in the kernel's words (RFC 2863)", label="Link")
    ]
    speed_bits_per_second: Annotated[
        int | None,
        Gauge(
            Unit.BITS_PER_SECOND, "of the link; null if unknown", history=False, label="Link speed"
        ),
    ]
    reason: Annotated[str | None, Text("why there are no rates")]


@dataclass(slots=True, frozen=True, kw_only=True)
class NetworkUsageUpdated(Telemetry):
    rx_bytes_per_second: Annotated[
        float | None,
        Gauge(
            Unit.BYTES_PER_SECOND,
            "received by all hardware, or if none is shown by all",
            label="Receive",
        ),
    ]
    tx_bytes_per_second: Annotated[
        float | None,
        Gauge(
            Unit.BYTES_PER_SECOND, "sent by all hardware, or if none is shown by all", label="Send"
        ),
    ]
    interfaces: Annotated[
        tuple[Interface, ...], Rows("the interfaces that are not hidden", label="Interface")
    ]


Counters = tuple[int, ...]
Rates = tuple[float | None, ...]

# The columns of a line of net/dev that become rates: bytes, packets, errs, drop of either way.
_COLUMNS = (0, 8, 1, 9, 2, 10, 3, 11)
_NO_RATES: Rates = (None,) * len(_COLUMNS)


class NetworkReader:
    """Reads the counters and gives what each gained per second since the sample before.

    Counters go back when an interface is made anew, and wrap at 4 GiB on 32-bit kernels: then
    that interface has no rates at that sample, and `reason` says so. One without traffic has 0.

    Raises:
        OSError: net/dev cannot be read.
        ValueError: net/dev holds a line without its 16 numbers.
    """

    def __init__(self, host: Host, options: NetworkOptions) -> None:
        self._host = host
        # net is a link to self/net: the reader's own network, not process 1's.
        own = host.foreign and (host.procfs / "1/net/dev").exists()
        self._dev = host.proc("1/net/dev" if own else "net/dev")
        self._keys = _Keys(options.hide)
        self._before: dict[str, Counters] = {}
        self._time: float | None = None
        self._links: dict[str, _Link] = {}

    def read(self, now: float) -> NetworkUsageUpdated | None:
        after = _parse_dev(self._dev.read(), self._keys, self._dev.path)
        before, last = self._before, self._time
        if last is None or now <= last:
            self._before, self._time = (before or after), (now if last is None else last)
            return None
        self._before, self._time = after, now
        for gone in self._links.keys() - after.keys():
            del self._links[gone]
        rows = []
        for name, counters in after.items():
            rates, reason = _rates(before.get(name), counters, now - last)
            link = self._links.get(name)
            if link is None:
                link = self._links[name] = _Link(self._host, name)
            operstate, speed = link.read(now)
            rows.append(
                Interface(
                    key=name,
                    rx_bytes_per_second=rates[0],
                    tx_bytes_per_second=rates[1],
                    rx_packets_per_second=rates[2],
                    tx_packets_per_second=rates[3],
                    rx_errors_per_second=rates[4],
                    tx_errors_per_second=rates[5],
                    rx_drops_per_second=rates[6],
                    tx_drops_per_second=rates[7],
                    rx_bytes=counters[0],
                    tx_bytes=counters[8],
                    # "unknown" carries traffic: its driver does not say (networking/operstates).
                    up=None if operstate is None else operstate in ("up", "unknown"),
                    operstate=operstate,
                    speed_bits_per_second=speed,
                    reason=reason,
                )
            )
        # A byte through a bridge, a VLAN or a tunnel passes the hardware too: count it once.
        counted = [row for row in rows if self._links[row.key].hardware] or rows
        return NetworkUsageUpdated(
            rx_bytes_per_second=_total([row.rx_bytes_per_second for row in counted]),
            tx_bytes_per_second=_total([row.tx_bytes_per_second for row in counted]),
            interfaces=tuple(rows),
        )


class _Keys(dict[bytes, str | None]):
    """An interface's key by its name as net/dev has it; None where it is hidden."""

    def __init__(self, hide: tuple[str, ...]) -> None:
        super().__init__()
        self._hidden = re.compile("|".join(map(translate, hide)) or "(?!)")

    def __missing__(self, name: bytes) -> str | None:
        if len(self) >= 1000:  # interfaces that come and go for ever
            self.clear()
        key = name.strip().decode("utf-8", "backslashreplace")
        found = self[name] = None if self._hidden.match(key) else key
        return found


class _Link:
    """An interface's link: its operational state at each sample, its speed now and then."""

    __slots__ = ("_operstate", "_seen", "_speed", "_speed_at", "_speed_file", "hardware")

    def __init__(self, host: Host, name: str) -> None:
        self._operstate = host.sys(f"class/net/{name}/operstate")
        self._speed_file = host.sys(f"class/net/{name}/speed")
        self._seen: bytes | None = None
        self._speed: int | None = None
        self._speed_at = float("-inf")
        self.hardware = (host.sysfs / "class/net" / name / "device").exists()

    def read(self, now: float) -> tuple[str | None, int | None]:
        """The operational state and the speed in bits per second, None where unknown."""
        state = _read_again(self._operstate)
        if state != self._seen or now >= self._speed_at:
            self._seen, self._speed_at = state, now + _SPEED_AGAIN
            self._speed = self._read_speed()
        return (state.decode("ascii", "replace").strip() if state else None), self._speed

    def _read_speed(self) -> int | None:
        """In Mbit/s in sysfs; -1 is unknown, and EINVAL too (ABI/testing/sysfs-class-net)."""
        try:
            megabits = int(_read_again(self._speed_file) or -1)
        except ValueError:
            return None
        return megabits * 1_000_000 if megabits > 0 else None


def _read_again(file: KernelFile) -> bytes | None:
    """The content; a file held open from before the interface was made anew is opened again."""
    for _ in range(2):
        try:
            return file.read()
        except OSError:
            continue
    return None


def _rates(before: Counters | None, after: Counters, seconds: float) -> tuple[Rates, str | None]:
    if before is None:
        return _NO_RATES, _FIRST
    gained = [after[i] - before[i] for i in _COLUMNS]
    if min(gained) < 0:
        return _NO_RATES, _WENT_BACK
    return tuple([rounded(g / seconds) if g else 0.0 for g in gained]), None


def _total(rates: list[float | None]) -> float | None:
    known = [rate for rate in rates if rate is not None]
    return rounded(sum(known)) if known else None


def _parse_dev(content: bytes, keys: _Keys, path: str) -> dict[str, Counters]:
    """The 16 counters of each interface that is not hidden, after two lines of headings."""
    found = {}
    lines = content.splitlines()
    if len(lines) < 2 or b"|" not in lines[1]:
        raise ValueError(f"{path} does not begin with its two lines of headings")
    for line in lines[2:]:
        name, colon, columns = line.partition(b":")
        key = keys[name] if colon else ""
        if key is None:
            continue
        try:
            counters = tuple(map(int, columns.split()))
        except ValueError:
            counters = ()
        if len(counters) < 16 or min(counters) < 0 or max(counters) >> 64:
            raise ValueError(f"{path}: not an interface's 16 counters: {line[:60]!r}")
        found[key] = counters
    return found


METRIC = Metric(
    title="Network",
    message=NetworkUsageUpdated,
    state="system.network.usage",
    reader=NetworkReader,
    interval=1.0,
    order=50,
    options=NetworkOptions,
    card=Table(
        "Network",
        rows="interfaces",
        columns=("rx_bytes_per_second", "tx_bytes_per_second", "up", "speed_bits_per_second"),
        lines=("rx_bytes_per_second", "tx_bytes_per_second"),
    ),
    charts=(Lines("Network", ("rx_bytes_per_second", "tx_bytes_per_second"), rows="interfaces"),),
)
