"""Network traffic, from ``/proc/net/dev`` (man 5 proc_pid_net), and link state from sysfs."""

import os
import re
from dataclasses import dataclass
from fnmatch import translate
from typing import Annotated

from health_collectord.host import INNER_INTERFACES, Host, KernelFile
from health_collectord.netdevs import count_once
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
_GARBLED = "its line in net/dev is not 16 counters"
# Seconds. Asking a driver for its speed takes a global lock, and may ask the hardware.
_SPEED_AGAIN = 30.0
_STACKED_AGAIN = 300.0  # and at once where an interface comes or goes

# Machines whose kernel counts in 32 bits where a driver has no counters of its own (struct
# net_device_stats is of unsigned longs). An armv8l is a 64-bit kernel that was told to say so.
_COUNTS_IN_32_BITS = re.compile(r"arm(v[4-7].*)?|i[3-6]86|mips(el)?|ppc|riscv32")
_WRAP = 1 << 32


@dataclass(slots=True, frozen=True, kw_only=True)
class NetworkOptions(Options):
    hide: Annotated[
        tuple[str, ...],
        "glob patterns of interfaces not to show, nor the addresses of",
    ] = INNER_INTERFACES


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
    rx_bytes: Annotated[
        int | None, Gauge(Unit.BYTES, "received, ever", history=False, label="Received")
    ]
    tx_bytes: Annotated[int | None, Gauge(Unit.BYTES, "sent, ever", history=False, label="Sent")]
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
    reason: Annotated[str | None, Text("why a rate is not known")]


@dataclass(slots=True, frozen=True, kw_only=True)
class NetworkUsageUpdated(Telemetry):
    rx_bytes_per_second: Annotated[
        float | None,
        Gauge(
            Unit.BYTES_PER_SECOND,
            "received by all hardware, or if none is shown by all; null if a part is unknown",
            label="Receive",
        ),
    ]
    tx_bytes_per_second: Annotated[
        float | None,
        Gauge(
            Unit.BYTES_PER_SECOND,
            "sent by all hardware, or if none is shown by all; null if a part is unknown",
            label="Send",
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

    Counters go back when an interface is made anew, and some wrap at 4 GiB on 32-bit kernels. One
    that went back has no rate at that sample, and `reason` says so, unless it is known to have
    wrapped. An interface without traffic has 0.

    Raises:
        OSError: net/dev cannot be read.
        ValueError: net/dev holds lines, and none with 16 numbers.
    """

    def __init__(self, host: Host, options: NetworkOptions) -> None:
        self._host = host
        # net is a link to self/net: the reader's own network, not process 1's.
        own = host.process == "1" and os.path.exists(host.procfs / "1/net/dev")
        self._dev = host.proc("1/net/dev" if own else "net/dev")
        self._keys = _Keys(options.hide)
        self._before: dict[str, Counters] = {}
        self._time: float | None = None
        self._links: dict[str, _Link] = {}
        self._counted: frozenset[str] = frozenset()
        self._count_again = 0.0
        self._wraps = bool(_COUNTS_IN_32_BITS.fullmatch(host.architecture or ""))

    def read(self, now: float) -> NetworkUsageUpdated | None:
        after = _parse_dev(self._dev.read(), self._keys, self._dev.path)
        before, last = self._before, self._time
        if last is None or now <= last:
            self._before, self._time = (before or after), (now if last is None else last)
            return None
        self._before, self._time = after, now
        if now >= self._count_again or self._links.keys() != after.keys():
            self._look(after, now)
        links, counted = self._links, self._counted
        rows = []
        rx: list[float | None] = []
        tx: list[float | None] = []
        for name, counters in after.items():
            rates, reason = _rates(before.get(name), counters, now - last, self._wraps)
            operstate, speed = links[name].read(now)
            if name in counted:
                rx.append(rates[0])
                tx.append(rates[1])
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
                    rx_bytes=counters[0] if counters else None,
                    tx_bytes=counters[8] if counters else None,
                    # "unknown" carries traffic: its driver does not say (networking/operstates).
                    up=None if operstate is None else operstate in ("up", "unknown"),
                    operstate=operstate,
                    speed_bits_per_second=speed,
                    reason=reason,
                )
            )
        return NetworkUsageUpdated(
            rx_bytes_per_second=_total(rx),
            tx_bytes_per_second=_total(tx),
            interfaces=tuple(rows),
        )

    def _look(self, names: dict[str, Counters], now: float) -> None:
        """Which interfaces there are, and which of them stand upon which."""
        self._count_again = now + _STACKED_AGAIN
        folder = self._host.sysfs / "class/net"
        old = self._links
        self._links = {
            name: old.get(name) or _Link(self._host, self._keys.names.get(name, name))
            for name in names
        }
        self._counted = count_once(
            {key: str(folder / self._keys.names.get(key, key)) for key in names}
        )


class _Keys(dict[bytes, str | None]):
    """An interface's key by its name as net/dev has it; None where it is hidden.

    Attributes:
        names: the file name in sysfs of each key, for those whose name is no plain text.
    """

    def __init__(self, hide: tuple[str, ...]) -> None:
        super().__init__()
        self._hidden = re.compile("|".join(map(translate, hide)) or "(?!)")
        self.names: dict[str, str] = {}

    def __missing__(self, name: bytes) -> str | None:
        if len(self) >= 1000:  # interfaces that come and go for ever
            self.clear()
            self.names.clear()
        plain = name.strip()
        key = plain.decode("utf-8", "backslashreplace")
        file = os.fsdecode(plain)
        if file != key:
            self.names[key] = file
        found = self[name] = None if self._hidden.match(key) else key
        return found


class _Link:
    """An interface's link: its operational state at each sample, its speed now and then."""

    __slots__ = ("_operstate", "_seen", "_speed", "_speed_at", "_speed_file", "_word")

    def __init__(self, host: Host, name: str) -> None:
        self._operstate = host.sys(f"class/net/{name}/operstate")
        self._speed_file = host.sys(f"class/net/{name}/speed")
        self._seen: bytes | None = None
        self._word: str | None = None
        self._speed: int | None = None
        self._speed_at = float("-inf")

    def read(self, now: float) -> tuple[str | None, int | None]:
        """The operational state and the speed in bits per second, None where unknown."""
        state = _read_again(self._operstate)
        if state != self._seen or now >= self._speed_at:
            self._seen, self._speed_at = state, now + _SPEED_AGAIN
            self._word = state.decode("ascii", "replace").strip() if state else None
            self._speed = self._read_speed()
        return self._word, self._speed

    def _read_speed(self) -> int | None:
        """In Mbit/s in sysfs; EINVAL is unknown (ABI/testing/sysfs-class-net).

        So is ethtool's SPEED_UNKNOWN, -1, which is 65535 or 4294967295 where it was put into 16
        or 32 bits without a sign.
        """
        try:
            megabits = int(_read_again(self._speed_file) or -1)
        except ValueError:
            return None
        unknown = megabits <= 0 or megabits & 0xFFFF == 0xFFFF
        return None if unknown else megabits * 1_000_000


def _read_again(file: KernelFile) -> bytes | None:
    """The content; a file held open from before the interface was made anew is opened again."""
    for _ in range(2):
        try:
            return file.read()
        except OSError:
            continue
        except ValueError:  # a name that no file can have
            return None
    return None


def _rates(
    before: Counters | None, after: Counters, seconds: float, wraps: bool = False
) -> tuple[Rates, str | None]:
    if not before or not after:
        return _NO_RATES, _FIRST if after else _GARBLED
    gained = [after[i] - before[i] for i in _COLUMNS]
    if min(gained) < 0:
        return _without_what_went_back(gained, before, seconds, wraps)
    return tuple([rounded(g / seconds) if g else 0.0 for g in gained]), None


def _without_what_went_back(
    gained: list[int], before: Counters, seconds: float, wraps: bool
) -> tuple[Rates, str | None]:
    """Rates where a counter went back: none for that one, unless it has wrapped.

    An interface that was made anew begins everything at 0. Where only the bytes of a direction
    went back, and not its packets, or the reverse, they have wrapped.
    """
    rates: list[float | None] = []
    for number, gain in enumerate(gained):
        made_anew = number > 3 or gained[number ^ 2] < 0  # the packets of the bytes
        if gain < 0 and wraps and before[_COLUMNS[number]] < _WRAP and not made_anew:
            gain += _WRAP
        rates.append(rounded(gain / seconds) if gain >= 0 else None)
    return tuple(rates), _WENT_BACK if None in rates else None


def _total(rates: list[float | None]) -> float | None:
    """The sum, if every part of it is known."""
    known = [rate for rate in rates if rate is not None]
    return rounded(sum(known)) if known and len(known) == len(rates) else None


def _parse_dev(content: bytes, keys: _Keys, path: str) -> dict[str, Counters]:
    """The 16 counters of each interface that is not hidden, after two lines of headings.

    A line with a name and without 16 counters gives none; a name may hold colons of its own.
    """
    found: dict[str, Counters] = {}
    sound = True
    lines = content.split(b"\n")
    if len(lines) < 2 or b"|" not in lines[1]:
        raise ValueError(f"{path} does not begin with its two lines of headings")
    for line in lines[2:]:
        name, colon, columns = line.rpartition(b":")
        key = keys[name] if colon else None
        if key is None:
            if line and not colon:
                sound = False
            continue
        try:
            counters = tuple(map(int, columns.split()))
        except ValueError:
            counters = ()
        if len(counters) < 16 or min(counters) < 0 or max(counters) >> 64:
            counters, sound = (), False
        found[key] = counters
    if not sound and not any(found.values()):
        raise ValueError(f"{path}: not an interface's 16 counters: {lines[2][:60]!r}")
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
