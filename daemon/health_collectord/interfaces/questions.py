"""What only the record can answer: what is asked, and how the reply is put together."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from health_wire import protocol
from health_wire.protocol import BAD_REQUEST, ProtocolError

NEAR_SECONDS = 10.0  # what is younger may not have been written yet


class NoAnswerError(Exception):
    """The reader does not answer; the text says why."""


@dataclass(slots=True, frozen=True, kw_only=True)
class Question:
    """A request that is answered beside the state thread.

    Attributes:
        asked: what the reader gets: ``op``, and members that have been checked.
        head: what the reply begins with.
        near: it is about the last seconds, which have to be written first.
        says: members of the head that the reader says, since they are of then.
        memory: gives the reply's members from memory, for when the record is not read in time;
            None where there is nothing of it in memory.
    """

    asked: dict[str, Any]
    head: dict[str, Any] = field(default_factory=dict)
    near: bool = False
    says: tuple[str, ...] = ()
    memory: Callable[[], dict[str, Any]] | None = None

    def reply(self, body: bytes) -> bytes:
        """The reply, with the JSON object that the reader made."""
        return b"%b,%b" % (protocol.encode(self.head)[:-1], body[1:])

    def from_memory(self) -> bytes:
        assert self.memory is not None
        return protocol.encode(self.head | self.memory())

    def refusal(self, error: str, message: str) -> bytes:
        return refusal(self.head, error, message)


def refusal(request: dict[str, Any], error: str, message: str) -> bytes:
    """An error, with the request's id if it has one that can be returned."""
    reply = {"ok": False, "v": protocol.VERSION, "error": error, "message": message[:1000]}
    if is_id(request.get("id")):
        reply["id"] = request["id"]
    return protocol.encode(reply)


def is_id(value: Any) -> bool:
    return type(value) in (str, int) or (type(value) is float and math.isfinite(value))


def time_of(request: dict[str, Any], key: str) -> float | None:
    """A member that is a time, in seconds since 1970; None where there is none.

    Raises:
        ProtocolError: it is no time.
    """
    value = request.get(key)
    if value is None:
        return None
    try:
        if isinstance(value, str):
            parsed = datetime.fromisoformat(value)
            return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
    except (ValueError, OverflowError):
        pass
    raise ProtocolError(
        BAD_REQUEST, f"'{key}' must be a time such as 2026-01-01T12:00:00Z, or seconds since 1970"
    )


def milliseconds_of(request: dict[str, Any], key: str) -> int:
    """A member that has to be there and is a time, in milliseconds since 1970.

    Raises:
        ProtocolError: it is not there, or no time.
    """
    found = time_of(request, key)
    if found is None:
        raise ProtocolError(BAD_REQUEST, f"'{key}' is missing: a time such as 2026-01-01T12:00:00Z")
    return milliseconds(found)


def milliseconds(seconds: float) -> int:
    """Of seconds since 1970, or the nearest that the record can have."""
    return round(min(max(seconds, 0.0), _LAST) * 1000)


_LAST = 253402300799.0  # of the year 9999
_CURSOR = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}/[0-9]{2}-[0-9]{2}-[0-9]{2}:[0-9]{1,15}")
_BY_TIME, _BY_SEQ = ("start", "end"), ("epoch", "first_seq", "last_seq")


def window_of(request: dict[str, Any]) -> dict[str, int]:
    """`start` and `end` in milliseconds since 1970: as far as there is anything, without them.

    Raises:
        ProtocolError: one is no time, or they are the wrong way round.
    """
    start, end = time_of(request, "start"), time_of(request, "end")
    found = {
        "start": milliseconds(0.0 if start is None else start),
        "end": milliseconds(math.inf if end is None else end),
    }
    if found["start"] > found["end"]:
        raise ProtocolError(BAD_REQUEST, "'start' is after 'end'")
    return found


def events_of(request: dict[str, Any]) -> dict[str, Any]:
    """What `events` is asked: a window, or an epoch and places in it.

    Raises:
        ProtocolError: a member is not what it has to be.
    """
    by_seq = request.get("epoch") is not None
    only(request, *(_BY_SEQ if by_seq else (*_BY_TIME, "epoch")), "names", "limit", "cursor")
    names = request.get("names") or []
    names = [names] if isinstance(names, str) else names
    if (
        not isinstance(names, list)
        or len(names) > protocol.MAX_SERIES
        or not all(isinstance(name, str) for name in names)
    ):
        raise ProtocolError(
            BAD_REQUEST, f"'names' must be what names begin with, at most {protocol.MAX_SERIES}"
        )
    limit = request.get("limit", protocol.DEFAULT_EVENTS)
    if type(limit) is not int or not 1 <= limit <= protocol.MAX_EVENTS:
        raise ProtocolError(BAD_REQUEST, f"'limit' must be 1 to {protocol.MAX_EVENTS}")
    cursor = request.get("cursor")
    if cursor is not None and not (isinstance(cursor, str) and _CURSOR.fullmatch(cursor)):
        raise ProtocolError(BAD_REQUEST, "'cursor' must be one that a reply had")
    asked = {"names": names, "limit": limit, "cursor": cursor}
    return asked | (_places_of(request) if by_seq else window_of(request))


def _places_of(request: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(request["epoch"], str):
        raise ProtocolError(BAD_REQUEST, "'epoch' must be text")
    first, last = _place(request, "first_seq", 1), _place(request, "last_seq", _MOST_SEQ)
    if first > last:
        raise ProtocolError(BAD_REQUEST, "'first_seq' is after 'last_seq'")
    return {"epoch": request["epoch"], "first_seq": first, "last_seq": last}


def _place(request: dict[str, Any], key: str, default: int) -> int:
    value = request.get(key)
    if value is None:
        return default
    if type(value) is not int or not 0 <= value <= _MOST_SEQ:
        raise ProtocolError(BAD_REQUEST, f"'{key}' must be a whole number, such as 1234")
    return value


_MOST_SEQ = 2**53 - 1


def only(request: dict[str, Any], *members: str) -> None:
    """A member that an op does not know is a misspelling: say so instead of ignoring it."""
    unknown = request.keys() - {"op", "id", "v", *members}
    if unknown:
        takes = ", ".join(repr(m) for m in members) or "none"
        raise ProtocolError(
            BAD_REQUEST, f"{request['op']} does not take {sorted(unknown)[0]!r}; it takes {takes}"
        )
