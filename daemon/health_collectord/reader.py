"""Reads the record for a collector: a process that it starts, asks over a pipe, and may kill.

A line with a question comes in (`{"op":...}` and its members, which have been checked). Out goes a
line with ``+SIZE`` or, for an error, ``-SIZE``, and so many bytes of a JSON object.
"""

import os
import resource
import select
import signal
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from time import monotonic
from typing import Any

from health_archive.coverage import Epoch, covered
from health_archive.events import Found, Place, Wanted, events_by_seq, events_by_time
from health_archive.history import MOST_PENDING, History
from health_archive.index import Index
from health_archive.lines import Record, time_text
from health_archive.marks import marked
from health_archive.moments import NotRecorded, moment_of
from health_archive.segments import segment_name
from health_archive.thinning import Points
from health_wire import protocol
from health_wire.door import MAX_EVENT_BYTES
from health_wire.protocol import ProtocolError

MOST_REPLY = 4 << 20
_NICE = 10
# With the collector's 28 MB and 48 for clients, it has to stay below the service's MemoryMax.
_MOST_BYTES = 72 << 20
_CATCH_UP_SECONDS = 1.0  # for the index, before a question that needs it is answered
_AT_ONCE = 16  # series
_EVENTS_SECONDS = 2.0  # then a page of events ends, whatever has been found
_MOST_EVENTS, _MOST_VALUES = 2 << 20, 90_000  # bytes, and values, of a page
_ALWAYS = 1 << 62


class Reader:
    """Answers questions about a record, and keeps its index up to date meanwhile.

    Args:
        folder, index: the record's folder, and the index's file.
    """

    def __init__(self, folder: Path, index: Path) -> None:
        self._folder = folder
        self._path = index
        self._index: Index | None = None
        self._history: History | None = None
        self._steps: Iterator[str] | None = None
        self._fault = ""

    def answer(self, asked: dict[str, Any]) -> bytes:
        """The members of a reply, as a JSON object.

        Raises:
            ProtocolError: there is no answer.
        """
        try:
            found = _OPS[asked["op"]](self, asked)
        except NotRecorded as error:
            raise ProtocolError(protocol.NOT_FOUND, str(error)) from None
        except MemoryError:
            raise _too_much() from None
        except OSError as error:
            raise ProtocolError(
                protocol.INTERNAL, f"the record cannot be read: {error.filename}: {error.strerror}"
            ) from None
        except sqlite3.Error as error:
            self.close()
            raise ProtocolError(protocol.INTERNAL, _of_index(self._path, error)) from None
        if len(found) > MOST_REPLY:
            raise _too_much()
        return found

    def close(self) -> None:
        """Lets go of the index."""
        for each in (self._history, self._index):
            if each is not None:
                each.close()
        self._history = self._index = self._steps = None

    def begin(self) -> None:
        """Has the index brought up to date, by `work`."""
        with suppress(OSError, sqlite3.Error):
            self._steps = self._opened().update_by_day()

    def work(self) -> bool:
        """Takes the next segment into the index; False where there is nothing to do."""
        try:
            if self._steps is not None and next(self._steps, None) is not None:
                return True
        except (OSError, sqlite3.Error) as error:
            self.close()
            if self._fault != str(error):
                self._fault = str(error)
                print(_of_index(self._path, error), file=sys.stderr)
        self._steps = None
        return False

    def _opened(self) -> Index:
        if self._index is None:
            self._index = Index(self._path, self._folder)
        return self._index

    def _asks_index(self, end: int) -> None:
        """Makes sure that the index has what a question until a time needs.

        Raises:
            ProtocolError: it is being made.
        """
        index = self._opened()
        until = monotonic() + _CATCH_UP_SECONDS
        left = index.behind()
        if left > MOST_PENDING:
            steps = index.update(since=(index.newest() or "")[:10])
            while monotonic() < until and next(steps, None) is not None:
                pass
            left = index.behind()
        if left > MOST_PENDING and segment_name(end) >= (index.newest() or ""):
            raise ProtocolError(
                protocol.BUSY,
                f"the record's index is being made: {left} segments are left; ask again later",
            )

    def _figures(self, asked: dict[str, Any]) -> bytes:
        names, start, end = asked["series"], asked["start"], asked["end"]
        self._asks_index(end)
        if self._history is None:
            self._history = History(self._folder, self._path)
        known, parts, resolution, size = set(asked["known"]), list[bytes](), 0.0, 0
        columns = _Columns()
        for i in range(0, len(names), _AT_ONCE):
            some = names[i : i + _AT_ONCE]
            for name, points in self._history.query(some, start, end, asked["points"]).items():
                if not points.t and name not in known:
                    raise ProtocolError(protocol.NOT_FOUND, f"there is no series {name!r}")
                resolution = max(resolution, points.resolution or 0.0)
                parts.append(b"%b:%b" % (protocol.encode(name), columns(points)))
                size += len(parts[-1])
                if size > MOST_REPLY:
                    raise _too_much()
        return b'{"resolution_seconds":%b,"series":{%b}}' % (
            protocol.encode(resolution or None), b",".join(parts),
        )  # fmt: skip

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

    def _events(self, asked: dict[str, Any]) -> bytes:
        until = monotonic() + _EVENTS_SECONDS
        parts: list[bytes] = []
        size = values = 0
        place, after = asked["cursor"], None
        if place is not None:
            segment, _, lines = place.partition(":")
            after = Place(segment, int(lines))
        for found in self._recorded(asked, after):
            if found.record is not None:
                part = _event(found.epoch, found.record)
                size, values = size + len(part), values + _values_of(part)
                if parts and (size > _MOST_EVENTS or values > _MOST_VALUES):
                    break
                if len(part) <= MAX_EVENT_BYTES:
                    parts.append(part)
            place = f"{found.place.segment}:{found.place.lines}"
            if len(parts) == asked["limit"] or monotonic() > until:
                break
        else:
            place = None
        return b'{"events":[%b],"cursor":%b}' % (b",".join(parts), protocol.encode(place))

    def _recorded(self, asked: dict[str, Any], after: Place | None) -> Iterator[Found]:
        names = tuple(asked["names"])
        if "epoch" not in asked:
            wanted = Wanted(names, asked["start"], asked["end"])
            return events_by_time(self._folder, wanted, after)
        self._asks_index(_ALWAYS)
        wanted = Wanted(
            names, epoch=asked["epoch"], first_seq=asked["first_seq"], last_seq=asked["last_seq"]
        )
        found = events_by_seq(self._folder, self._path, wanted, after)
        if found is None:
            raise ProtocolError(protocol.NOT_FOUND, "nothing of that is recorded (any more)")
        return found

    def _coverage(self, asked: dict[str, Any]) -> bytes:
        self._asks_index(asked["end"])
        epochs = covered(self._path, self._folder, asked["start"], asked["end"])
        if sum(1 + len(each.runs) + len(each.holes) for each in epochs) > protocol.MAX_MARKS:
            raise _too_much()
        return protocol.encode({"epochs": [_told(each) for each in epochs]})

    def _marks(self, asked: dict[str, Any]) -> bytes:
        self._asks_index(asked["end"])
        found = marked(self._path, self._folder, asked["start"], asked["end"])
        if max(len(found.marks), len(found.problems)) > protocol.MAX_MARKS:
            raise _too_much()
        return protocol.encode(asdict(found))

    def _left(self, _: dict[str, Any]) -> bytes:
        if self._steps is None and self._opened().behind():
            self.begin()
        return b"{}" if self._steps is None else b'{"more":true}'


def _told(epoch: Epoch) -> dict[str, Any]:
    return {
        "epoch": epoch.epoch,
        "boot_id": epoch.boot_id,
        "first_time": _time(epoch.first_time),
        "last_time": _time(epoch.last_time),
        "shutdown": epoch.shutdown,
        "present": epoch.runs,
        "holes": [
            asdict(hole) | {"start": _time(hole.start), "end": _time(hole.end)}
            for hole in epoch.holes
        ],
    }


def _time(milliseconds: int | None) -> str | None:
    return None if milliseconds is None else time_text(milliseconds)


def _event(epoch: str | None, record: Record) -> bytes:
    return protocol.encode(
        {
            "epoch": epoch,
            "seq": record.seq,
            "time": time_text(record.time),
            "name": record.name,
            "data": record.data,
        }
    )


def _values_of(part: bytes) -> int:
    """As a listener counts them, see `health_wire.door`."""
    return part.count(b",") + part.count(b"[") + part.count(b"{")


class _Columns:
    """Encodes points; the times that series share, and figures that are all the same, once."""

    def __init__(self) -> None:
        self._times: tuple[list[float], bytes] = ([], b"[]")

    def __call__(self, points: Points) -> bytes:
        if points.t is not self._times[0]:
            self._times = points.t, protocol.encode(points.t)
        mean = protocol.encode(points.mean)
        low = mean if points.low is points.mean else protocol.encode(points.low)
        high = mean if points.high is points.mean else protocol.encode(points.high)
        return b'{"t":%b,"min":%b,"avg":%b,"max":%b}' % (self._times[1], low, mean, high)


def _too_much() -> ProtocolError:
    return ProtocolError(
        protocol.TOO_LARGE, "more than a reply may have; ask for a shorter window, or for less"
    )


def _of_index(path: Path, error: Exception) -> str:
    return f"{path}: {error}; `health-collectord history rebuild` makes the index anew"


_OPS: dict[str, Callable[[Reader, dict[str, Any]], bytes]] = {
    "state_at": Reader._state_at,
    "history": Reader._figures,
    "events": Reader._events,
    "coverage": Reader._coverage,
    "marks": Reader._marks,
    "index": Reader._left,
}


def serve(reader: Reader) -> None:
    """Until nobody asks any more: the pipe's end is the collector's."""
    questions, answers = sys.stdin.buffer, sys.stdout.buffer
    begun = False
    while True:
        while not select.select((questions,), (), (), 0)[0] and reader.work():
            pass
        line = questions.readline()
        if not line:
            return
        sign = b"+"
        try:
            body = reader.answer(protocol.decode_object(line))
        except ProtocolError as error:
            sign, body = b"-", protocol.encode({"error": error.error, "message": str(error)})
        answers.write(b"%b%d\n" % (sign, len(body)))
        answers.write(body)
        answers.flush()
        if not begun:  # whoever asks is served first
            begun = True
            reader.begin()


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
