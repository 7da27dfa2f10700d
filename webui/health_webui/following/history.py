"""A collector's history as browsers and scripts ask for it.

Whoever asks the same within a second, such as browsers that come back together, is answered from
one request to the collector, and the collector has one request at a time to answer.
"""

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol, Self

from gevent.lock import BoundedSemaphore
from health_wire import CollectorClient, CollectorTimeout, ProtocolError, protocol

DEFAULT_SECONDS = 300.0
MAX_SECONDS = 3660 * 86400.0
# A collector that keeps every sample for exactly as long as is asked for has, by the time the
# request arrives, let go of the first ones, and would answer from a coarser record.
_KEPT_MARGIN_SECONDS = 3.0
_LATE_SECONDS = 5.0  # what comes while it is being asked is welcome
_LAST_TIME = 253402300799.0  # of the year 9999
_SHARED_SECONDS = 1.0
_FIGURES_AT_ONCE = 64_000
_MAX_SHARED = 16
_MAX_WAITING = 200
_NUMBER = re.compile(r"[0-9]{1,12}(\.[0-9]{1,9})?")


class Arguments(Protocol):
    """A request's parameters, such as werkzeug's MultiDict."""

    def keys(self) -> Any: ...
    def getlist(self, key: str) -> list[str]: ...


@dataclass(slots=True, frozen=True, kw_only=True)
class Question:
    """What is asked for: `seconds` up to `end`, or from `start` to `end`; times since 1970.

    `series` are the names; None for all that the charts show. `end` None is now.
    """

    series: tuple[str, ...] | None = None
    start: float | None = None
    end: float | None = None
    seconds: float | None = None
    points: int = protocol.DEFAULT_POINTS

    @classmethod
    def parse(cls, arguments: Arguments) -> Self:
        """From a request's parameters.

        Raises:
            ValueError: the text says what is wrong and what is accepted.
        """
        known = ("series", "start", "end", "seconds", "points")
        unknown = sorted(set(arguments.keys()) - set(known))
        if unknown:
            raise ValueError(f"there is no parameter {unknown[0]!r}; there are {', '.join(known)}")
        series = arguments.getlist("series")
        if len(series) > protocol.MAX_SERIES:
            raise ValueError(f"at most {protocol.MAX_SERIES} series at a time")
        given = {key: _once(arguments, key) for key in known[1:]}
        start, end, seconds, points = given.values()
        if start is not None and seconds is not None:
            raise ValueError("either start or seconds")
        if start is None and seconds is None:
            seconds = f"{DEFAULT_SECONDS:g}"
        question = cls(
            series=tuple(dict.fromkeys(series)) or None,
            start=None if start is None else _time("start", start),
            end=None if end is None else _time("end", end),
            seconds=None if seconds is None else _number("seconds", seconds, 1, MAX_SECONDS),
            points=protocol.DEFAULT_POINTS if points is None else _points(points),
        )
        if None not in (question.start, question.end) and question.start >= question.end:  # type: ignore[operator]
            raise ValueError("start has to be before end")
        return question


def _once(arguments: Arguments, key: str) -> str | None:
    values = arguments.getlist(key)
    if len(values) > 1:
        raise ValueError(f"{key} is given {len(values)} times")
    return values[0] if values else None


def _number(key: str, text: str, low: float, high: float) -> float:
    if not _NUMBER.fullmatch(text) or not low <= float(text) <= high:
        raise ValueError(f"{key} is a number from {low:g} to {high:.0f}")
    return float(text)


def _points(text: str) -> int:
    if not text.isdecimal() or not text.isascii() or len(text) > 6:
        raise ValueError(f"points is a whole number from 1 to {protocol.MAX_POINTS}")
    return int(_number("points", text, 1, protocol.MAX_POINTS))


def _time(key: str, text: str) -> float:
    if _NUMBER.fullmatch(text) and float(text) <= _LAST_TIME:
        return float(text)
    try:
        parsed = datetime.fromisoformat(text)
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise ValueError(
            f"{key} is a time such as 2026-01-01T12:00:00Z, or seconds since 1970"
        ) from None


def _most(points: int) -> int:
    """How many series to ask for at once: a reply is read in one go, while all else waits."""
    return max(min(_FIGURES_AT_ONCE // points, protocol.MAX_SERIES), 1)


def _batches(series: tuple[str, ...], points: int) -> list[list[str]]:
    most = _most(points)
    return [list(series[i : i + most]) for i in range(0, len(series), most)]


class TooMany(Exception):
    """More wait for this collector's answers than make sense."""


class History:
    """Asks one collector.

    Args:
        client: follows it.
        charted: the series that the charts show.
    """

    def __init__(
        self,
        client: CollectorClient,
        charted: Callable[[], Sequence[str]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._charted = charted
        self._clock = clock
        self._turn = BoundedSemaphore()
        self._waiting = 0
        self._answers: dict[Question, tuple[float, dict[str, Any] | Exception]] = {}

    def ask(self, question: Question) -> dict[str, Any]:
        """``host``, ``epoch``, ``resolution_seconds``, ``start``, ``end`` and ``series``.

        Columns are those of PROTOCOL.md. A charted series that the collector does not know (yet) is
        left out.

        Raises:
            CollectorTimeout, ProtocolError: the collector did not give it.
            TooMany: too many are waiting.
        """
        if self._waiting >= _MAX_WAITING:
            raise TooMany("too many are asking for this host's history")
        self._waiting += 1
        try:
            with self._turn:
                answer = self._shared(question)
        finally:
            self._waiting -= 1
        if isinstance(answer, Exception):
            raise answer.with_traceback(None)
        return answer

    def _shared(self, question: Question) -> dict[str, Any] | Exception:
        answer: dict[str, Any] | Exception
        kept = self._answers.get(question)
        if kept is not None and self._clock() - kept[0] < _SHARED_SECONDS:
            return kept[1]
        try:
            answer = self._ask(question)
        except (CollectorTimeout, ProtocolError) as error:  # who waits too need not try again
            answer = error
        now = self._clock()
        fresh = [(q, a) for q, a in self._answers.items() if now - a[0] < _SHARED_SECONDS]
        self._answers = dict(fresh[-_MAX_SHARED + 1 :]) | {question: (now, answer)}
        return answer

    def _ask(self, question: Question) -> dict[str, Any]:
        start, end = question.start, question.end
        window = {"start": start} if end is None else {"start": start, "end": end}
        if question.seconds is not None:
            if end is None:  # by the collector's own clock, which need not be right
                end = timestamp(self._client.request("ping")["time"])
                window = {
                    "start": end - question.seconds + _KEPT_MARGIN_SECONDS,
                    "end": end + _LATE_SECONDS,
                }
            else:
                window = {"start": end - question.seconds, "end": end}
            start = end - question.seconds
        if question.series is None:
            answers = self._known(list(self._charted()), points=question.points, **window)
        else:
            answers = [
                self._client.request("history", series=names, points=question.points, **window)
                for names in _batches(question.series, question.points)
            ]
        if not answers:
            answers = [self._client.request("ping")]  # for whom and when
        resolutions = [a.get("resolution_seconds") for a in answers]
        return {
            "host": answers[-1]["host"],
            "epoch": answers[-1]["epoch"],
            "resolution_seconds": max((r for r in resolutions if r is not None), default=None),
            "start": start,
            "end": timestamp(answers[-1]["time"]) if end is None else end,
            "series": {k: v for a in answers for k, v in (a.get("series") or {}).items()},
        }

    def _known(self, names: list[str], **window: Any) -> list[dict[str, Any]]:
        """The answers for those of the names that the collector knows."""
        most = _most(window["points"])
        if len(names) > most:
            half = most
        else:
            try:
                return [self._client.request("history", series=names, **window)] if names else []
            except ProtocolError as error:
                if error.error != protocol.NOT_FOUND:
                    raise
            half = len(names) // 2
            if not half:
                return []
        return self._known(names[:half], **window) + self._known(names[half:], **window)


def timestamp(text: Any) -> float:
    """Seconds since 1970 of a time as it stands on the wire.

    Raises:
        ProtocolError: it is none.
    """
    try:
        return datetime.fromisoformat(text).timestamp()
    except (TypeError, ValueError):
        raise ProtocolError(protocol.INTERNAL, f"not a time: {text!r}") from None
