"""What the state endpoint can be asked, op by op; PROTOCOL.md documents each."""

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from bussdcc.clock import ClockProtocol
from health_wire import protocol, tree
from health_wire.protocol import BAD_REQUEST, NOT_FOUND, ProtocolError

from health_collectord.catalogue import Entry
from health_collectord.events import format_time
from health_collectord.history.series import BUCKET_SECONDS, COARSE_SECONDS, FINE_SECONDS
from health_collectord.interfaces.questions import (
    NEAR_SECONDS,
    Question,
    events_of,
    is_id,
    milliseconds,
    milliseconds_of,
    only,
    refusal,
    time_of,
    window_of,
)
from health_collectord.processes.history import HistoryProcess
from health_collectord.runtime.store import SnapshotStore

_log = logging.getLogger(__name__)
_WAITING = tree.freeze({"status": "waiting", "reason": None, "since": None})


@dataclass(slots=True, kw_only=True)
class Operations:
    """Answers requests from the committed state; safe to call from any thread.

    Attributes:
        mode: ``live`` or ``replay``.
        entries: each metric with its description, as `describe` gives it; replaced by a reload.
        recorded: whether there is a record to ask.
        recorded_before: whether it may have anything from before this start.
    """

    host: str
    epoch: str
    version: str
    clock: ClockProtocol
    store: SnapshotStore
    history: HistoryProcess
    entries: tuple[tuple[Entry, dict[str, Any]], ...]
    mode: str = "live"
    recorded: bool = False
    recorded_before: bool = False
    _encoded: tuple[int, bytes] = (-1, b"")  # the state after an event, for who asks next

    def answer(self, frames: list[bytes]) -> bytes | Question:
        """The reply to a request's frames; never raises for what a client sent.

        Returns:
            A question where it takes the record to answer.
        """
        request: dict[str, Any] = {}
        try:
            if len(frames) != 1:
                raise ProtocolError(BAD_REQUEST, f"expected one frame, got {len(frames)}")
            if len(frames[0]) > protocol.MAX_REQUEST_BYTES:
                raise ProtocolError(protocol.TOO_LARGE, "a request has at most 64 KiB")
            request = protocol.decode_object(frames[0])
            if "v" in request and (request["v"] != protocol.VERSION or request["v"] is True):
                raise ProtocolError(BAD_REQUEST, f"'v' must be {protocol.VERSION}")
            seq, state = self.store.snapshot()
            head: dict[str, Any] = {
                "ok": True,
                "v": protocol.VERSION,
                "host": self.host,
                "epoch": self.epoch,
                "seq": seq,
                "time": format_time(self.clock.now_utc()),
            }
            if request.get("op") == "snapshot":
                only(request)
                return self._snapshot(_echo(request, head), seq, state)
            head = _echo(request, head)
            found = self._perform(request, state)
            if isinstance(found, Question):
                kept = {name: value for name, value in head.items() if name not in found.says}
                return replace(found, head=kept)
            return protocol.encode(head | found)
        except ProtocolError as error:
            return refusal(request, error.error, str(error))
        except Exception:  # noqa: BLE001 a request must not end the endpoint
            _log.exception("a request could not be answered")
            return refusal({}, protocol.INTERNAL, "the collector's log says more")

    def _perform(
        self, request: dict[str, Any], state: tree.FrozenDict
    ) -> dict[str, Any] | Question:
        op = request.get("op")
        perform = _OPS.get(op) if isinstance(op, str) else None
        if perform is None:
            known = ", ".join(_OPS)
            error = BAD_REQUEST if not isinstance(op, str) else protocol.UNKNOWN_OP
            raise ProtocolError(error, f"'op' must be one of {known}")
        return perform(self, request, state)

    def _ping(self, request: dict[str, Any], _: tree.FrozenDict) -> dict[str, Any]:
        only(request)
        uptime = round(self.clock.uptime(), 3)
        return {"version": self.version, "uptime_seconds": uptime, "mode": self.mode}

    def _snapshot(self, head: dict[str, Any], seq: int, state: tree.FrozenDict) -> bytes:
        """The reply, with the state encoded once for everybody who asks between two events."""
        encoded = self._encoded
        if encoded[0] != seq:
            self._encoded = encoded = (seq, protocol.encode(state))
        return b'%b,"state":%b}' % (protocol.encode(head)[:-1], encoded[1])

    def _get(self, request: dict[str, Any], state: tree.FrozenDict) -> dict[str, Any]:
        only(request, "path")
        path = request.get("path")
        if not isinstance(path, str):
            raise ProtocolError(BAD_REQUEST, "'path' must be text such as \"system.cpu.usage\"")
        try:
            return {"value": tree.get(state, path)}
        except KeyError:
            raise ProtocolError(NOT_FOUND, f"there is nothing at {path!r}") from None

    def _describe(self, request: dict[str, Any], state: tree.FrozenDict) -> dict[str, Any]:
        only(request)
        statuses = state.get("collector", tree.EMPTY).get("metrics", tree.EMPTY)
        return {
            "title": "System health",
            "history": [
                {"seconds": FINE_SECONDS, "resolution_seconds": None},
                {"seconds": COARSE_SECONDS, "resolution_seconds": BUCKET_SECONDS},
            ],
            "metrics": [
                described | {"status": statuses.get(entry.name, _WAITING)}
                for entry, described in self.entries
            ],
        }

    def _history(self, request: dict[str, Any], _: tree.FrozenDict) -> dict[str, Any] | Question:
        only(request, "series", "start", "end", "points")
        names = request.get("series")
        names = [names] if isinstance(names, str) else names
        if not isinstance(names, list) or not all(isinstance(n, str) for n in names) or not names:
            raise ProtocolError(BAD_REQUEST, "'series' must be a series' name or a list of them")
        if len(names) > protocol.MAX_SERIES:
            raise ProtocolError(BAD_REQUEST, f"at most {protocol.MAX_SERIES} series at a time")
        names = list(dict.fromkeys(names))
        points = request.get("points", protocol.DEFAULT_POINTS)
        if type(points) is not int or not 1 <= points <= protocol.MAX_POINTS:
            raise ProtocolError(BAD_REQUEST, f"'points' must be 1 to {protocol.MAX_POINTS}")
        start = time_of(request, "start")
        end = time_of(request, "end")
        if start is not None and end is not None and start > end:
            raise ProtocolError(BAD_REQUEST, "'start' is after 'end'")
        last = math.inf if end is None else end

        def memory() -> dict[str, Any]:
            return self._remembered(names, start, last, points)

        if start is None or not self.recorded or self._reaches(names, start):
            return memory()
        known = [name for name in names if self.history.has(name)]
        until = max(min(last, self.clock.now_utc().timestamp()), start)
        asked = {
            "op": "history", "series": names, "known": known, "points": points,
            "start": milliseconds(start), "end": milliseconds(until),
        }  # fmt: skip
        found = self._ask(asked, until)
        # Of a longer window it would be so small a part that it is no answer.
        recent = start >= self.clock.now_utc().timestamp() - COARSE_SECONDS - NEAR_SECONDS
        return replace(found, memory=memory) if recent and len(known) == len(names) else found

    def _reaches(self, names: list[str], start: float) -> bool:
        """Whether memory has all of these from then on."""
        try:
            first = not self.recorded_before
            return all(self.history.reaches(name, start, first=first) for name in names)
        except KeyError:
            return False

    def _remembered(
        self, names: list[str], start: float | None, end: float, points: int
    ) -> dict[str, Any]:
        series, resolution = {}, None
        for name in names:
            try:
                found = self.history.query(name, start, end, points)
            except KeyError:
                raise ProtocolError(NOT_FOUND, f"there is no series {name!r}") from None
            series[name] = found.as_json()
            if found.resolution is not None:
                resolution = max(resolution or 0.0, found.resolution)
        return {"resolution_seconds": resolution, "series": series}

    def _state_at(self, request: dict[str, Any], _: tree.FrozenDict) -> Question:
        only(request, "time")
        time = milliseconds_of(request, "time")
        return self._ask(
            {"op": "state_at", "time": time}, time / 1000, says=("epoch", "seq", "time")
        )

    def _events(self, request: dict[str, Any], _: tree.FrozenDict) -> Question:
        asked = {"op": "events", **events_of(request)}
        if "epoch" in asked:
            return self._ask(asked, math.inf if asked["epoch"] == self.epoch else 0.0)
        return self._ask_until_now(asked)

    def _of_window(self, request: dict[str, Any], _: tree.FrozenDict) -> Question:
        only(request, "start", "end")
        return self._ask_until_now({"op": request["op"], **window_of(request)})

    def _ask_until_now(self, asked: dict[str, Any]) -> Question:
        now = milliseconds(self.clock.now_utc().timestamp())
        end = max(min(asked["end"], now), asked["start"])
        return self._ask(asked | {"end": end}, end / 1000)

    def _ask(self, asked: dict[str, Any], newest: float, says: tuple[str, ...] = ()) -> Question:
        """A question for the record's reader.

        Args:
            asked: what it is asked.
            newest: the latest time that is asked about, in seconds since 1970.
            says: the members of the reply's head that the reader says.
        """
        if not self.recorded:
            raise ProtocolError(
                NOT_FOUND,
                "there is no record here: this is a replay" if self.mode == "replay"
                else "there is no record here: record.enabled is false",
            )  # fmt: skip
        near = newest >= self.clock.now_utc().timestamp() - NEAR_SECONDS
        return Question(asked=asked, near=near, says=says)

    def _health(self, request: dict[str, Any], state: tree.FrozenDict) -> dict[str, Any]:
        only(request)
        return {"health": state.get("health", _UNKNOWN)}


_UNKNOWN = tree.freeze(
    {
        "status": "unknown",
        "summary": "no sample yet",
        "problems": [],
        "checks": {"known": 0, "total": 0, "not_applicable": 0},
    }
)

_Perform = Callable[[Operations, dict[str, Any], tree.FrozenDict], dict[str, Any] | Question]
_OPS: dict[str, _Perform] = {
    "ping": Operations._ping,
    "snapshot": lambda _, __, state: {"state": state},  # see `answer`
    "get": Operations._get,
    "describe": Operations._describe,
    "history": Operations._history,
    "health": Operations._health,
    "state_at": Operations._state_at,
    "events": Operations._events,
    "coverage": Operations._of_window,
    "marks": Operations._of_window,
}
assert tuple(_OPS) == protocol.OPS


def _echo(request: dict[str, Any], reply: dict[str, Any]) -> dict[str, Any]:
    """A request's id comes back, so that a client may have several under way."""
    if "id" in request:
        if not is_id(request["id"]):
            raise ProtocolError(BAD_REQUEST, "'id' must be text or a finite number")
        reply["id"] = request["id"]
    return reply
