"""The record gone through once more by the production code: what it would say of it now."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from bussdcc.event import Event
from bussdcc.message import Message
from health_archive.checkpoints import NAME as CHECKPOINT
from health_archive.checkpoints import Checkpoint, read_checkpoint
from health_wire import tree
from health_wire.protocol import encode
from health_wire.tree import EMPTY, FrozenDict

from health_collectord.config import MetricConfig
from health_collectord.events import SequencedEvent
from health_collectord.messages import (
    CollectorConfigured,
    CollectorHeartbeat,
    HealthUpdated,
    MetricStatus,
)
from health_collectord.processes.health import HealthProcess
from health_collectord.processes.system import SystemProcess
from health_collectord.replay.recording import BOOTING, Reading, Recorded, RecordedEvent
from health_collectord.replay.sources import Source
from health_collectord.runtime.store import SnapshotStore
from health_collectord.vocabulary import Raised, with_threshold

_HEALTH = "health.updated"
_STATUS = ("collector.metrics.", ".updated")
_FIGURES = ("value", "reason")  # of a problem; they move without another verdict
_AT = CHECKPOINT.encode()
_MOST_DIFFERENCES = 5
_BROKEN = (KeyError, TypeError, AttributeError, ValueError, IndexError)
# The metric, the row, the figure, and how bad it is.
Problem = tuple[str, str | None, str, str]


@dataclass(slots=True, frozen=True)
class Verdict:
    """What was said of the host from a time on; `problems` has the reasons of each."""

    time: datetime
    status: str
    problems: Mapping[Problem, str]

    @property
    def key(self) -> tuple[str, frozenset[Problem]]:
        """What makes it another; figures do not."""
        return self.status, frozenset(self.problems)


@dataclass(slots=True, frozen=True)
class Segment:
    """What came of a segment.

    Attributes:
        source: which.
        events: how many.
        missing: events that are not there; the states before and after cannot be compared.
        recorded, rehearsed: hashes of the states at its end: 16 hexadecimal digits.
        differences: where these two states differ, some of it; empty where they are the same.
    """

    source: Source
    events: int
    missing: int
    recorded: str
    rehearsed: str
    differences: tuple[str, ...]


class Rehearsal:
    """Goes through a recording with other thresholds, or with those that it was judged by.

    Every sample, status and heartbeat goes to a `HealthProcess` and a `SystemProcess` as it did
    when it happened; what was said of health is set beside what these say.

    Args:
        metrics: as they are configured.
        thresholds: whether those of `metrics` count, else the recorded ones do.
        catalogue: the recorded one that is in force at the beginning; None where none is known.

    Attributes:
        was, would: the verdicts, one for each change.
        unjudged: how often a metric's event has not what its rules look at.
        catalogue: the recorded one that was in force at last.
        began, ended: the times of the first and the last event.
    """

    def __init__(
        self, metrics: Sequence[MetricConfig], *, thresholds: bool, catalogue: Any = None
    ) -> None:
        self.metrics, self.thresholds, self.catalogue = metrics, thresholds, catalogue
        self.was: list[Verdict] = []
        self.would: list[Verdict] = []
        self.unjudged: Counter[str] = Counter()
        self.began: datetime | None = None
        self.ended: datetime | None = None
        self._events = {m.entry.event: m.entry.name for m in metrics}
        self._system = SystemProcess()
        self._epoch: str | None = None
        self._seq = 0
        self._doubts: list[str] = []
        self._begin(EMPTY)

    def run(self, sources: Sequence[Source]) -> Iterator[Segment]:
        """Goes through all of it, one segment a step."""
        reading = Reading()
        for source in sources:
            events, missing, first = 0, 0, True
            for number, line in enumerate(source.lines(), 1):
                if first and _AT in line[:100]:
                    with suppress(ValueError):
                        missing += self._at(read_checkpoint(line))
                first = False
                event = reading.event_or_none(source, number, line)
                if event is not None:
                    self.began, self.ended = self.began or event.time, event.time
                    missing += self._take(event)
                    events += 1
            yield self._compare(source, events, missing)

    def _begin(self, state: FrozenDict) -> None:
        """From a state on, of which no more is known than itself."""
        self._recorded = state
        self._store = SnapshotStore()
        for key, value in state.items():
            self._store.set(key, value)
        emit = SimpleNamespace(emit=self._heard)
        self._ctx = SimpleNamespace(events=emit, state=self._store)
        observed = [
            m for m in self.metrics
            if self.catalogue is None or _described(self.catalogue, m.entry.name)
        ]  # fmt: skip
        self._health = HealthProcess(tuple(map(self._judged, observed)))
        self._first = self._exact = True

    def _judged(self, metric: MetricConfig) -> Any:
        entry, rules = metric.entry, metric.rules
        told = _described(self.catalogue, entry.name)
        interval = told.get("interval", metric.interval)
        if not self.thresholds:
            known = told.get("rules")
            rules = tuple(_as_recorded(rule, known) for rule in entry.metric.rules)
        return entry, rules, interval

    def _at(self, found: Checkpoint | None) -> int:
        """Goes on from a checkpoint where something is missing before it, or it is another start.

        Returns:
            How many events are missing, as far as that is known.
        """
        if found is None:
            return 0
        if found.catalogue is not None:
            self.catalogue = found.catalogue
        same = found.epoch == self._epoch
        missing = found.seq - self._seq if same else 0
        if same and not missing:
            states = _sorted(self._recorded), _sorted(found.state)
            self._doubts = [f"checkpoint: {path}" for path in _differences(*states, "")]
        else:
            self._epoch, self._seq = found.epoch, found.seq
            self._begin(found.state)
            self._exact = not found.state
            self._warm(found)
        return max(missing, 0)

    def _warm(self, found: Checkpoint) -> None:
        """What the processes would know by then."""
        time = datetime.fromtimestamp(found.time / 1000, UTC)
        state: Mapping[str, Any] = found.state
        for name, status in _dict(_at_path(state, "collector.metrics")).items():
            self._judge(f"{_STATUS[0]}{name}{_STATUS[1]}", status, time)
        for metric in self.metrics:
            data = _at_path(state, metric.entry.metric.state)
            if data is not None:
                self._judge(metric.entry.event, data, time)
        health = state.get("health")
        if health is not None:
            with suppress(*_BROKEN):
                self._health.resume(health)
            self._add(self.was, time, health)

    def _take(self, event: RecordedEvent) -> int:
        name, data, seq = event.name, tree.freeze(event.data), event.seq
        missing = 0
        if seq:
            if name == BOOTING and seq <= self._seq:  # another start without a checkpoint
                self._epoch = None
                self._begin(EMPTY)
            elif self._seq and seq > self._seq + 1:
                missing = seq - self._seq - 1
            self._seq = seq
        with suppress(ValueError):
            self._recorded = tree.apply(self._recorded, name, data)
        if name == _HEALTH:
            self._add(self.was, event.time, data)
            return missing
        told = _Told(event.time, name, data, seq)
        with suppress(ValueError):
            self._system.handle_event(self._ctx, told)
        self._judge(name, data, event.time)
        return missing

    def _judge(self, name: str, data: Any, time: datetime) -> None:
        try:
            payload = _payload(name, data, thresholds=self.thresholds)
            if payload is not None or name in self._events:
                told = _Told(time, name, data, 0, payload)
                self._health.handle_event(self._ctx, told)
        except _BROKEN:
            self.unjudged[self._events.get(name, name)] += 1

    def _heard(self, event: Event[Message]) -> None:
        """What the health process says."""
        said = event.payload
        assert isinstance(said, HealthUpdated)
        self._store.set("health", said.health)
        if not said.figures_only:
            # The first after a checkpoint is said at once; the figures of its time were others.
            self._exact = self._exact or not self._first
            self._first = False
            self._add(self.would, event.time, said.health)

    def _add(self, verdicts: list[Verdict], time: datetime, health: Any) -> None:
        with suppress(*_BROKEN):
            verdict = _verdict(time, health)
            if not verdicts or verdicts[-1].key != verdict.key:
                verdicts.append(verdict)

    def _compare(self, source: Source, events: int, missing: int) -> Segment:
        self._store.commit(self._seq)
        _, rehearsed = self._store.snapshot()
        was, would = self._recorded, rehearsed
        if not self._exact:
            was, would = _without_figures(was), _without_figures(would)
        found = [*self._doubts, *_differences(_sorted(was), _sorted(would), "")]
        self._doubts = []
        told = tuple(found[:_MOST_DIFFERENCES])
        return Segment(source, events, missing, _hash(was), _hash(would), told)


class _Told(SequencedEvent):
    """A recorded event with the payload that it once had."""

    __slots__ = ()

    def __init__(
        self, time: datetime, name: str, data: Any, seq: int, payload: Message | None = None
    ) -> None:
        values = {"time": time, "name": name, "data": data, "seq": seq, "core": b"",
                  "payload": payload or Recorded(name, data)}  # fmt: skip
        for key, value in values.items():
            object.__setattr__(self, key, value)


def _payload(name: str, data: Any, *, thresholds: bool) -> Message | None:
    """What the health process knows by its class."""
    if name == "collector.heartbeat":
        return CollectorHeartbeat(
            monotonic_seconds=data["monotonic_seconds"], uptime_seconds=data["uptime_seconds"]
        )
    begin, end = _STATUS
    if name.startswith(begin) and name.endswith(end):
        return MetricStatus(
            metric=name[len(begin) : -len(end)], status=data["status"], reason=data["reason"],
            since=data["since"],
        )  # fmt: skip
    if name == "collector.configured" and not thresholds:
        return CollectorConfigured(changed=dict(data["changed"]))
    return None


def _verdict(time: datetime, health: Any) -> Verdict:
    problems = {
        (p["metric"], p["row"], p["field"], p["severity"]): str(p["reason"])
        for p in health["problems"]
    }
    return Verdict(time, str(health["status"]), problems)


def _described(catalogue: Any, name: str) -> Mapping[str, Any]:
    """What a recorded catalogue says of a metric; nothing where it does not know it."""
    for each in catalogue if isinstance(catalogue, list | tuple) else ():
        if isinstance(each, dict) and each.get("name") == name:
            return each
    return {}


def _as_recorded(rule: Any, rules: Any) -> Any:
    """A rule with the thresholds that it had; as it is now where there was no such rule."""
    if isinstance(rule, Raised):
        return rule
    for told in rules if isinstance(rules, list | tuple) else ():
        if isinstance(told, dict) and all(
            told.get(key) == getattr(rule, key) for key in ("kind", "field", "rows")
        ):
            for severity in ("warning", "critical"):
                value = told.get(severity)
                if value is None or type(value) in (int, float):
                    rule = with_threshold(rule, severity, value)
    return rule


def thresholds_that_differ(
    metrics: Sequence[MetricConfig], catalogue: Any
) -> Iterator[tuple[str, float | None, float | None]]:
    """Keys of thresholds, what each is, and what it was when it was recorded."""
    for metric in metrics:
        told = _described(catalogue, metric.entry.name).get("rules")
        for rule in metric.rules:
            was = _as_recorded(rule, told)
            for severity in () if isinstance(rule, Raised) else ("warning", "critical"):
                now, then = getattr(rule, severity), getattr(was, severity)
                if now != then:
                    yield f"metrics.{metric.entry.name}.{rule.field}_{severity}", now, then


def _without_figures(state: FrozenDict) -> FrozenDict:
    """A state whose health has none that move from second to second."""
    health = state.get("health")
    if not isinstance(health, dict):
        return state
    problems = [
        {key: value for key, value in dict(problem).items() if key not in _FIGURES}
        for problem in health.get("problems", ())
        if isinstance(problem, dict)
    ]
    rest = {key: value for key, value in health.items() if key != "summary"}
    return tree.put(state, "health", tree.freeze(rest | {"problems": problems}))


def _differences(was: Any, would: Any, path: str) -> Iterator[str]:
    if isinstance(was, dict) and isinstance(would, dict):
        for key in {**was, **would}:
            yield from _differences(was.get(key), would.get(key), f"{path}.{key}" if path else key)
    elif was != would:
        yield path


def _hash(state: FrozenDict) -> str:
    """Of the canonical JSON: the keys in their order."""
    return hashlib.sha256(encode(_sorted(state))).hexdigest()[:16]


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(each) for each in value] if isinstance(value, list | tuple) else value


def _dict(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _at_path(state: Mapping[str, Any], path: str) -> Any:
    node: Any = state
    for key in path.split("."):
        node = _dict(node).get(key)
    return node
