"""Memory and swap, from ``/proc/meminfo`` (man 5 proc_meminfo)."""

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
    Telemetry,
    Unit,
    rounded,
)


@dataclass(slots=True, frozen=True, kw_only=True)
class MemoryUsageUpdated(Telemetry):
    total_bytes: Annotated[int, Gauge(Unit.BYTES, "usable RAM", history=False)]
    available_bytes: Annotated[int, Gauge(Unit.BYTES, "can be had without swapping")]
    used_percent: Annotated[float, Gauge(Unit.PERCENT, "what is not available")]
    free_bytes: Annotated[int, Gauge(Unit.BYTES, "not used for anything", history=False)]
    buffers_bytes: Annotated[int, Gauge(Unit.BYTES, "block device buffers", history=False)]
    cached_bytes: Annotated[
        int, Gauge(Unit.BYTES, "page cache and reclaimable slab", history=False)
    ]
    swap_total_bytes: Annotated[int, Gauge(Unit.BYTES, "swap space, all devices", history=False)]
    swap_used_bytes: Annotated[int, Gauge(Unit.BYTES, "swap space in use")]
    swap_used_percent: Annotated[
        float | None, Gauge(Unit.PERCENT, "swap in use; null without swap", label="Swap")
    ]
    zfs_arc_bytes: Annotated[
        int | None,
        Gauge(Unit.BYTES, "ZFS cache, which counts as used but shrinks; null without ZFS"),
    ]


class MemoryReader:
    """Reads meminfo, whose figures are in KiB.

    MemAvailable can exceed MemTotal inside LXC (clamped) and is missing before Linux 3.14 (then
    free + buffers + cached stand in for it, as free(1) did).

    Raises:
        OSError: meminfo cannot be read.
        ValueError: meminfo lacks MemTotal or holds something other than numbers.
    """

    def __init__(self, host: Host, options: Options) -> None:  # noqa: ARG002 has no options
        self._meminfo = host.proc("meminfo")
        arcstats = host.proc("spl/kstat/zfs/arcstats")
        self._arcstats = arcstats if (host.procfs / "spl/kstat/zfs/arcstats").exists() else None

    def read(self, now: float) -> MemoryUsageUpdated:  # noqa: ARG002 no rates here
        content = b"\n" + self._meminfo.read()
        total = _kib(content, b"\nMemTotal:")
        free = _kib(content, b"\nMemFree:")
        if total is None or free is None:
            missing = "MemTotal" if total is None else "MemFree"
            raise ValueError(f"{self._meminfo.path} has no {missing}")
        if total <= 0:
            raise ValueError(f"{self._meminfo.path} says that MemTotal is {total} kB")
        buffers = _kib(content, b"\nBuffers:") or 0
        cached = (_kib(content, b"\nCached:") or 0) + (_kib(content, b"\nSReclaimable:") or 0)
        available = _kib(content, b"\nMemAvailable:")
        if available is None:
            available = free + buffers + cached
        available = min(max(available, 0), total)
        swap_total = max(_kib(content, b"\nSwapTotal:") or 0, 0)
        swap_used = min(max(swap_total - (_kib(content, b"\nSwapFree:") or 0), 0), swap_total)
        return MemoryUsageUpdated(
            total_bytes=total << 10,
            available_bytes=available << 10,
            used_percent=rounded(100 * (total - available) / total),
            free_bytes=free << 10,
            buffers_bytes=buffers << 10,
            cached_bytes=cached << 10,
            swap_total_bytes=swap_total << 10,
            swap_used_bytes=swap_used << 10,
            swap_used_percent=rounded(100 * swap_used / swap_total) if swap_total else None,
            zfs_arc_bytes=self._arc_size(),
        )

    def _arc_size(self) -> int | None:
        """The ``size`` row of the ZFS module's arcstats: name, type, data."""
        if self._arcstats is None:
            return None
        for line in self._arcstats.read().splitlines():
            if line.startswith(b"size "):
                return int(line.split()[2])
        return None


def _kib(content: bytes, head: bytes) -> int | None:
    """The number in the line that begins with `head`; None without such a line.

    A head is a line's end and a name with its colon. Only the lines that are used are parsed:
    there are fifty.
    """
    begin = content.find(head)
    if begin < 0:
        return None
    try:
        return int(content[begin + len(head) : content.index(b" kB", begin)])
    except ValueError:
        line = content[begin + 1 :].partition(b"\n")[0]
        raise ValueError(f"not a line of meminfo: {line[:40]!r}") from None


_ADVICE = (
    "See which programs hold it: ps aux --sort=-rss | head. End or limit the largest, or give the"
    " machine more memory."
)

METRIC = Metric(
    title="Memory",
    message=MemoryUsageUpdated,
    state="system.memory.usage",
    reader=MemoryReader,
    interval=1.0,
    order=20,
    rules=(
        Above("used_percent", warning=85, critical=95, advice=_ADVICE),
        Above("swap_used_percent", warning=80, advice=_ADVICE),
    ),
    card=Figures(
        "Memory",
        bar="used_percent",
        lines=("available_bytes", "total_bytes", "swap_used_bytes", "swap_total_bytes"),
    ),
    charts=(Lines("Memory", ("used_percent", "swap_used_percent"), range=(0, 100)),),
)
