"""The shelf: how much of a record is kept."""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from health_archive.segments import CLOCK, Segment, list_segments, remove_segment

_MOST_BY_AGE = 30  # a call; whoever's clock jumps a year ahead does not lose all of the record
_DAY_NAME = 10


@dataclass(slots=True, frozen=True)
class Bounds:
    """How much is kept; the oldest goes first, until all of this holds.

    Attributes:
        size: of all segments, in bytes.
        age: of a segment's beginning, in seconds.
        free: what stays free on the file system, in bytes.
    """

    size: int
    age: float
    free: int


@dataclass(slots=True, frozen=True)
class Removed:
    """A segment that had to go.

    Attributes:
        segment: as it was.
        reason: ``size``, ``age`` or ``free``.
    """

    segment: Segment
    reason: str


class Shelf:
    """Keeps a record within its bounds.

    Nothing but segments is removed, and never the one under way. It remembers each day's size, and
    looks only at the newest days anew, and at those that are written to (which are others where
    the clock goes back), since a year's files take a while to be listed.

    Args:
        folder: the record's.
        bounds: how much is kept; can be set anew.
        free: tells how many bytes are free where a folder is.
    """

    def __init__(
        self, folder: Path, bounds: Bounds, free: Callable[[Path], int] | None = None
    ) -> None:
        self.folder, self.bounds = folder, bounds
        self._free = free or free_bytes
        self._days: dict[str, int] | None = None
        self._written: set[str] = set()  # days, today and before

    @property
    def size(self) -> int:
        """Of all segments in bytes, as `look` or `trim` last saw it."""
        return sum((self._days or {}).values())

    @property
    def first(self) -> str | None:
        """The oldest day of which there is anything."""
        return min(self._days, default=None) if self._days else None

    @property
    def free(self) -> int:
        """Bytes that are free where the record is now.

        Raises:
            OSError: that cannot be told.
        """
        return self._free(self.folder)

    def look(self, under_way: str | None = None) -> None:
        """Takes in what has come: all at first, then what the newest days have.

        Args:
            under_way: the name of the segment that is being written.

        Raises:
            OSError: the folder cannot be read.
        """
        since = sorted(self._days)[-2:][0] if self._days else ""
        today = {under_way[:_DAY_NAME]} if under_way else set()
        again = {day for day in self._written | today if day < since}
        self._written = today
        days = {d: n for d, n in (self._days or {}).items() if d < since and d not in again}
        found = list_segments(self.folder, since)
        for day in again:
            found += list_segments(self.folder, day, day)
        for segment in found:
            day = segment.name[:_DAY_NAME]
            days[day] = days.get(day, 0) + segment.size
        self._days = days

    def trim(self, now: float, under_way: str | None) -> Iterator[Removed]:
        """Removes what is too much, one segment a step; some at most for their age.

        Args:
            now: in seconds since 1970.
            under_way: the name of the segment that is being written.

        Raises:
            OSError: the folder cannot be read, or a segment not be removed.
        """
        self.look(under_way)
        assert self._days is not None
        aged = 0
        for day in sorted(self._days):
            for segment in list_segments(self.folder, day, day):
                reason = self._reason(segment, now)
                if reason is None or (reason == "age" and aged == _MOST_BY_AGE):
                    return
                if segment.name == under_way or (reason == "age" and self._is_new(segment, now)):
                    continue
                aged += reason == "age"
                remove_segment(segment)
                self._days[day] = max(self._days[day] - segment.size, 0)
                yield Removed(segment, reason)
            if not list_segments(self.folder, day, day):
                del self._days[day]

    def _is_new(self, segment: Segment, now: float) -> bool:
        """Whether its name is of a clock that had yet to be set, and its file is not."""
        times: list[float] = []
        if segment.begin >= CLOCK:
            return False
        for path in (segment.text_path, segment.columns_path):
            with suppress(FileNotFoundError):
                times.append(path.stat().st_mtime)
        return max(times, default=0.0) >= now - self.bounds.age

    def _reason(self, segment: Segment, now: float) -> str | None:
        """Why the oldest segment has to go, if it has to."""
        if self.size > self.bounds.size:
            return "size"
        if segment.begin < (now - self.bounds.age) * 1000:
            return "age"
        return "free" if self.free < self.bounds.free else None


def free_bytes(path: Path) -> int:
    """What is free where a folder is, for whoever is not root (man 3 statvfs)."""
    found = os.statvfs(path)
    return found.f_bavail * found.f_frsize
