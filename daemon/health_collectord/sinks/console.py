"""Events on standard output, one JSON line each."""

import os

from health_collectord.sinks.queued import QueuedSink, Record, lines_of


class ConsoleSink(QueuedSink):
    """Writes each record as a line; a reader that is slow or gone costs nobody else anything."""

    name = "console"
    pause = 0.5  # somebody looks on

    def __init__(self, fd: int = 1, limit: int = 5000) -> None:
        super().__init__(limit)
        self._fd = fd

    def write(self, batch: list[Record]) -> int:
        rest = memoryview(b"".join(lines_of(batch)))
        while rest:
            rest = rest[os.write(self._fd, rest) :]
        return len(batch)
