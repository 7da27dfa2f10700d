"""CPU time by what it was spent on, from ``/proc/stat`` (man 5 proc_stat)."""

from dataclasses import dataclass
from typing import Annotated

from health_collectord.host import Host
from health_collectord.vocabulary import (
    Above,
    Figures,
    Gauge,
    Lines,
    Metric,
    Options,
    Row,
    Rows,
    Telemetry,
    Unavailable,
    Unit,
)

# The columns of a cpu line, in jiffies. Two more follow, guest and guest_nice, which user and
# nice include already; these eight are the whole.
_COLUMNS = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
_SHARES = (*_COLUMNS, "used_percent")
_IDLE, _IOWAIT = _COLUMNS.index("idle"), _COLUMNS.index("iowait")


@dataclass(slots=True, frozen=True, kw_only=True)
class Core(Row):
    used_percent: Annotated[
        float, Gauge(Unit.PERCENT, "neither idle nor waiting for I/O", label="Busy")
    ]
    user: Annotated[float, Gauge(Unit.PERCENT, "programs, guests included", history=False)]
    system: Annotated[float, Gauge(Unit.PERCENT, "the kernel", history=False)]
    nice: Annotated[
        float, Gauge(Unit.PERCENT, "programs of low priority", history=False, label="Low priority")
    ]
    idle: Annotated[float, Gauge(Unit.PERCENT, "nothing to do", history=False)]
    iowait: Annotated[
        float, Gauge(Unit.PERCENT, "idle while I/O is pending", history=False, label="I/O wait")
    ]
    irq: Annotated[
        float, Gauge(Unit.PERCENT, "hardware interrupts", history=False, label="Interrupts")
    ]
    softirq: Annotated[
        float, Gauge(Unit.PERCENT, "software interrupts", history=False, label="Soft interrupts")
    ]
    steal: Annotated[
        float, Gauge(Unit.PERCENT, "taken by other guests", history=False, label="Stolen")
    ]


@dataclass(slots=True, frozen=True, kw_only=True)
class CpuUsageUpdated(Telemetry):
    user: Annotated[float, Gauge(Unit.PERCENT, "programs, guests included")]
    system: Annotated[float, Gauge(Unit.PERCENT, "the kernel")]
    nice: Annotated[float, Gauge(Unit.PERCENT, "programs of low priority", label="Low priority")]
    idle: Annotated[float, Gauge(Unit.PERCENT, "nothing to do")]
    iowait: Annotated[float, Gauge(Unit.PERCENT, "idle while I/O is pending", label="I/O wait")]
    irq: Annotated[float, Gauge(Unit.PERCENT, "hardware interrupts", label="Interrupts")]
    softirq: Annotated[float, Gauge(Unit.PERCENT, "software interrupts", label="Soft interrupts")]
    steal: Annotated[
        float, Gauge(Unit.PERCENT, "taken by other guests of the same hypervisor", label="Stolen")
    ]
    used_percent: Annotated[
        float, Gauge(Unit.PERCENT, "neither idle nor waiting for I/O", label="Busy")
    ]
    cores: Annotated[
        tuple[Core, ...], Rows("the CPUs that were online at both samples", label="Core")
    ]


Times = tuple[int, ...]
_ZEROS = 3.0  # seconds for which all counters may be 0


class CpuReader:
    """Reads the jiffies since boot and gives their shares since the sample before.

    The whole is the sum of the CPUs' own lines where there are any: the ``cpu`` line counts an
    offline CPU's idle time in another way, and jumps, back or ahead, when one goes offline
    (fs/proc/stat.c, get_idle_time). A CPU that was offline at the sample before, or whose
    counters did not move, has no row.

    Raises:
        OSError: stat cannot be read.
        ValueError: stat holds no cpu lines, or one without eight numbers.
        Unavailable: there are no figures in it.
    """

    def __init__(self, host: Host, options: Options) -> None:  # noqa: ARG002 has no options
        self._stat = host.proc("stat")
        self._before: dict[bytes, Times] = {}
        self._moved = float("inf")

    def read(self, now: float) -> CpuUsageUpdated | None:
        after = _parse_stat(self._stat.read(), self._stat.path)
        before = self._before
        cores, deltas = [], []
        whole = None
        for name, times in after.items():
            if name != b"cpu" and (delta := _delta(before.get(name), times)):
                deltas.append(delta)
                whole = _shares(delta)
                cores.append(Core(key=name[3:].decode(), **whole))
        if len(cores) > 1:
            whole = _shares(list(map(sum, zip(*deltas, strict=True))))
        elif not cores and (delta := _delta(before.get(b"cpu"), after[b"cpu"])):
            whole = _shares(delta)
        if whole is None:
            # Either the first sample, or not a jiffy has passed: a longer delta comes next.
            self._before = before or after
            self._moved = min(self._moved, now)
            if now - self._moved >= _ZEROS and not any(map(any, after.values())):
                raise Unavailable(
                    f"{self._stat.path} holds nothing but zeros, as in a sandbox such as gVisor's"
                )
            return None
        self._before, self._moved = after, now
        return CpuUsageUpdated(cores=tuple(cores), **whole)


def _delta(before: Times | None, after: Times) -> list[int] | None:
    """The jiffies between two samples, or None where there are none.

    idle and iowait may go back (man 5 proc_stat), as may everything when a CPU comes back
    online: such a delta counts as 0, and the rest as the whole.
    """
    if before is None:
        return None
    deltas = [a - b if a > b else 0 for a, b in zip(after, before, strict=True)]
    return deltas if any(deltas) else None


def _shares(deltas: list[int]) -> dict[str, float]:
    """The percentages of what was spent."""
    total = sum(deltas)
    busy = total - deltas[_IDLE] - deltas[_IOWAIT]
    # `rounded`, for many at once; most are 0.
    percents = [int(100 * d / total * 10 + 0.5) / 10 if d else 0.0 for d in (*deltas, busy)]
    return dict(zip(_SHARES, percents, strict=True))


def _parse_stat(content: bytes, path: str) -> dict[bytes, Times]:
    """The jiffies of ``cpu``, which is all of them, and of each ``cpuN``; they stand first."""
    times = {}
    # What follows is not split: intr alone is tens of kilobytes on a large machine.
    for line in content.partition(b"\nintr")[0].splitlines():
        if not line.startswith(b"cpu"):
            break
        columns = line.split(None, 9)
        try:
            times[columns[0]] = found = tuple(map(int, columns[1:9]))
        except ValueError:
            raise ValueError(f"{path}: not a cpu line: {line[:60]!r}") from None
        if len(found) < len(_COLUMNS):
            raise ValueError(f"{path}: a cpu line without eight numbers: {line[:60]!r}")
    if b"cpu" not in times:
        raise ValueError(f"{path} does not begin with a cpu line: {content[:40]!r}")
    return times


METRIC = Metric(
    title="CPU",
    message=CpuUsageUpdated,
    state="system.cpu.usage",
    reader=CpuReader,
    interval=1.0,
    order=10,
    # A busy second is no problem, and load per core says when work queues up: no threshold
    # by default, but the configuration can set one.
    rules=(Above("used_percent"),),
    card=Figures("CPU", bar="used_percent", lines=("user", "system", "iowait", "steal")),
    charts=(
        Lines(
            "CPU",
            ("user", "system", "nice", "iowait", "irq", "softirq", "steal"),
            range=(0, 100),
            stacked=True,
        ),
        Lines("CPU, per core", ("used_percent",), rows="cores", range=(0, 100)),
    ),
)
