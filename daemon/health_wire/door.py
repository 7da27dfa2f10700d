"""The door: whatever a collector sends is checked here, once, before anything looks at it.

Behind it every text is printable Unicode of a bounded length, every number finite and of a bounded
size, every value of a bounded depth, and every reply of the shape that PROTOCOL.md gives it. What
goes beyond that is a `Violation`, which says what was wrong in words of our own.
"""

import json
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any, NoReturn

from health_wire import protocol
from health_wire.protocol import ProtocolError
from health_wire.tree import FrozenDict
from health_wire.updates import Event

MAX_EVENT_BYTES = 1024 * 1024
MAX_REPLY_BYTES = 16 * 1024 * 1024
MAX_VALUES = 100_000  # of an event or a reply: reading each takes a microsecond and some memory
MAX_FIGURES = 4 * protocol.MAX_SERIES * protocol.MAX_POINTS  # of a history
_MORE = {"history": MAX_FIGURES, "events": MAX_VALUES}  # the last event may have as many
MAX_DEPTH = 16  # objects and lists within each other; also the parts of a path
MAX_TEXT = 8192  # characters of a text, and of a member's name: a series' has a path in it
MAX_NAME = 255  # of the name of a host, an epoch, an event
MAX_NUMBER = 2.0**64  # either way: counters of the kernel have 64 bits
MAX_SEQ = 2**53 - 1  # what every language's numbers hold

_TIME = re.compile(r"(19[7-9]\d|[2-8]\d{3})-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)")
_NAME = re.compile(r"[^\x00-\x1f\x7f-\x9f]{1,255}")
_ESCAPED = re.compile(rb"\\u[dD]")  # a lone surrogate can come in no other way
# Which have been looked at: hosts, epochs and names of events come again and again.
_names: set[str] = set()
_MOST_NAMES = 1000
_last_time = ""  # events of a tick share it


class Violation(ProtocolError):
    """The other side sent what the protocol does not allow."""

    def __init__(self, message: str) -> None:
        super().__init__(protocol.INTERNAL, message)

    @property
    def fault(self) -> str:
        return f"sends what is not of the protocol: {self}"


def event(frames: list[bytes]) -> Event:
    """The event in the frames of a message.

    Raises:
        Violation: they hold none.
    """
    if len(frames) != 2:
        _refuse(f"an event of {len(frames)} frames, not 2")
    body = _object(frames[1], "an event", MAX_EVENT_BYTES, MAX_VALUES)
    if body.get("v") != protocol.VERSION or body["v"] is True:
        _refuse(f"an event that is not of version {protocol.VERSION}")
    name = _named(body)
    return Event(
        host=_name(body, "host"),
        epoch=_name(body, "epoch"),
        seq=_natural(body, "seq"),
        time=_time(body, "time"),
        name=name,
        data=body.get("data"),
        replay=body.get("replay") is True,
    )


def answer(op: str, frame: bytes, most: int = MAX_REPLY_BYTES) -> dict[str, Any]:
    """The collector's answer to a request, of the shape that the protocol gives it.

    Args:
        most: bytes that it may have.

    Raises:
        Violation: it is no reply to that request.
        ProtocolError: it is an error.
    """
    body: dict[str, Any] = _object(frame, "a reply", most, MAX_VALUES + _MORE.get(op, 0))
    if body.get("ok") is False:
        error, message = body.get("error"), body.get("message")
        if not isinstance(error, str) or not isinstance(message, str):
            _refuse("an error without 'error' or 'message'")
        raise ProtocolError(error, message)
    if body.get("ok") is not True:
        _refuse("a reply that is neither ok nor an error")
    _name(body, "host")
    _name(body, "epoch")
    _natural(body, "seq")
    _time(body, "time")
    check = _ANSWERS.get(op)
    if check is not None:
        check(body)
    return body


def _snapshot(body: dict[str, Any]) -> None:
    if not isinstance(body.get("state"), dict):
        _refuse("a snapshot whose 'state' is not an object")


def _state_at(body: dict[str, Any]) -> None:
    _snapshot(body)
    if type(body.get("whole")) is not bool:
        _refuse("a state of then without 'whole'")


def _events(body: dict[str, Any]) -> None:
    events, cursor = body.get("events"), body.get("cursor")
    if not isinstance(events, tuple) or len(events) > protocol.MAX_EVENTS:
        _refuse("a page whose 'events' is not a list of as many as can be asked for")
    if cursor is not None and not isinstance(cursor, str):
        _refuse("a page whose 'cursor' is neither text nor null")
    for each in events:
        if not isinstance(each, dict):
            _refuse("a recorded event that is not an object")
        if each.get("epoch") is not None:
            _name(each, "epoch")
        _named(each)
        _natural(each, "seq")
        _time(each, "time")


def _coverage(body: dict[str, Any]) -> None:
    for epoch in _rows(body, "epochs", ("epoch",), ("first_time", "last_time")):
        for run in _list(epoch, "present"):
            if not isinstance(run, tuple) or [type(seq) for seq in run] != [int, int]:
                _refuse("what is present without a first and a last 'seq'")
        for hole in _rows(epoch, "holes", (), ("start", "end")):
            _name(hole, "cause")


def _marks(body: dict[str, Any]) -> None:
    for mark in _rows(body, "marks", ("epoch",), ("end",)):
        _name(mark, "kind")
        _time(mark, "time")
    for problem in _rows(body, "problems", ("metric", "field", "severity"), ("end",)):
        _time(problem, "begin")


def _rows(
    body: dict[str, Any], member: str, names: tuple[str, ...], times: tuple[str, ...]
) -> list[dict[str, Any]]:
    """A list of objects, with names and times that may be null."""
    rows = []
    for row in _list(body, member):
        if not isinstance(row, dict):
            _refuse(f"a row of {member!r} that is not an object")
        for name in names:
            if row.get(name) is not None:
                _name(row, name)
        for name in times:
            if row.get(name) is not None:
                _time(row, name)
        rows.append(row)
    return rows


def _list(body: dict[str, Any], member: str) -> tuple[Any, ...]:
    found = body.get(member)
    if not isinstance(found, tuple) or len(found) > protocol.MAX_MARKS:
        _refuse(f"{member!r} that is not a list of at most {protocol.MAX_MARKS}")
    return found


def _named(body: dict[str, Any]) -> str:
    """The name of an event whose data are of the right kind."""
    name = _name(body, "name")
    if name.count(".") > MAX_DEPTH:
        _refuse(f"a name of more than {MAX_DEPTH} parts")
    data = body.get("data")
    if data is not None and not isinstance(data, FrozenDict):
        _refuse("an event whose 'data' is neither an object nor null")
    return name


def _history(body: dict[str, Any]) -> None:
    series = body.get("series")
    if not isinstance(series, dict) or len(series) > protocol.MAX_SERIES:
        _refuse("a history whose 'series' is not an object of as many series as can be asked for")
    resolution = body.get("resolution_seconds")
    if resolution is not None and not (_is_number(resolution) and resolution > 0):
        _refuse("a history whose 'resolution_seconds' is not a number")
    for columns in series.values():
        if not isinstance(columns, dict):
            _refuse("a series that is not an object")
        lengths = {_column(columns, name) for name in ("t", "min", "avg", "max")}
        if len(lengths) != 1:
            _refuse("a series whose columns differ in length")
        if not all(map(_is_number, columns["t"])):
            _refuse("a series with a time that is not a number")


def _column(columns: dict[str, Any], name: str) -> int:
    values = columns.get(name)
    if not isinstance(values, tuple) or len(values) > protocol.MAX_POINTS:
        _refuse(f"a series whose {name!r} is not a list of at most {protocol.MAX_POINTS}")
    if not all(value is None or _is_number(value) for value in values):
        _refuse(f"a series with a figure in {name!r} that is not a number")
    return len(values)


_MOST_FIELDS = 2000
_MOST = {"metrics": 128, "fields": _MOST_FIELDS, "rules": 64, "charts": 64, "history": 16}


def _describe(body: dict[str, Any]) -> None:
    _listed(body, "metrics")
    fields = 0
    for metric in body["metrics"]:
        if not isinstance(metric, dict):
            _refuse("a metric that is not an object")
        for member in ("fields", "rules", "charts"):
            _listed(metric, member)
        for field in metric["fields"]:
            if isinstance(field, dict) and "fields" in field:
                _listed(field, "fields")
                fields += len(field["fields"])
        fields += len(metric["fields"])
    if fields > _MOST_FIELDS:
        _refuse(f"a catalogue of more than {_MOST_FIELDS} fields")
    _listed(body, "history")


def _listed(body: dict[str, Any], member: str) -> None:
    found = body.get(member)
    if not isinstance(found, tuple) or len(found) > _MOST[member]:
        _refuse(f"a catalogue whose {member!r} is not a list of at most {_MOST[member]}")


def _ping(body: dict[str, Any]) -> None:
    if not isinstance(body.get("version"), str) or not _is_number(body.get("uptime_seconds")):
        _refuse("a ping without 'version' or 'uptime_seconds'")


_ANSWERS: dict[str, Callable[[dict[str, Any]], None]] = {
    "snapshot": _snapshot,
    "history": _history,
    "describe": _describe,
    "ping": _ping,
    "state_at": _state_at,
    "events": _events,
    "coverage": _coverage,
    "marks": _marks,
}


def _object(frame: bytes, what: str, most: int, values: int) -> Any:
    """The JSON object in a frame, frozen and within all bounds."""
    if len(frame) > most:
        _refuse(f"{what} of {len(frame)} bytes, at most {most} are allowed")
    # Before it is read; what stands within texts counts with it. A short one has no room for them.
    if len(frame) > values and sum(map(frame.count, (b",", b"[", b"{"))) > values:
        _refuse(f"{what} of more than {values} values")
    try:
        body = _admit(protocol.decode_object(frame), MAX_DEPTH)
    except Violation:
        raise
    except ProtocolError as error:
        _refuse(f"{what} that cannot be read: {error}")
    if b"\\" in frame and _ESCAPED.search(frame):
        try:
            json.dumps(body, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            _refuse(f"{what} with half a character (a lone surrogate)")
    return body


def _admit(value: Any, depth: int) -> Any:
    """An object or list, just read, with all below it frozen, and within bounds.

    It looks at every value of every event, so what is no container is judged in the loop.
    """
    if not depth:
        _refuse(f"values nested more than {MAX_DEPTH} deep")
    if type(value) is dict:
        for key, below in value.items():
            if len(key) > MAX_TEXT:
                _refuse(f"a member whose name has more than {MAX_TEXT} characters")
            kind = type(below)
            if kind is float or kind is int:
                if not -MAX_NUMBER <= below <= MAX_NUMBER:
                    _refuse("a number beyond 2 to the power of 64")
            elif kind is str:
                if len(below) > MAX_TEXT:
                    _refuse(f"a text of more than {MAX_TEXT} characters")
            elif kind is dict or kind is list:
                value[key] = _admit(below, depth - 1)
        return FrozenDict(value)
    for place, below in enumerate(value):
        kind = type(below)
        if kind is float or kind is int:
            if not -MAX_NUMBER <= below <= MAX_NUMBER:
                _refuse("a number beyond 2 to the power of 64")
        elif kind is str:
            if len(below) > MAX_TEXT:
                _refuse(f"a text of more than {MAX_TEXT} characters")
        elif kind is dict or kind is list:
            value[place] = _admit(below, depth - 1)
    return tuple(value)


def _name(body: dict[str, Any], key: str) -> str:
    value = body.get(key)
    if type(value) is str and value in _names:
        return value
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        _refuse(f"{key!r} that is not a text of 1 to {MAX_NAME} printable characters")
    if len(_names) >= _MOST_NAMES:
        _names.clear()
    _names.add(value)
    return value


def _natural(body: dict[str, Any], key: str) -> int:
    value = body.get(key)
    if type(value) is not int or not 0 <= value <= MAX_SEQ:
        _refuse(f"{key!r} that is not a whole number from 0 to 2 to the power of 53")
    return value


def _time(body: dict[str, Any], key: str) -> str:
    global _last_time
    value = body.get(key)
    if not isinstance(value, str) or (value != _last_time and not _is_time(value)):
        _refuse(f"{key!r} that is not a time such as 2026-01-01T12:00:00.000Z")
    _last_time = value
    return value


def _is_time(text: str) -> bool:
    try:
        return bool(_TIME.fullmatch(text)) and datetime.fromisoformat(text) is not None
    except ValueError:
        return False


def _is_number(value: Any) -> bool:
    return type(value) is float or type(value) is int


def _refuse(what: str) -> NoReturn:
    raise Violation(what)
