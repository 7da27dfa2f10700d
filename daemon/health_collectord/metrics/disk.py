"""Space and inodes of each mounted file system, by statvfs(3), and whether it can be written."""

import errno
import os
import re
import stat
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import translate
from functools import partial
from typing import Annotated

from health_collectord import mounts
from health_collectord.asking import Asking, Key, Question
from health_collectord.host import Host
from health_collectord.mounts import Mounted
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
from health_collectord.writing import Writing

_DEADLINE = 2.0  # seconds for all mounts of one sample together
_PRIVATE = ("not applicable", "another user's private mount")
_IDLE_TIMES = 2.0  # of its own timeout, after which an automounted file system is asked again


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
    read_only: Annotated[bool, Flag("cannot be written, whatever the reason")]
    turned_read_only: Annotated[
        bool,
        Flag(
            "turned read-only, as the kernel does after an error",
            "Save what matters. See the kernel's log for errors of the drive (dmesg), run fsck,"
            " and replace a drive or card that has them.",
        ),
    ]
    new_errors: Annotated[
        bool,
        Flag(
            "has errors that it did not have",
            "See the kernel's log (dmesg), and run fsck while it is not mounted.",
        ),
    ]
    errors: Annotated[
        int | None,
        Gauge(Unit.COUNT, "errors since its last fsck; null but for ext4", history=False),
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
    status: Annotated[
        str,
        Text("ok, read-only, errors, stuck (does not answer), failed, or not applicable"),
    ]
    reason: Annotated[str | None, Text("why it is not ok, or why there are no figures")]


@dataclass(slots=True, frozen=True, kw_only=True)
class DiskUsageUpdated(Telemetry):
    mounts: Annotated[
        tuple[Mount, ...], Rows("the file systems, each at one mount point", label="Mount")
    ]


Statvfs = Callable[[str], os.statvfs_result]


class DiskReader:
    """Measures every mount in threads of its own, so that a dead one keeps nobody waiting.

    One that has not answered by the deadline is "stuck", and not asked again until it has. One
    that answers with an error is "failed". Below an autofs mount that expires they are asked so
    rarely that they can expire; another user's private FUSE mount is not asked at all.

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
        self._mountinfo = host.proc(f"{host.process}/mountinfo")
        root = host.procfs / host.process / "root"
        self._root = str(root) if host.foreign else "/"
        self._hidden = re.compile("|".join(map(translate, options.hide))) if options.hide else None
        # In a real procfs, root is a link.
        recorded = host.foreign and not root.is_symlink()
        self._statvfs = statvfs or (_not_here if recorded else _statvfs)
        self._asking: Asking[os.statvfs_result] = Asking(deadline)
        self._writing = Writing(host)
        self._seen = b""
        self._mounted: list[Mounted] = []
        self._idle: dict[str, float] = {}
        self._no_folders: set[Key] = set()
        self._rarely: dict[Key, tuple[float, Question[os.statvfs_result]]] = {}

    def read(self, now: float) -> DiskUsageUpdated:
        content = self._mountinfo.read()
        if content != self._seen or not content:  # mounts hardly ever change
            self._mounted = mounts.parse(content, self._mountinfo.path)
            self._idle = mounts.idle_seconds(self._mounted)
            self._no_folders.clear()
            self._seen = content
        answers: dict[Key, Question[os.statvfs_result]] = {}
        while True:
            disks = mounts.disks(self._mounted, self._hidden, self._no_folders)
            due = [each for each in disks if each.key not in answers and self._is_due(each, now)]
            due.sort(key=lambda each: not each.is_local)
            answers |= self._asking.ask([self._question(each) for each in due])
            files = {key for key, answer in answers.items() if _is_no_folder(answer)}
            files -= self._no_folders
            if not files:
                break
            self._no_folders |= files
        rarely = {}
        for each in disks:
            answer = answers.get(each.key)
            if each.id in self._idle and answer is not None and answer.asked:
                rarely[each.key] = (now, answer)
            elif each.id in self._idle and each.key in self._rarely:
                rarely[each.key] = self._rarely[each.key]
        self._rarely = rarely
        self._writing.forget_all_but(disks)
        return DiskUsageUpdated(mounts=tuple(self._row(each, answers, now) for each in disks))

    def _is_due(self, each: Mounted, now: float) -> bool:
        if each.is_private:
            return False
        asked = self._rarely.get(each.key)
        idle = self._idle.get(each.id)
        return asked is None or idle is None or now - asked[0] >= _IDLE_TIMES * idle

    def _question(self, each: Mounted) -> Question[os.statvfs_result]:
        path = os.path.join(self._root, each.path.lstrip("/"))
        return Question(
            each.key,
            partial(self._statvfs, path),
            name=f"statvfs {each.point}",
            server=None if each.is_local else each.server,
        )

    def _row(
        self, each: Mounted, answers: dict[Key, Question[os.statvfs_result]], now: float
    ) -> Mount:
        asked_at, answer = self._rarely.get(each.key, (now, answers.get(each.key)))
        figures = answer.answer if answer is not None and answer.done else None
        writing = self._writing.judge(each)
        status: str
        reason: str | None
        if answer is None:
            status, reason = _PRIVATE
        elif not answer.done:
            others = "not asked, because too many others do not answer"
            status, reason = "stuck", "does not answer" if answer.asked else others
        elif figures is None:
            status, reason = _failure(each, answer.error)
        else:
            status, reason = writing.status, writing.reason
            if reason is None and each.id in self._idle:
                ago = now - asked_at
                reason = f"automounted, so asked rarely: {ago:.0f} s ago" if ago else None
        total = used = available = space = inodes = None
        if figures is not None:
            unit = figures.f_frsize
            total = figures.f_blocks * unit
            used = max(figures.f_blocks - figures.f_bfree, 0) * unit
            available = figures.f_bavail * unit
            if not writing.by_nature:
                space = _percent(used, used + available)
                inodes = _percent(figures.f_files - figures.f_ffree, figures.f_files)
        return Mount(
            key=each.point,
            device=each.device,
            fstype=each.fstype,
            total_bytes=total,
            used_bytes=used,
            available_bytes=available,
            used_percent=space,
            inodes_used_percent=inodes,
            read_only=writing.read_only,
            turned_read_only=writing.turned_read_only,
            new_errors=writing.new_errors,
            errors=writing.errors,
            stuck=status == "stuck",
            failed=status == "failed",
            status=status,
            reason=reason,
        )


def _statvfs(path: str) -> os.statvfs_result:
    """As statvfs(3) of a directory, and without mounting what autofs would mount for it."""
    folder = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        if not stat.S_ISDIR(os.fstat(folder).st_mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
        return os.fstatvfs(folder)
    finally:
        os.close(folder)


def _not_here(path: str) -> os.statvfs_result:
    raise OSError(errno.ENODEV, "a recorded host: its file systems are not here", path)


def _is_no_folder(answer: Question[os.statvfs_result]) -> bool:
    return isinstance(answer.error, NotADirectoryError)


def _failure(each: Mounted, error: OSError | ValueError | None) -> tuple[str, str]:
    reason = getattr(error, "strerror", None) or str(error)
    if isinstance(error, PermissionError) and each.fstype.startswith("fuse"):
        return _PRIVATE
    if isinstance(error, PermissionError | FileNotFoundError) and each.fstype == "tmpfs":
        return "not applicable", reason  # some container's, that nobody else may see, or its end
    return "failed", reason


def _percent(part: int, whole: int) -> float | None:
    return rounded(100 * min(max(part, 0), whole) / whole) if whole > 0 else None


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
        Raised("turned_read_only", "warning", rows="mounts", critical_rows=("/", "/boot*")),
        Raised("new_errors", "warning", rows="mounts", critical_rows=("/", "/boot*")),
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
