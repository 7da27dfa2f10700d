"""Keeps the record in order, in a thread of its own: ended segments, texts, room."""

import logging
import os
import threading
from collections.abc import Callable
from contextlib import suppress
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

from health_collectord.messages import CollectorRecordRecovered

_log = logging.getLogger(__name__)
_LOOK_SECONDS = 60.0
_PACE_SECONDS = 0.5  # between two old segments that were never ended: nobody waits for them
_NICE = 10


class RecordKeeper:
    """Ends segments once they are over, and removes texts whose time is over.

    Args:
        folder: the record's.
        black_box: the box's file; None where there is none.
        text_seconds: for how long an ended segment stays as text as well.
        emit: tells what has been recovered.
    """

    def __init__(
        self,
        folder: Path,
        black_box: Path | None,
        text_seconds: float,
        emit: Callable[[Message], None],
    ) -> None:
        self._folder = folder
        self._black_box = black_box
        self._text_seconds = text_seconds
        self._emit = emit
        self._current: str | None = None
        self._failed: dict[str, str] = {}
        self._wake = threading.Event()
        self._ending = False
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
            segments = list_segments(self._folder)
        except OSError as error:
            self._say("", f"{self._folder}: {error.strerror or error}")
            return
        for segment in segments:
            if self._ending:
                return
            if segment.text is not None and segment.name != self._current:
                self._end(segment)
        self._failed = {k: v for k, v in self._failed.items() if any(s.name == k for s in segments)}

    def _end(self, segment: Segment) -> None:
        try:
            if segment.columns is None:
                segment = end_segment(segment)
                self._wake_later()
            if time() * 1000 - segment.begin > self._text_seconds * 1000:
                remove_text(segment)
            self._failed.pop(segment.name, None)
        except (OSError, SegmentError) as error:
            self._say(segment.name, str(error))

    def _wake_later(self) -> None:
        if not self._ending:
            self._wake.wait(_PACE_SECONDS)
            self._wake.clear()

    def _say(self, name: str, error: str) -> None:
        if self._failed.get(name) != error:
            self._failed[name] = error
            _log.warning("the record stays as text: %s", error)
