"""Events on standard output, one JSON line each."""

import os

from health_wire.terminal import escape_json

from health_collectord.sinks.queued import QueuedSink, Record, lines_of


class ConsoleSink(QueuedSink):
    """Writes each record as a line; a reader that is slow or gone costs nobody else anything."""

    name = "console"
    pause = 0.5  # somebody looks on

    def __init__(self, fd: int = 1, limit: int = 5000) -> None:
        super().__init__(limit)
        self._fd = fd

    def write(self, batch: list[Record]) -> int:
        text = b"".join(lines_of(batch))
        if not text.isascii():  # what a machine says is shown escaped on a terminal
            lines = text.decode("utf-8", "replace").split("\n")
            text = "\n".join(map(escape_json, lines)).encode("utf-8", "replace")
        rest = memoryview(text)
        while rest:
            rest = rest[os.write(self._fd, rest) :]
        return len(batch)
