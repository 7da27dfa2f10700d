"""What only the record can answer: what is asked, and how the reply is put together."""

import math
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


def only(request: dict[str, Any], *members: str) -> None:
    """A member that an op does not know is a misspelling: say so instead of ignoring it."""
    unknown = request.keys() - {"op", "id", "v", *members}
    if unknown:
        takes = ", ".join(repr(m) for m in members) or "none"
        raise ProtocolError(
            BAD_REQUEST, f"{request['op']} does not take {sorted(unknown)[0]!r}; it takes {takes}"
        )
