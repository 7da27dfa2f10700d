"""Events in files: ``DATA_DIR/history/YYYY-MM-DD/HH-MM-SS.jsonl``."""

import errno
import os
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from pathlib import Path

from health_collectord.sinks.queued import QueuedSink, Record


class JsonlSink(QueuedSink):
    """Writes each record as a line into the segment that its time falls into.

    A segment is a file of its own that begins at a whole multiple of `segment_seconds` since
    1970, or at the first record after a start; it is named after its first record's UTC time and
    never one that exists. Every line in it is complete: what was cut short by a full disk is
    taken back, and only a power cut or ``kill -9`` can leave a last line that is not.

    Args:
        directory: below which the days' directories are made.
        segment_seconds: a segment's length; 600 gives files that begin at :00, :10, :20.
    """

    name = "jsonl"

    def __init__(self, directory: Path, segment_seconds: int = 600, limit: int = 5000) -> None:
        super().__init__(limit)
        self._directory = directory
        self._seconds = segment_seconds
        self._segment: int | None = None
        self._fd = -1
        self._path = directory
        self._size = self._lines = 0

    def write(self, batch: list[Record]) -> int:
        self._notice_removal()
        segment = self._segment_of(batch[0][0])
        lines = [line for _, line in takewhile(lambda r: self._segment_of(r[0]) == segment, batch)]
        if segment != self._segment or self._fd < 0:
            self._open(segment, batch[0][0])
        rest = memoryview(b"".join(lines))
        try:
            size = len(rest)
            while rest:
                rest = rest[os.write(self._fd, rest) :]
        except OSError as error:
            self._take_back()
            raise OSError(error.errno, error.strerror, str(self._path)) from None
        self._size += size
        self._lines += len(lines)
        return len(lines)

    def close(self) -> None:
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
        self.close()
        self.count_lost(self._lines)
        raise FileNotFoundError(errno.ENOENT, "was removed while recording", str(self._path))

    def _segment_of(self, time: datetime) -> int:
        return int(time.timestamp() // self._seconds)

    def _open(self, segment: int, time: datetime) -> None:
        self.close()
        begin = datetime.fromtimestamp(segment * self._seconds, UTC)
        # The first segment after a start, or after the clock jumped, begins in its middle.
        first = begin if self._segment is not None and segment == self._segment + 1 else time
        while True:
            path = self._directory / first.strftime("%Y-%m-%d/%H-%M-%S.jsonl")
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                self._fd = os.open(
                    path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o640
                )
            except FileExistsError:
                first += timedelta(seconds=1)
                continue
            break
        self._path, self._segment, self._size, self._lines = path, segment, 0, 0

    def _take_back(self) -> None:
        """Cuts off a line that was written in part; where even that fails, starts a new file."""
        try:
            os.ftruncate(self._fd, self._size)
        except OSError:
            self.close()
        if self._size == 0:
            with suppress(OSError):
                self.close()
                self._path.unlink()
