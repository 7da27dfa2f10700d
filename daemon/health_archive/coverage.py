"""What of a record is proven to be there, and why the rest is not."""

import json
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from health_archive.facts import facts_of, is_notable
from health_archive.index import connect
from health_archive.segments import CLOCK, list_segments, segment_name
from health_archive.series import HEARTBEAT, read_lines

# Why there is nothing.
WRITE_FAILED = "write_failed"  # a full disk, or one that could not be written, or a removed folder
DAMAGE = "damage"  # a file, or a part of one, cannot be read
RETENTION = "retention"  # it was removed to keep the record within its bounds
DROPPED = "dropped"  # samples came faster than they could be dispatched
SHUTDOWN = "shutdown"  # the collector was told to end
CRASH = "crash"  # the collector ended otherwise; the machine went on
RESTART = "restart"  # the machine ended; its cause is known where `detail` says it
UNKNOWN = "unknown"
_WAITING = 5000  # events, at most, that a sink keeps
_SOON = 50  # events after the first one that is written again until that is said


@dataclass(slots=True)
class Hole:
    """Where something is missing.

    Attributes:
        first_seq, last_seq: which events; None where that cannot be told, or there were none.
        start, end: between which times it is, in milliseconds since 1970, by the wall clock of
            what is there before and after; None at an end of the record.
        cause: one of this module's.
        detail: more in words; empty where there is no more to say.
        count: how many samples, of dropped ones, which never had a place in the order.
    """

    first_seq: int | None
    last_seq: int | None
    start: int | None
    end: int | None
    cause: str
    detail: str = ""
    count: int | None = None


@dataclass(slots=True)
class Epoch:
    """One start of the collector.

    Attributes:
        epoch: None where nothing says it.
        boot_id: of the machine's start; None where nothing says it.
        first_time, last_time: of what is there.
        runs: what is there: pairs of the first and the last place in the order.
        holes: what is missing, the last one after the epoch's end.
        shutdown: whether it ended as it should.
    """

    epoch: str | None
    boot_id: str | None
    first_time: int | None
    last_time: int | None
    runs: list[tuple[int, int]] = field(default_factory=list)
    holes: list[Hole] = field(default_factory=list)
    shutdown: bool = False


@dataclass(slots=True, frozen=True)
class Known:
    """A segment's facts (`health_archive.facts.Facts`, as JSON), under its name."""

    name: str
    facts: dict[str, Any]


def covered(index: Path, folder: Path, start: int, end: int) -> list[Epoch]:
    """Every epoch that has anything in a window, in the order in which they began.

    What an index that is being made does not have yet is not told, but for the newest. Of an epoch
    that goes beyond the window, what is told is what is in the segments that touch it,
    and one more to either side.

    Args:
        index, folder: the index's file, and the record's folder.
        start, end: in milliseconds since 1970.

    Raises:
        OSError: a segment cannot be read.
        sqlite3.Error: the index cannot be.
    """
    with closing(connect(index)) as db:
        (newest,) = db.execute("SELECT max(name) FROM segments").fetchone()
        newest = newest or ""
        rows = db.execute(_BEFORE, (segment_name(start),)).fetchall()[::-1]
        begins = len(rows) < _BESIDE
        rows += db.execute(_WITHIN, (segment_name(start), segment_name(end))).fetchall()
        after = db.execute(_AFTER, (segment_name(end),)).fetchall()
        timeless = db.execute(_TIMELESS, (min((row[0] for row in rows), default=""),)).fetchall()
    known = [Known(name, json.loads(facts)) for name, facts in rows + after]
    of_them = {each.facts["epoch"] for each in known}
    early = [Known(name, json.loads(facts)) for name, facts in timeless]
    known = [each for each in early if each.facts["epoch"] in of_them] + known
    if not after:
        pending = [s for s in list_segments(folder, newest[:10]) if s.name > newest]
        begins = begins and len(pending) <= _MOST_PENDING
        for segment in pending[-_MOST_PENDING:]:
            contents = read_lines(segment.lines(), HEARTBEAT.__eq__, is_notable)
            known.append(Known(segment.name, facts_of(contents).as_json()))
    return coverage(known, start, end, begins)


_BESIDE = 2
_MOST_PENDING = 12  # segments that an index does not have yet
# Before anybody told the machine the time.
_TIMELESS = "SELECT name, facts FROM segments WHERE name < min(?, '1980') ORDER BY name"
_BEFORE = f"SELECT name, facts FROM segments WHERE name < ? ORDER BY name DESC LIMIT {_BESIDE}"
_WITHIN = "SELECT name, facts FROM segments WHERE name >= ? AND name <= ? ORDER BY name"
_AFTER = "SELECT name, facts FROM segments WHERE name > ? ORDER BY name LIMIT 1"


def coverage(segments: Iterable[Known], start: int, end: int, begins: bool = True) -> list[Epoch]:
    """The same of segments' facts.

    Args:
        segments: in the order of their names.
        start, end: in milliseconds since 1970.
        begins: whether the first of them is the first that there is.
    """
    epochs = [_Epoch(those) for those in _by_epoch(segments)]
    epochs.sort(key=lambda epoch: epoch.began)
    found = []
    for number, epoch in enumerate(epochs):
        after = epochs[number + 1] if number + 1 < len(epochs) else None
        told = epoch.told(None if number else begins, after)
        if _is_within(told, start, end):
            found.append(told)
    return found


def _by_epoch(segments: Iterable[Known]) -> Iterator[list[Known]]:
    """Segments by the start that they are of, which one without a checkpoint does not say."""
    groups: dict[str, list[Known]] = {}
    unnamed, last, last_seq = 0, "", 0
    for segment in segments:
        epoch, runs = segment.facts["epoch"], segment.facts["runs"]
        if epoch is None:
            goes_on = bool(last) and (not runs or runs[0][0] > last_seq)
            if not goes_on:
                unnamed += 1
            epoch = last if goes_on else f"?{unnamed}"
        elif (
            epoch not in groups and last.startswith("?") and runs and runs[0][0] == last_seq + 1 > 1
        ):
            groups[epoch] = groups.pop(last)
        groups.setdefault(epoch, []).append(segment)
        last, last_seq = epoch, runs[-1][1] if runs else last_seq
    yield from groups.values()


class _Epoch:
    def __init__(self, segments: list[Known]) -> None:
        self._ordered = facts = [segment.facts for segment in segments]
        self._places = _places(facts)
        self._facts = sorted(facts, key=lambda each: each["runs"][0][0] if each["runs"] else 0)
        self.epoch = next((each["epoch"] for each in facts if each["epoch"]), None)
        self.boot_id = next((each["boot_id"] for each in facts if each["boot_id"]), None)
        self.marks = [mark for each in self._facts for mark in each["marks"]]
        timed = [each for each in self._facts if each["first_time"] is not None]
        self.first_time = timed[0]["first_time"] if timed else None
        self.last_time = timed[-1]["last_time"] if timed else None
        self.shutdown = bool(self._facts) and self._facts[-1]["shutdown"]

    @property
    def began(self) -> int:
        """When, or nearly: a machine without a clock begins in 1970, until it is told the time."""
        first, last = self.first_time or 0, self.last_time or 0
        return first if first >= CLOCK else last

    def told(self, begins: bool | None, after: "_Epoch | None") -> Epoch:
        """
        Args:
            begins: of the first one: whether there is nothing before it; None of any other.
            after: the next one.
        """
        spans = _union(run for each in self._facts for run in each["runs"])
        told = Epoch(
            self.epoch, self.boot_id, self.first_time, self.last_time,
            [(span[0], span[1]) for span in spans], shutdown=self.shutdown,
        )  # fmt: skip
        if spans and spans[0][0] > 1 and begins is not False:
            cause, detail = self._before(spans[0][0]) if begins else self._cause(0, spans[0][0])
            told.holes.append(Hole(1, spans[0][0] - 1, None, spans[0][2], cause, detail))
        for before, next_ in pairwise(spans):
            cause, detail = self._cause(before[1], next_[0])
            told.holes.append(Hole(before[1] + 1, next_[0] - 1, before[3], next_[2], cause, detail))
        told.holes += [
            Hole(None, None, mark["time"], mark["time"], DROPPED, count=mark.get("count"))
            for mark in self.marks
            if mark["kind"] == "dropped"
        ]
        if after is not None:
            told.holes.append(self._until(after, spans[-1][1] if spans else 0))
        return told

    def _until(self, after: "_Epoch", last: int) -> Hole:
        """What is between this start and the next."""
        first = None if self.shutdown else last + 1
        cause, detail = SHUTDOWN, ""
        sink = [mark for mark in self.marks if mark["kind"] in ("sink_degraded", "sink_recovered")]
        if not self.shutdown and sink and sink[-1]["kind"] == "sink_degraded":
            cause, detail = WRITE_FAILED, str(sink[-1].get("error") or "")
        elif not self.shutdown:
            known = self.boot_id is not None and after.boot_id is not None
            cause = UNKNOWN if not known else CRASH if self.boot_id == after.boot_id else RESTART
        restart = next((m for m in after.marks if m["kind"] == "restart"), None)
        if restart is not None and cause in (RESTART, UNKNOWN):
            cause, detail = RESTART, str(restart.get("cause") or "")
        return Hole(first, None, self.last_time, after.first_time, cause, detail)

    def _before(self, first: int) -> tuple[str, str]:
        """Why what came before the first place of all is missing.

        Retention leaves segments that begin with a checkpoint. Where a folder or a file system has
        gone, what waited to be written comes first.
        """
        sink = next((mark for mark in self.marks if mark["kind"].startswith("sink_")), None)
        if sink is None or sink["kind"] != "sink_degraded" or self._facts[0]["epoch"]:
            return RETENTION, ""
        if (sink["seq"] or 0) - first > _WAITING:
            return RETENTION, ""
        return WRITE_FAILED, str(sink.get("error") or "")

    def _cause(self, before: int, after: int) -> tuple[str, str]:
        """Why places between these two are missing."""
        for mark in self.marks:
            seq = mark["seq"] or 0
            if mark["kind"] == "sink_recovered" and before < seq <= after + _SOON:
                return WRITE_FAILED, self._error(seq)
        for (first, last), each in zip(self._places, self._ordered, strict=True):
            if each["damages"] and first <= after and last >= before:
                return DAMAGE, str(each["damages"][0]["reason"])
        return UNKNOWN, ""

    def _error(self, recovered: int) -> str:
        errors = [
            str(mark.get("error") or "")
            for mark in self.marks
            if mark["kind"] == "sink_degraded" and (mark["seq"] or 0) <= recovered
        ]
        return errors[-1] if errors else ""


def _places(facts: list[dict[str, Any]]) -> list[tuple[int, int]]:
    """Of each segment, the first and the last place; of one without any, what is left for it."""
    found, last = [], 0
    for number, each in enumerate(facts):
        runs = each["runs"]
        if runs:
            first, last = runs[0][0], runs[-1][1]
            found.append((first, last))
        else:
            later = (other["runs"][0][0] for other in facts[number:] if other["runs"])
            found.append((last + 1, next(later, 1 << 63) - 1))
    return found


def _union(runs: Iterable[list[int]]) -> list[list[int]]:
    """Runs of which none touches another: the first place, the last, and their times."""
    found: list[list[int]] = []
    for run in sorted(runs):
        if found and run[0] <= found[-1][1] + 1:
            if run[1] > found[-1][1]:
                found[-1][1], found[-1][3] = run[1], run[3]
        else:
            found.append(list(run))
    return found


def _is_within(epoch: Epoch, start: int, end: int) -> bool:
    times = [
        time
        for time in (epoch.first_time, epoch.last_time, *(hole.end for hole in epoch.holes))
        if time is not None
    ]
    return bool(times) and min(times) <= end and max(times) >= start
