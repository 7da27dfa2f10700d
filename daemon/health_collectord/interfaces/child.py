"""The process that reads the record, as the collector has it."""

import os
import select
import subprocess
import sys
from contextlib import suppress
from time import monotonic

from health_collectord.interfaces.questions import NoAnswerError

_KILL_SECONDS = 1.0


class Child:
    """A line with a question goes in, and an answer of a stated size comes out.

    Args:
        command: the program.

    Raises:
        NoAnswerError: it cannot be started.
    """

    def __init__(self, command: tuple[str, ...]) -> None:
        path = os.pathsep.join(filter(None, sys.path))
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": path},
                bufsize=0,
            )
        except OSError as error:
            raise NoAnswerError(f"no process for it: {error.strerror or error}") from None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._in, self._out = self._process.stdin, self._process.stdout
        self._poll = select.poll()
        self._poll.register(self._out, select.POLLIN)
        self.killed = False

    def end(self) -> None:
        """Has it end; whoever reads notices."""
        self._process.kill()

    def kill(self) -> None:
        """Ends it, as soon as the disk lets it end."""
        if not self.killed:
            self.killed = True
            self._process.kill()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_KILL_SECONDS)
            self.ended()

    def ended(self) -> bool:
        if self._process.poll() is None:
            return False
        self._in.close()
        self._out.close()
        return True

    def ask(self, line: bytes, until: float) -> tuple[bool, bytes]:
        self.write(line)
        return self.read(until)

    def write(self, line: bytes) -> None:
        """
        Raises:
            NoAnswerError: it has ended.
        """
        try:
            self._in.write(line + b"\n")
        except (OSError, ValueError):
            raise self._gone() from None

    def answers(self, until: float) -> bool:
        """Whether an answer begins by a moment of the monotonic clock."""
        return bool(self._poll.poll(max(until - monotonic(), 0.0) * 1000))

    def read(self, until: float) -> tuple[bool, bytes]:
        """Whether it is an answer or an error, and the JSON object.

        Raises:
            NoAnswerError: it took too long, or the process has ended.
        """
        found = bytearray()
        size = -1
        while size < 0 or len(found) < size:
            if not self.answers(until):
                self.kill()
                raise NoAnswerError("it took too long to read")
            try:
                more = self._out.read(1 << 16)
            except (OSError, ValueError):
                more = b""
            if not more:
                raise self._gone()
            found += more
            if size < 0 and b"\n" in found:
                head, _, rest = bytes(found).partition(b"\n")
                size, good, found = int(head[1:]), head[:1] == b"+", bytearray(rest)
        return good, bytes(found)

    def _gone(self) -> NoAnswerError:
        self.kill()
        return NoAnswerError("its process ended")
