"""Reads the record for a collector: a process that it starts, asks over a pipe, and may kill.

A line with a question comes in (`{"op":...}` and its members, which have been checked). Out goes a
line with ``+SIZE`` or, for an error, ``-SIZE``, and so many bytes of a JSON object.
"""

import os
import resource
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from health_archive.lines import time_text
from health_archive.moments import NotRecorded, moment_of
from health_wire import protocol
from health_wire.protocol import ProtocolError

_NICE = 10
# With the collector and what its clients may take, it has to stay below the service's MemoryMax.
_MOST_BYTES = 80 << 20


class Reader:
    """Answers questions about a record.

    Args:
        folder, index: the record's folder, and the index's file.
    """

    def __init__(self, folder: Path, index: Path) -> None:
        self._folder = folder
        self._index = index

    def answer(self, asked: dict[str, Any]) -> bytes:
        """The members of a reply, as a JSON object.

        Raises:
            ProtocolError: there is no answer.
        """
        try:
            return _OPS[asked["op"]](self, asked)
        except NotRecorded as error:
            raise ProtocolError(protocol.NOT_FOUND, str(error)) from None
        except MemoryError:
            raise ProtocolError(protocol.TOO_LARGE, "more than can be read; ask for less") from None
        except OSError as error:
            raise ProtocolError(
                protocol.INTERNAL, f"the record cannot be read: {error.filename}: {error.strerror}"
            ) from None

    def _state_at(self, asked: dict[str, Any]) -> bytes:
        moment = moment_of(self._folder, asked["time"])
        if moment.epoch is None:
            raise ProtocolError(
                protocol.NOT_FOUND, "the record of then does not say which start it is of"
            )
        return protocol.encode(
            {
                "epoch": moment.epoch,
                "seq": moment.seq,
                "time": time_text(moment.time),
                "whole": moment.whole,
                "state": moment.state,
            }
        )

    def _update(self, _: dict[str, Any]) -> bytes:
        return b"{}"


_OPS: dict[str, Callable[[Reader, dict[str, Any]], bytes]] = {
    "state_at": Reader._state_at,
    "index": Reader._update,
}


def serve(reader: Reader) -> None:
    """Until nobody asks any more: the pipe's end is the collector's."""
    questions, answers = sys.stdin.buffer, sys.stdout.buffer
    while line := questions.readline():
        sign = b"+"
        try:
            body = reader.answer(protocol.decode_object(line))
        except ProtocolError as error:
            sign, body = b"-", protocol.encode({"error": error.error, "message": str(error)})
        answers.write(b"%b%d\n" % (sign, len(body)))
        answers.write(body)
        answers.flush()


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of the terminal's: it is not what was meant
    with suppress(OSError):
        os.nice(_NICE)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_DATA, (_MOST_BYTES, _MOST_BYTES))
    with suppress(BrokenPipeError):
        serve(Reader(*map(Path, sys.argv[1:])))


if __name__ == "__main__":
    main()
