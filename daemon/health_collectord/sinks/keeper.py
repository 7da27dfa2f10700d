"""Keeps the record in order, in a thread of its own: ended segments, texts, room."""

import logging
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from time import time

from bussdcc import Message
from health_archive.numbers import DamagedSegment
from health_archive.recovery import recover
from health_archive.segments import (
    Segment,
    SegmentError,
    end_segment,
    list_segments,
    remove_text,
    tidy_folder,
)
from health_archive.shelf import Bounds, Removed, Shelf

from health_collectord.messages import CollectorRecordRecovered, CollectorRecordRemoved
from health_collectord.sinks.amounts import Kept

_log = logging.getLogger(__name__)
_LOOK_SECONDS = 600.0
_DAY = 86400.0
_PACE_SECONDS = 0.5  # between two old segments that were never ended: nobody waits for them
_NICE = 10


_TENTH, _TWENTIETH = 10, 20
_AGAIN = 1.1  # of what is to stay free: there recording goes on


class RecordKeeper:
    """Ends segments once they are over, and removes texts whose time is over, and what is too much.

    Args:
        folder: the record's.
        black_box: the box's file; None where there is none.
        text_seconds: for how long an ended segment stays as text as well.
        bounds: how much is kept, as configured; the disk's size bounds it further.
        emit: tells what has been recovered, and what had to go.
        tidied: called whenever all of it is in order.

    Attributes:
        kept: what there is, as it was last seen; None before that.
    """

    def __init__(
        self,
        folder: Path,
        black_box: Path | None,
        text_seconds: float,
        bounds: Bounds,
        emit: Callable[[Message], None],
        tidied: Callable[[], None] = lambda: None,
    ) -> None:
        self._tidied = tidied
        self._folder = folder
        self._black_box = black_box
        self._text_seconds = text_seconds
        self._bounds = bounds
        self._shelf: Shelf | None = None
        self._emit = emit
        self._current: str | None = None
        self._since = ""  # the first day that is looked at
        self._failed: dict[str, str] = {}
        self._wake = threading.Event()
        self._ending = False
        self._ratio: float | None = None
        self._low = self._yields = False
        self.kept: Kept | None = None
        self._thread: threading.Thread | None = None

    def recover(self) -> None:
        """Puts what the black box has beyond the segments there; before anything is recorded."""
        try:
            if self._black_box is not None:
                for found in recover(self._folder, self._black_box):
                    self._emit(
                        CollectorRecordRecovered(
                            segment=found.segment,
                            of_epoch=found.epoch,
                            first_seq=found.first_seq,
                            last_seq=found.last_seq,
                            events=found.events,
                            damaged_bytes=found.damaged_bytes,
                        )
                    )
            tidy_folder(self._folder)
        except (OSError, DamagedSegment) as error:
            _log.warning("nothing could be recovered: %s", error)

    def begun(self, name: str) -> None:
        """A segment begins: all others have ended."""
        self._current = name
        self._wake.set()

    def reason_to_yield(self) -> str | None:
        """Why nothing may be recorded now; None where it may. For whoever records, before it does.

        Where there is too little room the oldest goes first; nothing is recorded only once that
        does not help any more, until there is a tenth more than has to stay free.
        """
        free, floor = self._room()
        self._low = free < floor * (_AGAIN if self._yields else 1)
        if self._low and self._yields:
            return f"paused: {_mb(free)} free, and {_mb(floor)} have to stay (record.free_bytes)"
        self._yields = False
        if self._low:
            self._wake.set()
        return None

    def _room(self) -> tuple[int, int]:
        """What is free where the record is or will be, and what has to stay."""
        for each in (self._folder, self._folder.parent):
            with suppress(OSError):
                found = os.statvfs(each)
                disk = found.f_blocks * found.f_frsize
                floor = min(self._bounds.free, disk // _TWENTIETH)
                return found.f_bavail * found.f_frsize, floor
        return 0, 0  # writing says what is wrong

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="record", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Does not wait for a segment that is being ended: what is half done is not there."""
        self._ending = True
        self._wake.set()

    def _run(self) -> None:
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
        while not self._ending:
            self._wake.wait(_LOOK_SECONDS)
            self._wake.clear()
            if self._current is not None:
                self.tidy()

    def tidy(self) -> None:
        """Ends what has ended, the oldest first, and removes texts that are over."""
        try:
            segments = list_segments(self._folder, self._since)
        except OSError as error:
            self._say("", f"{self._folder}: {error.strerror or error}")
            return
        if self._low:  # first: what ends now would take more
            self._trim()
            free, floor = self._room()
            self._yields = free < floor
        texts = of_them = columns = 0
        for segment in segments:
            if self._ending:
                return
            if segment.text is not None and segment.name != self._current and not self._yields:
                segment = self._end(segment)
            if segment.text is not None:
                texts += segment.text
            if segment.text and segment.columns:
                of_them, columns = of_them + segment.text, columns + segment.columns
        if of_them:
            self._ratio = columns / of_them
        self._failed = {k: v for k, v in self._failed.items() if any(s.name == k for s in segments)}
        # A year's files take a while to be listed: what is older than any text is done with.
        oldest = max(time() - self._text_seconds - 2 * _DAY, 0.0)
        self._since = f"{datetime.fromtimestamp(oldest, UTC):%Y-%m-%d}"
        self._trim()
        self._look(texts)
        self._tidied()

    def _look(self, texts: int) -> None:
        shelf = self._shelf
        if shelf is not None:
            with suppress(OSError):
                room = min(shelf.bounds.size - shelf.size, shelf.free - shelf.bounds.free)
                age = shelf.bounds.age / _DAY
                self.kept = Kept(shelf.size, shelf.first, room, age, texts, self._ratio)

    def _trim(self) -> None:
        """Removes what is beyond the bounds, the oldest first, and tells it once."""
        removed: list[Removed] = []
        try:
            if self._shelf is None:
                self._shelf = Shelf(self._folder, _within_disk(self._bounds, self._folder))
            removed += self._shelf.trim(time(), self._current)
        except OSError as error:
            self._say("", f"{self._folder}: {error.strerror or error}")
        if removed:
            self._emit(
                CollectorRecordRemoved(
                    first=removed[0].segment.name,
                    last=removed[-1].segment.name,
                    segments=len(removed),
                    removed_bytes=sum(each.segment.size for each in removed),
                    reason=removed[-1].reason,
                )
            )

    def _end(self, segment: Segment) -> Segment:
        """As it is then."""
        try:
            if segment.columns is None:
                segment = end_segment(segment)
                self._ratio = (segment.columns or 0) / max(segment.text or 0, 1)
                self._wake_later()
            if time() * 1000 - segment.begin > self._text_seconds * 1000:
                segment = remove_text(segment)
            self._failed.pop(segment.name, None)
        except (OSError, SegmentError) as error:
            self._say(segment.name, str(error))
        return segment

    def _wake_later(self) -> None:
        if not self._ending:
            self._wake.wait(_PACE_SECONDS)
            self._wake.clear()

    def _say(self, name: str, error: str) -> None:
        if self._failed.get(name) != error:
            self._failed[name] = error
            _log.warning("the record stays as text: %s", error)


def _within_disk(bounds: Bounds, folder: Path) -> Bounds:
    """Never more than a tenth of the disk is kept, nor is more than a twentieth kept free."""
    found = os.statvfs(folder)
    disk = found.f_blocks * found.f_frsize
    return Bounds(
        size=min(bounds.size, disk // _TENTH),
        age=bounds.age,
        free=min(bounds.free, disk // _TWENTIETH),
    )


def _mb(size: float) -> str:
    return f"{size / 1e6:.1f} MB"
