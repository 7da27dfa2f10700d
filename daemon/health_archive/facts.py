"""What a segment says of itself: its extent, what is missing, and what changed in it."""

from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any

from health_archive import checkpoints
from health_archive.lines import Record
from health_archive.recovery import NAME as RECOVERED
from health_archive.series import HEARTBEAT, Contents

_STEP = 1000  # milliseconds by which two clocks may differ from one second to the next
_MOST = 1000  # marks, and runs, of a segment; the rest is counted
KERNEL = "kernel.message"
_ENDLESS = 1e300  # what JSON can write, and no reader must have
_RECOVERED = ("first_seq", "last_seq", "events", "damaged_bytes")
_NOT_WHOLE = frozenset({HEARTBEAT, "collector.self.updated"})
_SYSTEM = frozenset({"system.restart.updated", "system.identity"})


def is_notable(name: str) -> bool:
    """Whether an event is looked at whole: all but the metrics' figures."""
    return name in _SYSTEM if name.startswith("system.") else name not in _NOT_WHOLE


def has_figures(metric: str) -> bool:
    """Whether a metric's figures of minutes are kept."""
    return metric != HEARTBEAT


@dataclass(slots=True)
class Facts:
    """A segment, as the index knows it.

    Attributes:
        epoch: None where nothing says it; then it is that of the segment before, if at all.
        boot_id, monotonic: by its checkpoint, the latter in seconds.
        lines: how many.
        first_time, last_time: in milliseconds since 1970; None where no line has one.
        runs: places in the order that follow each other without a hole: the first, the last, and
            their times.
        marks: what changed: each has `time`, `seq`, `kind` and what belongs to that.
        more: marks and runs that are left out because there are too many.
        kernel: lines from the kernel.
        damages: what cannot be read: each has `offset`, `size` and `reason`.
        shutdown: whether it ends with the collector's shutting down.
        catalogue_id: of the catalogue in force, and whether it is in this segment.
    """

    epoch: str | None = None
    boot_id: str | None = None
    monotonic: float | None = None
    lines: int = 0
    first_time: int | None = None
    last_time: int | None = None
    runs: list[list[int]] = field(default_factory=list)
    marks: list[dict[str, Any]] = field(default_factory=list)
    more: int = 0
    kernel: int = 0
    damages: list[dict[str, Any]] = field(default_factory=list)
    shutdown: bool = False
    catalogue_id: str | None = None
    has_catalogue: bool = False

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def facts_of(contents: Contents) -> Facts:
    """Facts from what `is_notable` wants, and the heartbeats."""
    facts = Facts(lines=contents.lines)
    if contents.times:
        facts.first_time, facts.last_time = contents.times[0], contents.times[-1]
    facts.runs = _runs(contents)
    facts.damages = [
        {"offset": each.offset, "size": each.size, "reason": each.reason}
        for each in contents.damages
    ]
    last = facts.runs[-1][1] if facts.runs else 0
    for record in contents.events:
        _take(facts, record)
        facts.shutdown = facts.shutdown or (
            record.name == "runtime.shutdown" and record.seq == last
        )
    facts.marks += _clock_steps(contents)
    facts.marks.sort(key=lambda mark: (mark["seq"] or 0, mark["time"]))
    for those in (facts.runs, facts.marks):
        facts.more += max(len(those) - _MOST, 0)
        del those[_MOST:]
    return facts


def _take(facts: Facts, record: Record) -> None:
    mark: dict[str, Any] | None = None
    data = record.data if isinstance(record.data, dict) else {}
    match record.name:
        case checkpoints.NAME if facts.epoch is None or data.get("epoch") != facts.epoch:
            facts.epoch, facts.boot_id = _text(data, "epoch"), _text(data, "boot_id")
            facts.monotonic = _number(data, "monotonic_seconds")
            facts.catalogue_id = _text(data, "catalogue_id")
            facts.has_catalogue = data.get("catalogue") is not None
        case checkpoints.STARTED:
            facts.epoch = facts.epoch or _text(data, "epoch")
            mark = {"kind": "started", "version": _text(data, "version")}
        case "runtime.shutdown":
            mark = {"kind": "shutdown"}
        case "health.updated":
            mark = {"kind": "verdict", "status": _text(data, "status"),
                    "summary": _text(data, "summary"), "problems": _problems(data)}  # fmt: skip
        case "system.restart.updated":
            mark = {"kind": "restart", "cause": _text(data, "cause")}
        case "collector.sink.degraded" | "collector.sink.recovered":
            kind = "sink_" + record.name.rpartition(".")[2]
            mark = {"kind": kind, "sink": _text(data, "sink"), "lost": _number(data, "lost"),
                    "error": _text(data, "error")}  # fmt: skip
        case "collector.events.dropped":
            mark = {"kind": "dropped", "count": _number(data, "count")}
        case name if name == RECOVERED:
            mark = {"kind": "recovered", "epoch": _text(data, "epoch"),
                    **{key: _number(data, key) for key in _RECOVERED}}  # fmt: skip
        case name if name == KERNEL:
            facts.kernel += 1
    if mark is not None:
        facts.marks.append({"time": record.time, "seq": record.seq, **mark})


def _text(data: dict[str, Any], key: str) -> str | None:
    """A text; null for whatever else others may have put there."""
    value = data.get(key)
    return value if isinstance(value, str) else None


def _number(data: dict[str, Any], key: str) -> Any:
    match data.get(key):
        case bool():
            return None
        case int() | float() as value if abs(value) < _ENDLESS:
            return value
    return None


def _problems(data: dict[str, Any]) -> list[dict[str, Any]]:
    problems = data.get("problems")
    return [
        {name: problem.get(name) for name in ("metric", "row", "field", "severity", "since")}
        for problem in (problems if isinstance(problems, list) else ())
        if isinstance(problem, dict)
    ]


def _runs(contents: Contents) -> list[list[int]]:
    times: dict[int, int] = {}
    for seqs, those in contents.placed:
        times.update(zip(seqs, those, strict=True))
    runs: list[list[int]] = []
    for seq in sorted(times):
        if runs and runs[-1][1] == seq - 1:
            runs[-1][1] = seq
        else:
            runs.append([seq, seq])
    return [[first, last, times[first], times[last]] for first, last in runs]


def _clock_steps(contents: Contents) -> list[dict[str, Any]]:
    """Where the wall clock went otherwise than the monotonic one, from heartbeat to heartbeat."""
    beats = contents.series.get(HEARTBEAT, {}).get("monotonic_seconds", [])
    known = [
        (monotonic, time)
        for part in beats
        for time, monotonic in zip(part.times, part.figures, strict=True)
        if monotonic is not None
    ]
    steps = []
    for (before, then), (after, now) in pairwise(known):
        step = (now - then) - (after - before)
        if after >= before and abs(step) >= _STEP:
            steps.append({"time": now, "seq": None, "kind": "clock", "seconds": step / 1000})
    return steps
