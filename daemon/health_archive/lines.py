"""Lines of a record as events: who reads records reads them by this."""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

# What this collector's own lines begin with; others' are read as JSON.
_BEGIN = re.compile(
    rb'\{"time":"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{12}Z)","name":"'
    rb'([A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*)","data":'
)
_END = re.compile(rb',"seq":([0-9]{1,18})\}\n?\Z')
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_NAME = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")


@dataclass(slots=True, frozen=True)
class Record:
    """An event as it was recorded.

    Attributes:
        time: in milliseconds since 1970, by the wall clock of then, which may have jumped.
        name: the event's name.
        data: what it says.
        seq: its place in its epoch's order; None for what was never on the wire.
    """

    time: int
    name: str
    data: Any
    seq: int | None


@dataclass(slots=True, frozen=True)
class Heading:
    """What can be told of a line without reading its data: as `Record`, with the line."""

    time: int
    name: str
    seq: int | None
    line: bytes


def parse(line: bytes) -> Record:
    """An event of its line, with or without the newline.

    Raises:
        ValueError: it is no record; the text says why.
    """
    try:
        record = json.loads(line, parse_constant=_no_number)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    match record:
        case {"time": str(time), "name": str(name), "data": data} if _NAME.fullmatch(name):
            seq = record.get("seq")
            return Record(_milliseconds(time), name, data, seq if type(seq) is int else None)
    raise ValueError("not an object with 'time', 'name' and 'data'")


class Headings:
    """Reads the headings of lines; what was worked out for one time serves its other lines."""

    def __init__(self) -> None:
        self._times: dict[bytes, int] = {}
        self._names: dict[bytes, str] = {}

    def read(self, line: bytes) -> Heading:
        """
        Raises:
            ValueError: it is no record. The data of one that looks like the collector's own are
                not looked at, but it ends as it should.
        """
        begin, end = _BEGIN.match(line), _END.search(line, max(len(line) - 30, 0))
        if begin is None or end is None:
            record = parse(line)
            return Heading(record.time, record.name, record.seq, line)
        text, written = begin.groups()
        time = self._times.get(text)
        if time is None:
            if len(self._times) > 5000:
                self._times.clear()
            time = self._times[text] = _milliseconds(text.decode())
        name = self._names.get(written)
        if name is None:
            name = self._names[written] = written.decode()
        return Heading(time, name, int(end[1]), line)


def whole_lines(text: bytes) -> list[bytes]:
    """The lines of a text that ends with one, each with its newline."""
    lines = text.split(b"\n")
    lines.pop()
    return [line + b"\n" for line in lines]


def seq_of(line: bytes) -> int | None:
    """The place in the order of one of the collector's own lines, None where it has none."""
    end = _END.search(line, max(len(line) - 30, 0))
    return int(end[1]) if end else None


def milliseconds(time: datetime) -> int:
    """Since 1970, of a time that knows its zone."""
    return (time - _EPOCH) // _MILLISECOND


def time_text(milliseconds: int) -> str:
    """``2026-01-01T12:00:00.000Z``"""
    return f"{(_EPOCH + milliseconds * _MILLISECOND).isoformat(timespec='milliseconds')[:23]}Z"


def _milliseconds(text: str) -> int:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError(f"a time without its zone: {text}")
    return milliseconds(time)


def _no_number(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON number")
