"""What a time line shows: changes of the verdict, restarts, gaps, and problems with their ends."""

import json
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from health_archive.coverage import DROPPED, Epoch, Known, covered
from health_archive.facts import facts_of, is_notable
from health_archive.index import connect
from health_archive.lines import time_text
from health_archive.segments import list_segments, segment_name
from health_archive.series import HEARTBEAT, read_lines

_DAY = 86_400_000  # a segment is no longer than that
_MOST_PENDING = 12  # segments that an index does not have yet
_ONCE = {"verdict": "status", "restart": "cause"}  # said again while nothing changes


@dataclass(slots=True)
class Problem:
    """A problem, as long as it stood.

    Attributes:
        severity: the worst that it had.
        begin, end: times as on the wire. Where recording ended while it stood, that is its end;
            None while it stands.
    """

    metric: str | None
    row: str | None
    field: str | None
    severity: str | None
    begin: str
    end: str | None = None


@dataclass(slots=True)
class Marks:
    """
    Attributes:
        status: of the verdict when the window begins; None where none is known.
        marks: each with `time`, `epoch`, `seq`, `kind` and what belongs to that, the oldest first.
        problems: in the order in which they began.
    """

    status: str | None = None
    marks: list[dict[str, Any]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def marked(index: Path, folder: Path, start: int, end: int) -> Marks:
    """The marks of a window.

    Args:
        index, folder: the index's file, and the record's folder.
        start, end: in milliseconds since 1970; what happened at either is in it.

    Raises:
        OSError: a segment cannot be read.
        sqlite3.Error: the index cannot be.
    """
    telling = _Telling(start, end)
    for segment in _known(index, folder, start, end):
        telling.take(segment)
    telling.finish()
    found = telling.found
    found.marks += _gaps(covered(index, folder, start, end), start, end)
    found.marks.sort(key=lambda mark: mark["time"])
    for mark in found.marks:
        for name in ("time", "end"):
            if type(mark.get(name)) is int:
                mark[name] = time_text(mark[name])
    return found


def _known(index: Path, folder: Path, start: int, end: int) -> Iterator[Known]:
    """Segments that may have something of a window, and one before it that has a verdict."""
    since, until = segment_name(start - _DAY), segment_name(end)
    with closing(connect(index)) as db:
        (newest,) = db.execute("SELECT max(name) FROM segments").fetchone()
        rows = db.execute(_BEFORE, (since,)).fetchall()
        rows += db.execute(_WITHIN, (since, until)).fetchall()
    for name, facts in rows:
        yield Known(name, json.loads(facts))
    newest = newest or ""
    pending = [s for s in list_segments(folder, newest[:10]) if s.name > newest]
    for segment in pending[-_MOST_PENDING:]:
        if segment.name <= until:
            contents = read_lines(segment.lines(), HEARTBEAT.__eq__, is_notable)
            yield Known(segment.name, facts_of(contents).as_json())


_BEFORE = (
    'SELECT name, facts FROM segments WHERE name < ? AND facts LIKE \'%"kind":"verdict"%\''
    " ORDER BY name DESC LIMIT 1"
)
_WITHIN = "SELECT name, facts FROM segments WHERE name >= ? AND name <= ? ORDER BY name"


class _Telling:
    """Goes through segments in their order, and keeps in mind what stands."""

    def __init__(self, start: int, end: int) -> None:
        self.found = Marks()
        self._start, self._end = start, end
        self._epoch: str | None = None
        self._last: int | None = None  # the time of the last that is known of the epoch
        self._said: dict[str, Any] = {}
        self._standing: dict[tuple[str | None, str | None, str | None], Problem] = {}

    def take(self, segment: Known) -> None:
        facts = segment.facts
        epoch = facts["epoch"] or self._epoch
        if epoch != self._epoch:
            self._leave()
            self._epoch = epoch
        for mark in facts["marks"]:
            if type(mark["time"]) is int and type(mark["kind"]) is str:
                self._take(mark)
        if facts["kernel"] and facts["first_time"] is not None:
            self._add({"time": facts["first_time"], "seq": None, "kind": "kernel",
                       "end": facts["last_time"], "count": facts["kernel"]})  # fmt: skip
        self._last = facts["last_time"] or self._last

    def _leave(self) -> None:
        """The collector's start is over, and what stood is not known to stand any longer."""
        end = None if self._last is None else time_text(self._last)
        for problem in self._standing.values():
            problem.end = end
            self._keep(problem)
        self._standing, self._said = {}, {}

    def _take(self, mark: dict[str, Any]) -> None:
        kind, time = mark["kind"], mark["time"]
        if kind == "verdict" and time <= self._end:
            self._judge(mark.get("problems") or (), time)
        told = _ONCE.get(kind)
        if told is not None and self._said.get(kind, self) == mark.get(told):
            return
        if told is not None:
            self._said[kind] = mark.get(told)
        if kind == "verdict" and time < self._start:
            self.found.status = mark.get("status")
        self._add({name: value for name, value in mark.items() if name != "problems"})

    def _add(self, mark: dict[str, Any]) -> None:
        if self._start <= mark["time"] <= self._end:
            head = {name: mark.pop(name) for name in ("time", "seq", "kind")}
            self.found.marks.append({"epoch": self._epoch, **head, **mark})

    def _judge(self, problems: Iterable[dict[str, Any]], time: int) -> None:
        now = {
            (_text(each["metric"]), _text(each["row"]), _text(each["field"])): each
            for each in problems
        }
        for key in self._standing.keys() - now.keys():
            problem = self._standing.pop(key)
            problem.end = time_text(time)
            self._keep(problem)
        for key, each in now.items():
            severity = _text(each["severity"])
            problem = self._standing.setdefault(
                key, Problem(*key, severity, _since(each["since"], time))
            )
            if severity == "critical":
                problem.severity = severity

    def _keep(self, problem: Problem) -> None:
        if problem.end is None or problem.end >= time_text(self._start):
            self.found.problems.append(problem)

    def finish(self) -> None:
        for problem in self._standing.values():
            self._keep(problem)
        self.found.problems.sort(key=lambda problem: problem.begin)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _since(text: Any, time: int) -> str:
    """When a problem began, as it says, or else when it was first told."""
    try:
        return text if datetime.fromisoformat(text).tzinfo is not None else time_text(time)
    except (ValueError, TypeError):
        return time_text(time)


def _gaps(epochs: Iterable[Epoch], start: int, end: int) -> Iterator[dict[str, Any]]:
    for epoch in epochs:
        for hole in epoch.holes:
            times = [time for time in (hole.start, hole.end) if time is not None]
            if hole.cause != DROPPED and times and times[0] <= end and times[-1] >= start:
                yield {
                    "epoch": epoch.epoch, "time": times[0], "seq": None, "kind": "gap",
                    "end": hole.end, "cause": hole.cause, "detail": hole.detail,
                }  # fmt: skip
