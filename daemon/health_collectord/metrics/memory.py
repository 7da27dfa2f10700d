"""Memory and swap, from ``/proc/meminfo`` (man 5 proc_meminfo)."""

import os
import re
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

# What stands first, and is read at once where it does; the lines differ between kernels.
_FIRST = (b"\nMemTotal:", b"\nMemFree:", b"\nMemAvailable:", b"\nBuffers:", b"\nCached:")
_HEAD = re.compile(b"".join(name + rb" *(\d+) kB" for name in _FIRST))
_LOOK_FOR_ZFS = 30.0  # seconds


@dataclass(slots=True, frozen=True, kw_only=True)
class MemoryUsageUpdated(Telemetry):
    total_bytes: Annotated[int, Gauge(Unit.BYTES, "usable RAM", history=False)]
    available_bytes: Annotated[
        int, Gauge(Unit.BYTES, "can be had without swapping, from ZFS's cache too")
    ]
    used_percent: Annotated[
        float, Gauge(Unit.PERCENT, "what is not available, of RAM without static huge pages")
    ]
    free_bytes: Annotated[int, Gauge(Unit.BYTES, "not used for anything", history=False)]
    buffers_bytes: Annotated[int | None, Gauge(Unit.BYTES, "block device buffers", history=False)]
    cached_bytes: Annotated[
        int | None, Gauge(Unit.BYTES, "page cache and reclaimable slab", history=False)
    ]
    hugepages_bytes: Annotated[
        int | None,
        Gauge(
            Unit.BYTES,
            "set aside as static huge pages, in use or not; null without any",
            history=False,
            label="Static huge pages",
        ),
    ]
    swap_total_bytes: Annotated[
        int | None, Gauge(Unit.BYTES, "swap space, all devices", history=False)
    ]
    swap_used_bytes: Annotated[int | None, Gauge(Unit.BYTES, "swap space in use")]
    swap_used_percent: Annotated[
        float | None, Gauge(Unit.PERCENT, "swap in use; null without swap", label="Swap")
    ]
    zfs_arc_bytes: Annotated[
        int | None,
        Gauge(Unit.BYTES, "ZFS cache, which shrinks to its least size at need; null without ZFS"),
    ]


class MemoryReader:
    """Reads meminfo, whose figures are in KiB.

    MemAvailable says nothing where it is missing (before Linux 3.14), 0, or above MemTotal (in a
    container); then MemFree stands in for it, as in procps. It does not know of ZFS's cache, of
    which all but ``c_min`` is given back at need. Static huge pages are nobody else's, whether
    they are in use or not: what programs use is a share of the rest.

    A cache or huge pages larger than what is in use are another machine's, which a container
    sees, and count as none. A line that is not as documented costs its own figure.

    Raises:
        OSError: meminfo cannot be read.
        ValueError: meminfo does not say what MemTotal and MemFree are.
    """

    def __init__(self, host: Host, options: Options) -> None:  # noqa: ARG002 has no options
        self._meminfo = host.proc("meminfo")
        self._arcstats = host.proc("spl/kstat/zfs/arcstats")
        self._arc_at = float("-inf")

    def read(self, now: float) -> MemoryUsageUpdated:
        content = b"\n" + self._meminfo.read()
        head = _HEAD.match(content)
        total, free, told, buffers, cached = (
            map(int, head.groups()) if head else (_kib(content, name) for name in _FIRST)
        )
        if not total or free is None:
            lacking = "MemTotal" if not total else "MemFree"
            raise ValueError(f"{self._meminfo.path} does not say what {lacking} is")
        available = told or 0
        if not 0 < available <= total:
            available = min(free, total)
        taken = max(total - free, 0)
        arc, given_back = self._arc(taken, now) if now >= self._arc_at else (None, 0)
        available = min(available + given_back, total)
        huge = _static_huge_pages(content, taken)
        ordinary = total - huge
        if cached is not None:
            cached += _kib(content, b"\nSReclaimable:") or 0
        swap = _kib(content, b"\nSwapTotal:")
        swap_used = None
        if swap is not None and (swap_free := _kib(content, b"\nSwapFree:")) is not None:
            swap_used = max(swap - swap_free, 0)
        return MemoryUsageUpdated(
            total_bytes=total << 10,
            available_bytes=available << 10,
            used_percent=rounded(100 * max(ordinary - available, 0) / ordinary)
            if ordinary
            else 100.0,
            free_bytes=free << 10,
            buffers_bytes=None if buffers is None else buffers << 10,
            cached_bytes=None if cached is None else cached << 10,
            hugepages_bytes=huge << 10 if huge else None,
            swap_total_bytes=None if swap is None else swap << 10,
            swap_used_bytes=None if swap_used is None else swap_used << 10,
            swap_used_percent=(
                rounded(100 * swap_used / swap) if swap and swap_used is not None else None
            ),
            zfs_arc_bytes=arc,
        )

    def _arc(self, taken: int, now: float) -> tuple[int | None, int]:
        """ZFS's cache in bytes, and what it gives back in KiB (OpenZFS: zfs(4), arcstats).

        The module may be loaded and unloaded at any time: it is looked for now and then where it
        is not. Rows of arcstats are name, type, data.
        """
        if not os.access(self._arcstats.path, os.F_OK):  # cheaper than a failure to open it
            self._arc_at = now + _LOOK_FOR_ZFS
            return None, 0
        try:
            content = self._arcstats.read()
        except OSError:
            return None, 0
        size = _kstat(content, b"\nsize ")
        if size is None or size >> 10 > taken:
            return None, 0
        least = _kstat(content, b"\nc_min ")
        return size, 0 if least is None else max(size - least, 0) >> 10


def _static_huge_pages(content: bytes, taken: int) -> int:
    """The KiB of all sizes together; before Linux 4.17, which does not say that, of the default.

    (Kernel documentation: admin-guide/mm/hugetlbpage.)
    """
    huge = _kib(content, b"\nHugetlb:")
    if huge is None:
        pages = content.partition(b"\nHugePages_Total:")[2].partition(b"\n")[0].strip()
        each = _kib(content, b"\nHugepagesize:")
        huge = int(pages) * each if each and pages.isdigit() else 0
    return huge if huge <= taken else 0


def _kstat(content: bytes, head: bytes) -> int | None:
    """The number in the row that begins with `head`, of name, type and data."""
    begin = content.find(head)
    if begin < 0:
        return None
    row = content[begin + 1 :].partition(b"\n")[0].split()
    return int(row[2]) if len(row) == 3 and row[2].isdigit() else None


def _kib(content: bytes, head: bytes) -> int | None:
    """The number in the line that begins with `head`; None without such a line or number.

    A head is a line's end and a name with its colon. Only the lines that are used are parsed:
    there are fifty.
    """
    begin = content.find(head)
    if begin < 0:
        return None
    begin += len(head)
    try:
        kib = int(content[begin : content.index(b" kB", begin)])
    except ValueError:
        return None
    return kib if kib >= 0 else None


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
