"""Whether file systems are still written, or have stopped without anybody's wish."""

import os
from contextlib import suppress
from dataclasses import dataclass

from health_collectord.host import Host, KernelFile
from health_collectord.mounts import Mounted


@dataclass(slots=True)
class Written:
    """What can be said of whether a file system is written."""

    read_only: bool
    by_nature: bool = False
    turned_read_only: bool = False
    new_errors: bool = False
    errors: int | None = None

    @property
    def status(self) -> str:
        return "read-only" if self.read_only else "errors" if self.new_errors else "ok"

    @property
    def reason(self) -> str | None:
        if self.by_nature:
            return "read-only by nature"
        if self.turned_read_only:
            return "turned read-only"
        return "new errors since it was mounted or checked" if self.new_errors else None


@dataclass(slots=True)
class _First:
    """What a file system was when it was first seen."""

    by_nature: bool
    written: bool  # it was, or somebody meant it to be
    errors: int  # of which nothing is to be said any more
    count: KernelFile | None


class Writing:
    """Tells file systems that stopped being written from those that were not meant to be.

    After an error ext4 turns read-only and says so (``ro``); since Linux 6.12 it only stops
    writing, and says so since 6.15 (``emergency_ro``): in between, only its count of errors
    tells (ABI/testing/sysfs-fs-ext4). Whatever was read-only when it was first seen was meant to
    be, unless it is so itself while its mount is not, which is how the kernel's own doing looks.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        self._first: dict[tuple[str, str], _First] = {}

    def forget_all_but(self, disks: list[Mounted]) -> None:
        kept = {(each.number, each.device) for each in disks}
        self._first = {key: first for key, first in self._first.items() if key in kept}

    def judge(self, each: Mounted) -> Written:
        key = (each.number, each.device)
        first = self._first.get(key)
        if first is None:
            first = self._first[key] = self._look(each)
        if first.by_nature and each.read_only:
            return Written(read_only=True, by_nature=True)
        errors = _number(first.count)
        if errors is not None:
            first.errors = min(first.errors, errors)  # fsck has set it back
        rose = errors is not None and errors > first.errors
        stopped = not each.options.isdisjoint({"emergency_ro", "shutdown"})
        silently = rose and not each.read_only and "errors=remount-ro" in each.options
        turned = stopped or silently or (each.read_only and (first.written or rose))
        return Written(
            read_only=each.read_only or stopped or silently,
            turned_read_only=turned,
            new_errors=rose and not turned,
            errors=errors,
        )

    def _look(self, each: Mounted) -> _First:
        folder = self._ext4(each)
        count = None if folder is None else KernelFile(f"{folder}/errors_count")
        errors = _number(count)
        by_nature = each.is_image or (each.read_only and self._device_is_read_only(each))
        written = not each.read_only or (
            not by_nature and self._was_turned(each, knows_errors=errors is not None)
        )
        # Those of this boot are news.
        new = errors and self._is_of_this_boot(f"{folder}/last_error_time")
        return _First(by_nature, written, 0 if new else errors or 0, count)

    def _was_turned(self, each: Mounted, *, knows_errors: bool) -> bool:
        """Whether it was turned read-only before it was first seen."""
        if not each.view_read_only and not each.number.startswith("0:"):
            return True
        if knows_errors or not each.fstype.startswith("ext"):
            return False
        # Said of ext4 where it was asked for: by whoever meant it to be written.
        return "errors=remount-ro" in each.options and not self._is_meant(each.point)

    def _is_meant(self, point: str) -> bool:
        """Whether fstab asks for a read-only mount (man 5 fstab)."""
        for line in (self._host.text(self._host.within("etc/fstab")) or "").split("\n"):
            fields = line.split()
            if len(fields) > 3 and fields[1] == point and "ro" in fields[3].split(","):
                return True
        return False

    def _ext4(self, each: Mounted) -> str | None:
        """Its folder in sysfs, by the kernel's name of the device or by what was mounted."""
        if not each.fstype.startswith("ext"):
            return None
        sysfs = self._host.sysfs
        names = [os.path.basename(each.device)]
        with suppress(OSError):
            names.insert(0, os.path.basename(os.readlink(sysfs / "dev/block" / each.number)))
        folders = [f"{sysfs}/fs/ext4/{name}" for name in names]
        return next((folder for folder in folders if os.path.isdir(folder)), None)

    def _device_is_read_only(self, each: Mounted) -> bool:
        return self._host.text(self._host.sysfs / "dev/block" / each.number / "ro") == "1"

    def _is_of_this_boot(self, path: str) -> bool:
        """Whether the last error is from after the kernel started, or of unknown time."""
        last = _number(KernelFile(path))
        said = f"\n{self._host.text(self._host.procfs / 'stat') or ''}"
        words = said.partition("\nbtime ")[2].split(maxsplit=1)
        return not last or not words or not words[0].isdecimal() or last >= int(words[0])


def _number(file: KernelFile | None) -> int | None:
    try:
        return None if file is None else int(file.read())
    except (OSError, ValueError):
        return None
