"""Space and inodes of each mounted file system, by statvfs(3).

The list comes from ``mountinfo`` (man 5 proc_pid_mountinfo) and not from psutil: only mountinfo
tells the device of a mount without touching it, and touching a dead network mount blocks for
ever. It also tells a bind mount from the mount it copies, and a file system that is read-only
from a read-only view of one, which is all that a sandboxed service sees.
"""

import errno
import os
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import translate
from time import monotonic
from typing import Annotated

from health_collectord.host import Host
from health_collectord.vocabulary import (
    Above,
    Flag,
    Gauge,
    Lines,
    Metric,
    Options,
    Raised,
    Row,
    Rows,
    Table,
    Telemetry,
    Text,
    Unit,
    rounded,
)

_DEADLINE = 2.0  # seconds for all mounts of one sample together

# File systems without a block device of their own that hold files nevertheless. What is in
# neither this list nor on a block device (device number 0:*) is a pseudo file system.
_WITHOUT_BLOCK_DEVICE = frozenset(
    {"9p", "afs", "bcachefs", "beegfs", "btrfs", "ceph", "cifs", "glusterfs", "gpfs", "lustre"}
    | {"nfs", "nfs4", "smb3", "smbfs", "ubifs", "vboxsf", "virtiofs", "zfs"}
)
_PSEUDO_FUSE = frozenset(
    {"fuse.gvfsd-fuse", "fuse.lxcfs", "fuse.portal", "fuse.snapfuse", "fuse.squashfuse"}
)
# Images: always full, and made so.
_IMAGES = frozenset({"cramfs", "erofs", "iso9660", "romfs", "squashfs"})


@dataclass(slots=True, frozen=True, kw_only=True)
class DiskOptions(Options):
    hide: Annotated[tuple[str, ...], "glob patterns of mount points not to measure"] = ()


@dataclass(slots=True, frozen=True, kw_only=True)
class Mount(Row):
    device: Annotated[str, Text("what is mounted")]
    fstype: Annotated[str, Text("file system type", label="File system")]
    total_bytes: Annotated[int | None, Gauge(Unit.BYTES, "size", history=False, label="Size")]
    used_bytes: Annotated[int | None, Gauge(Unit.BYTES, "in use", history=False)]
    available_bytes: Annotated[int | None, Gauge(Unit.BYTES, "free for everyone, not root alone")]
    used_percent: Annotated[
        float | None, Gauge(Unit.PERCENT, "in use, of what df counts", label="Used")
    ]
    inodes_used_percent: Annotated[
        float | None,
        Gauge(Unit.PERCENT, "inodes in use; null where they are made at need", label="Inodes"),
    ]
    read_only: Annotated[
        bool, Flag("read-only", "If nobody asked for that, see the kernel's log for errors.")
    ]
    stuck: Annotated[
        bool,
        Flag("does not answer", "See whether its server or drive is there; umount -l frees it."),
    ]
    failed: Annotated[
        bool,
        Flag(
            "answers with an error", "Check that it is mounted and its drive sound: mount, dmesg."
        ),
    ]
    status: Annotated[str, Text("ok, stuck (does not answer) or failed")]
    reason: Annotated[str | None, Text("why there are no figures")]


@dataclass(slots=True, frozen=True, kw_only=True)
class DiskUsageUpdated(Telemetry):
    mounts: Annotated[
        tuple[Mount, ...], Rows("the file systems, each at one mount point", label="Mount")
    ]


Statvfs = Callable[[str], os.statvfs_result]


class DiskReader:
    """Measures every mount in a thread of its own, so that a dead one keeps nobody waiting.

    A probe that has not returned by the deadline makes its mount "stuck"; until it does return,
    no other is sent after it. One that returns with an error makes its mount "failed".

    Where procfs is the host's, mounted into a container, mount points are looked up below process
    1's root, which takes ptrace rights. Of a copy of procfs (a recorded host) the file systems are
    not here at all. Either way the mounts are listed, as failed and with the reason.

    Raises:
        OSError: the mounts cannot be listed.
        ValueError: mountinfo is empty or is not as documented.
    """

    def __init__(
        self,
        host: Host,
        options: DiskOptions,
        statvfs: Statvfs | None = None,
        deadline: float = _DEADLINE,
    ) -> None:
        self._mountinfo = host.proc("1/mountinfo" if host.foreign else "self/mountinfo")
        self._root = str(host.root)
        self._hidden = re.compile("|".join(map(translate, options.hide)) or "(?!)")
        # In a real procfs, root is a link.
        recorded = host.foreign and not host.root.is_symlink()
        self._statvfs = statvfs or (_not_here if recorded else os.statvfs)
        self._deadline = deadline
        self._seen = b""
        self._entries: list[_Entry] = []
        self._stuck: dict[tuple[str, str], _Probe] = {}

    def read(self, now: float) -> DiskUsageUpdated:  # noqa: ARG002 no rates here
        entries = self._mounts()
        probes = [self._probe(entry) for entry in entries]
        until = monotonic() + self._deadline
        for probe in probes:
            probe.wait(until)
        self._stuck |= {(e.number, e.point): p for e, p in zip(entries, probes, strict=True)}
        self._stuck = {mount: probe for mount, probe in self._stuck.items() if not probe.done}
        return DiskUsageUpdated(mounts=tuple(map(_row, entries, probes)))

    def _mounts(self) -> list["_Entry"]:
        """What there is to measure; mounts hardly ever change, and there may be hundreds."""
        content = self._mountinfo.read()
        if content != self._seen or not content:
            entries = _select(_parse_mountinfo(content, self._mountinfo.path))
            self._entries = [e for e in entries if not self._hidden.match(e.point)]
            self._seen = content
        return self._entries

    def _probe(self, entry: "_Entry") -> "_Probe":
        running = self._stuck.get((entry.number, entry.point))
        if running is not None and not running.done:
            return running
        return _Probe(entry.point, os.path.join(self._root, entry.path.lstrip("/")), self._statvfs)


def _not_here(path: str) -> os.statvfs_result:
    raise OSError(errno.ENODEV, "a recorded host: its file systems are not here", path)


class _Probe:
    """One statvfs in a daemon thread: the process can end although it never returns."""

    def __init__(self, point: str, path: str, statvfs: Statvfs) -> None:
        self.result: os.statvfs_result | None = None
        self.reason: str | None = None
        self._returned = threading.Event()
        self._waited = False
        thread = threading.Thread(
            target=self._run, args=(path, statvfs), name=f"statvfs {point}", daemon=True
        )
        thread.start()

    def _run(self, path: str, statvfs: Statvfs) -> None:
        try:
            self.result = statvfs(path)
        except (OSError, ValueError) as error:  # ValueError: a path that cannot be one
            self.reason = getattr(error, "strerror", None) or str(error)
        finally:
            self._returned.set()

    @property
    def done(self) -> bool:
        return self._returned.is_set()

    def wait(self, until: float) -> None:
        """Wait for the answer; a probe that was once too late is only looked at."""
        if not self._waited:
            self._returned.wait(max(0.0, until - monotonic()))
            self._waited = True


@dataclass(slots=True, frozen=True)
class _Entry:
    point: str  # for people: always valid text
    path: str  # for the kernel: the same, undecodable bytes included
    device: str
    fstype: str
    number: str  # major:minor
    root: str  # which part of the file system is mounted here
    read_only: bool


def _row(entry: _Entry, probe: _Probe) -> Mount:
    done = probe.done  # asked once: it may return at any moment
    figures = probe.result if done else None
    total = used = available = space = inodes = None
    if figures is not None:
        unit = figures.f_frsize
        total = figures.f_blocks * unit
        used = max(figures.f_blocks - figures.f_bfree, 0) * unit
        available = figures.f_bavail * unit
        space = _percent(used, used + available)
        inodes = _percent(figures.f_files - figures.f_ffree, figures.f_files)
    reason = probe.reason if done else "does not answer"
    return Mount(
        key=entry.point,
        device=entry.device,
        fstype=entry.fstype,
        total_bytes=total,
        used_bytes=used,
        available_bytes=available,
        used_percent=space,
        inodes_used_percent=inodes,
        read_only=entry.read_only,
        stuck=not done,
        failed=done and figures is None,
        status="ok" if figures is not None else "failed" if done else "stuck",
        reason=None if figures is not None else reason,
    )


def _percent(part: int, whole: int) -> float | None:
    return rounded(100 * min(max(part, 0), whole) / whole) if whole > 0 else None


def _select(entries: list[_Entry]) -> list[_Entry]:
    """Each real file system once, sorted by mount point; ``/`` is always among them."""
    best: dict[str, _Entry] = {}
    for entry in {e.point: e for e in entries}.values():  # a later mount covers an earlier one
        if entry.point != "/" and not _is_real(entry):
            continue
        known = best.get(entry.number)
        if known is None or _preference(entry) < _preference(known):
            best[entry.number] = entry
    if not any(entry.point == "/" for entry in best.values()):  # hidden from a chroot
        best[""] = _Entry("/", "/", "unknown", "unknown", "", "/", False)
    return sorted(best.values(), key=lambda e: e.point)


def _is_real(entry: _Entry) -> bool:
    if entry.fstype in _IMAGES or entry.fstype in _PSEUDO_FUSE:
        return False
    return (
        not entry.number.startswith("0:")
        or entry.fstype in _WITHOUT_BLOCK_DEVICE
        or entry.fstype.partition(".")[0] == "fuse"
        or (entry.device.startswith("/dev/") and entry.fstype != "devtmpfs")
    )


def _preference(entry: _Entry) -> tuple[bool, bool, int, str]:
    """``/`` before all, the whole file system before a part (a bind mount), short before long."""
    return (entry.point != "/", entry.root != "/", len(entry.point), entry.point)


_ESCAPE = re.compile(rb"\\([0-7]{3})")


def _parse_mountinfo(content: bytes, path: str) -> list[_Entry]:
    """``id parent major:minor root point options [optional...] - fstype device superoptions``."""
    entries = []
    for line in content.splitlines():
        before, _, after = line.partition(b" - ")
        left, right = before.split(b" "), after.split(b" ")
        if len(left) < 6 or len(right) < 3 or b":" not in left[2]:
            raise ValueError(f"{path}: not a line of mountinfo: {line[:80]!r}")
        point = _unescape(left[4])
        entries.append(
            _Entry(
                point=point.decode("utf-8", "backslashreplace"),
                path=os.fsdecode(point),
                device=_unescape(right[1]).decode("utf-8", "backslashreplace"),
                fstype=right[0].decode("utf-8", "backslashreplace"),
                number=left[2].decode("utf-8", "backslashreplace"),
                root=_unescape(left[3]).decode("utf-8", "backslashreplace"),
                # Of the file system, not of this view of it.
                read_only=b"ro" in right[2].split(b","),
            )
        )
    if not entries:
        raise ValueError(f"{path} is empty")
    return entries


def _unescape(field: bytes) -> bytes:
    """Space, tab, newline and backslash are written in octal, as ``\\040``."""
    return _ESCAPE.sub(lambda m: bytes([int(m[1], 8) & 0xFF]), field) if b"\\" in field else field


_FULL = (
    "See what fills it: du -xh --max-depth=2 on the mount, piped into sort -h. Old logs and"
    " packages go first: journalctl --vacuum-size=200M, apt clean."
)
_MANY_FILES = (
    "Too many files: du -x --inodes on the mount, piped into sort -n, tells where they are."
)

METRIC = Metric(
    title="Disks",
    message=DiskUsageUpdated,
    state="system.disk.usage",
    reader=DiskReader,
    interval=30.0,
    order=40,
    options=DiskOptions,
    blocking=True,
    rules=(
        Above("used_percent", warning=90, critical=97, rows="mounts", advice=_FULL),
        Above("inodes_used_percent", warning=90, critical=97, rows="mounts", advice=_MANY_FILES),
        Raised("stuck", "warning", rows="mounts"),
        Raised("failed", "warning", rows="mounts"),
    ),
    card=Table(
        "Disks",
        rows="mounts",
        columns=("used_percent", "available_bytes", "total_bytes", "fstype", "status", "reason"),
        bar="used_percent",
    ),
    charts=(Lines("Disks", ("used_percent",), rows="mounts", range=(0, 100)),),
)
