"""Events in files: ``DATA_DIR/history/YYYY-MM-DD/HH-MM-SS.jsonl``."""

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from pathlib import Path
from time import monotonic
from typing import Any

from bussdcc import Event, Message
from health_archive.checkpoints import Checkpoint

from health_collectord.events import SequencedEvent
from health_collectord.sinks.amounts import amounts
from health_collectord.sinks.black_box import BlackBoxWriter
from health_collectord.sinks.keeper import RecordKeeper
from health_collectord.sinks.queued import QueuedSink, Record, lines_of

_HEALTH = "health.updated"


class JsonlSink(QueuedSink):
    """Writes each record as a line into the segment that its time falls into.

    A segment is a file of its own that begins at a whole multiple of `segment_seconds` since
    1970, or at the first record after a start; it is named after its first record's UTC time and
    never one that exists, and begins with a checkpoint. Every line in it is complete: what was cut
    short by a full disk is taken back, and only a power cut or ``kill -9`` can leave a last line
    that is not.

    Args:
        directory: below which the days' directories are made.
        segment_seconds: a segment's length; 600 gives files that begin at :00, :10, :20.
        checkpoint: makes what a segment begins with, for an event of that time.
        black_box: gets every line as well.
        keeper: recovers before anything is written, and takes care of segments that have ended.
    """

    name = "jsonl"

    def __init__(
        self,
        directory: Path,
        segment_seconds: int = 600,
        limit: int = 5000,
        *,
        checkpoint: Callable[[datetime], Checkpoint] | None = None,
        black_box: BlackBoxWriter | None = None,
        keeper: RecordKeeper | None = None,
    ) -> None:
        super().__init__(limit)
        self._directory = directory
        self._seconds = segment_seconds
        self._checkpoint = checkpoint
        self._black_box = black_box
        if black_box is not None:
            self.pause = black_box.pause(critical=False)
        self._keeper = keeper
        self._time: datetime | None = None  # of the last event, which those of its tick share
        self._expected: int | None = None  # the segment whose checkpoint has been made
        self._segment: int | None = None
        self._fd = -1
        self._path = directory
        self._size = self._lines = 0
        self._begun, self._written = monotonic(), 0

    def amounts(self, now: datetime, text_seconds: float) -> dict[str, Any]:
        """What `collector.self.updated` says of the record."""
        return amounts(
            self._keeper.kept if self._keeper is not None else None,
            self._written,
            self._black_box.written if self._black_box is not None else 0,
            monotonic() - self._begun,
            text_seconds,
            now,
        )

    def handle(self, evt: Event[Message]) -> None:
        assert isinstance(evt, SequencedEvent)
        if evt.time is not self._time:
            self._time = evt.time
            segment = self._segment_of(evt.time)
            if segment != self._expected and self._checkpoint is not None:
                self._queue.append((evt.time, self._checkpoint(evt.time).line))
            self._expected = segment
        if evt.name == _HEALTH and self._black_box is not None:
            self.pause = self._black_box.pause(critical=evt.data.get("status") == "critical")
        super().handle(evt)

    def prepare(self) -> None:
        if self._keeper is not None:
            self._keeper.recover()
            self._keeper.start()

    def write(self, batch: list[Record]) -> int:
        self._notice_removal()
        if self._keeper is not None and (reason := self._keeper.reason_to_yield()) is not None:
            raise OSError(errno.ENOSPC, reason, str(self._directory))
        time, first = batch[0]
        segment = self._segment_of(time)
        # Where there are checkpoints, each segment begins with one: times need not be looked at.
        by_time = self._checkpoint is None
        same = takewhile(
            lambda r: not callable(r[1]) and not (by_time and self._segment_of(r[0]) != segment),
            batch[1:],
        )
        if segment != self._segment or self._fd < 0 or callable(first):
            self._open(segment, time)
        lines = lines_of([batch[0], *same])
        left = memoryview(b"".join(lines))
        try:
            size = len(left)
            while left:
                left = left[os.write(self._fd, left) :]
        except OSError as error:
            self._take_back()
            raise OSError(error.errno, error.strerror, str(self._path)) from None
        self._size += size
        self._written += size
        self._lines += len(lines) - callable(first)
        if self._black_box is not None:
            self._black_box.write(self._name, lines)
            self.pause = self._black_box.until_next
        return len(lines)

    def idle(self) -> None:
        if self._black_box is not None and self._black_box.flush_due():
            self.pause = self._black_box.until_next

    def close(self) -> None:
        if self._keeper is not None:
            self._keeper.stop()
        if self._black_box is not None:
            if self._queue:  # what could not be written: the next start puts it there
                time, _ = self._queue[0]
                name = self._name if self._segment is not None else f"{time:%Y-%m-%d/%H-%M-%S}"
                self._black_box.write(name, lines_of(self._queue))
            self._black_box.close()
        self._close()

    def _close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _notice_removal(self) -> None:
        """Where somebody has removed the file, writing would go on into nothing.

        Raises:
            FileNotFoundError: it is so; the next write begins anew.
        """
        if self._fd < 0:
            return
        with suppress(FileNotFoundError, NotADirectoryError):
            if os.path.samestat(os.stat(self._path), os.fstat(self._fd)):
                return
        self._begin_anew()
        self.count_lost(self._lines)
        raise FileNotFoundError(errno.ENOENT, "was removed while recording", str(self._path))

    def _begin_anew(self) -> None:
        """The next write makes a file, and the next event a checkpoint."""
        self._close()
        self._time = self._expected = None

    @property
    def _name(self) -> str:
        return f"{self._path.parent.name}/{self._path.stem}"

    def _segment_of(self, time: datetime) -> int:
        return int(time.timestamp() // self._seconds)

    def _open(self, segment: int, time: datetime) -> None:
        self._close()
        begin = datetime.fromtimestamp(segment * self._seconds, UTC)
        # The first segment after a start, or after the clock jumped, begins in its middle.
        first = begin if self._segment is not None and segment == self._segment + 1 else time
        while True:
            path = self._directory / first.strftime("%Y-%m-%d/%H-%M-%S.jsonl")
            path.parent.mkdir(parents=True, exist_ok=True)
            # Of a name that has ended as columns there is no text any more.
            if path.with_suffix(".events").exists():
                first += timedelta(seconds=1)
                continue
            try:
                self._fd = os.open(
                    path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o640
                )
            except FileExistsError:
                first += timedelta(seconds=1)
                continue
            break
        self._path, self._segment, self._size, self._lines = path, segment, 0, 0
        if self._keeper is not None:
            self._keeper.begun(self._name)

    def _take_back(self) -> None:
        """Cuts off a line that was written in part; where even that fails, starts a new file."""
        try:
            os.ftruncate(self._fd, self._size)
        except OSError:
            self._begin_anew()
        if self._size == 0:
            with suppress(OSError):
                self._close()
                self._path.unlink()
