"""The verdict: the worst of the rules that the metrics declare, with reasons in words."""

from dataclasses import dataclass, field
from typing import Any

from bussdcc import ContextProtocol, Event, Message, Process

from health_collectord.catalogue import Entry
from health_collectord.events import SequencedEvent, format_time
from health_collectord.messages import (
    CollectorConfigured,
    CollectorHeartbeat,
    HealthUpdated,
    MetricStatus,
)
from health_collectord.vocabulary import Above, Gauge, Raised, Rule, Unit, fields_of, with_threshold

_STALE_INTERVALS = 3
_STALE_GRACE = 2.0  # seconds on top, for a sample that takes its time

_SYMBOLS = {Unit.PERCENT: " %", Unit.CELSIUS: " °C", Unit.VOLTS: " V"}


@dataclass(slots=True, frozen=True)
class _Problem:
    metric: str
    row: str | None
    field: str
    value: float | bool
    threshold: float | None
    severity: str
    since: str
    reason: str


@dataclass(slots=True)
class _Metric:
    """What is known of one metric: its problems by rule and row, and whether it can be judged."""

    entry: Entry
    rules: tuple[Rule, ...]
    interval: float
    status: str = "waiting"
    seen: float = 0.0
    stale: bool = False
    armed: tuple[tuple[int, Rule], ...] = ()
    problems: dict[tuple[int, str | None], _Problem] = field(default_factory=dict)
    absent: int = 0  # rules whose figure this machine does not have, such as swap without swap

    def __post_init__(self) -> None:
        self.judge_by(self.rules)

    def judge_by(self, rules: tuple[Rule, ...]) -> None:
        """Takes other rules; those that can find no problem are not looked at each second."""
        self.rules = rules
        self.armed = tuple((n, rule) for n, rule in enumerate(rules) if _is_armed(rule))

    @property
    def checks(self) -> int:
        return len(self.armed)

    @property
    def applicable(self) -> int:
        return 0 if self.status == "unavailable" else self.checks - self.absent

    @property
    def unknown(self) -> bool:
        return self.status not in ("ok", "unavailable") or self.stale


class HealthProcess(Process):
    """Judges every sample and says so, in `health.updated`, when the verdict changes.

    Time is the events' own: a sample is stale when the heartbeats have gone three intervals and
    two seconds beyond it.

    Args:
        entries: the metrics, each with its rules as configured and its interval.
    """

    name = "health"

    def __init__(self, entries: tuple[tuple[Entry, tuple[Rule, ...], float], ...]) -> None:
        self._metrics = {e.name: _Metric(e, rules, every) for e, rules, every in entries}
        self._by_event = {e.event: self._metrics[e.name] for e, _, _ in entries}
        self._units = {e.name: _units(e) for e, _, _ in entries}
        self._now = 0.0
        self._changed = True
        self._said: dict[str, Any] | None = None
        self._periodic = [m for m in self._metrics.values() if not m.entry.metric.on_change]

    def handle_event(self, ctx: ContextProtocol, evt: Event[Message]) -> None:
        assert isinstance(evt, SequencedEvent)
        payload = evt.payload
        metric = self._by_event.get(evt.name)
        if metric is not None:
            self._judge(metric, evt)
        elif isinstance(payload, MetricStatus):
            metric = self._metrics.get(payload.metric)
            if metric is not None:
                metric.status = payload.status
                self._changed = True
        elif isinstance(payload, CollectorConfigured):
            for key, value in payload.changed.items():
                self._configure(key, value)
            self._changed = True  # there may be more checks now, or fewer
        elif isinstance(payload, CollectorHeartbeat):  # the last event of each tick
            self._now = payload.monotonic_seconds
            self._grow_stale()
            if self._changed:
                self._changed = False
                self._say(ctx, evt)

    def _configure(self, key: str, value: Any) -> None:
        """Takes ``metrics.NAME.interval`` and ``metrics.NAME.FIELD_SEVERITY``; no other matters."""
        _, _, rest = key.partition("metrics.")
        name, _, setting = rest.partition(".")
        metric = self._metrics.get(name)
        if metric is None:
            return
        if setting == "interval":
            metric.interval = value
            return
        figure, _, severity = setting.rpartition("_")
        threshold = None if value is False else value  # false switches a threshold off
        metric.judge_by(
            tuple(
                with_threshold(rule, severity, threshold)
                if not isinstance(rule, Raised)
                and rule.field == figure
                and severity in ("warning", "critical")
                else rule
                for rule in metric.rules
            )
        )

    def _judge(self, metric: _Metric, evt: SequencedEvent) -> None:
        before, metric.problems = metric.problems, {}
        if evt.data is None:  # the figures are gone; the status says why
            return
        metric.seen = 0.0  # in this tick, of which the heartbeat that ends it tells the time
        absent = 0
        for number, rule in metric.armed:
            known = False
            for row, value in _values(rule, evt.data):
                if value is None:
                    continue
                known = True
                severity, threshold = _apply(rule, value)
                if severity is None:
                    continue
                key = (number, row)
                old = before.get(key)
                if old is not None and old.severity == severity:
                    metric.problems[key] = old
                    continue
                metric.problems[key] = _Problem(
                    metric=metric.entry.name,
                    row=row,
                    field=rule.field,
                    value=value,
                    threshold=threshold,
                    severity=severity,
                    since=old.since if old else format_time(evt.time),
                    reason=self._reason(metric.entry, rule, row, value),
                )
            absent += not known
        if absent != metric.absent or metric.problems != before:
            metric.absent = absent
            self._changed = True

    def _reason(self, entry: Entry, rule: Rule, row: str | None, value: float | bool) -> str:
        title = _within(entry.metric.title)
        subject = title if row is None else f"{title} {row}"
        if isinstance(rule, Raised):
            flag = rule.field.replace("_", " ")
            return flag if row is None else f"{subject} {flag}"
        unit, name = self._units[entry.name].get((rule.rows, rule.field), (None, rule.field))
        figure = f"{value:.3g}{_SYMBOLS.get(unit, '') if unit else ''}"
        plain = rule.field in ("used_percent", "cpu_celsius")
        return f"{subject} {figure}" if plain else f"{subject} {name.replace('_', ' ')} {figure}"

    def _grow_stale(self) -> None:
        for metric in self._periodic:
            metric.seen = metric.seen or self._now  # nor is anything stale before the first one
            stale = (
                metric.status == "ok"
                and self._now - metric.seen > _STALE_INTERVALS * metric.interval + _STALE_GRACE
            )
            if stale != metric.stale:
                metric.stale = stale
                self._changed = True

    def _say(self, ctx: ContextProtocol, evt: SequencedEvent) -> None:
        metrics = [m for m in self._metrics.values() if m.checks]
        problems = [p for m in metrics for p in m.problems.values()]
        problems.sort(key=lambda p: p.severity != "critical")
        unknown = [m for m in metrics if m.unknown]
        total = sum(m.applicable for m in metrics)
        not_applicable = sum(m.checks for m in metrics) - total
        known = total - sum(m.applicable for m in unknown)
        if problems:
            status, summary = problems[0].severity, "; ".join(p.reason for p in problems)
        elif unknown:
            status = "unknown"
            summary = _all_of(unknown)
        else:
            status, summary = "healthy", "all checks passed"
        health = {
            "status": status,
            "summary": summary,
            "problems": [_as_dict(p) for p in problems],
            "checks": {
                "known": known,
                "total": total,
                "not_applicable": not_applicable,
            },
        }
        if health != self._said:
            self._said = health
            ctx.events.emit(Event(time=evt.time, payload=HealthUpdated(health=health)))


def _why(metric: _Metric) -> str:
    words = {"waiting": "no sample yet", "denied": "not permitted", "failing": "cannot be read"}
    return "stale" if metric.stale else words.get(metric.status, metric.status)


def _all_of(metrics: list[_Metric]) -> str:
    """Which are not known and why, a reason once: ``memory, load: cannot be read; CPU: stale``."""
    titles: dict[str, list[str]] = {}
    for metric in metrics:
        titles.setdefault(_why(metric), []).append(_within(metric.entry.metric.title))
    return "; ".join(f"{', '.join(names)}: {why}" for why, names in titles.items())


def _within(title: str) -> str:
    """A title as it stands within a sentence: names and abbreviations keep their capitals."""
    return title.lower() if title[1:].islower() else title


def _as_dict(problem: _Problem) -> dict[str, Any]:
    return {name: getattr(problem, name) for name in _Problem.__slots__}


def _units(entry: Entry) -> dict[tuple[str | None, str], tuple[Unit, str]]:
    """A gauge's unit and name, in a person's words if it has them, by rows and field."""
    units: dict[tuple[str | None, str], tuple[Unit, str]] = {}
    for outer in entry.fields:
        if isinstance(outer.kind, Gauge):
            units[None, outer.name] = (outer.kind.unit, outer.kind.label.lower() or outer.name)
        for inner in fields_of(outer.row) if outer.row else ():
            if isinstance(inner.kind, Gauge):
                units[outer.name, inner.name] = (
                    inner.kind.unit,
                    inner.kind.label.lower() or inner.name,
                )
    return units


def _is_armed(rule: Rule) -> bool:
    """Whether it can find a problem; one without thresholds waits for the configuration."""
    return isinstance(rule, Raised) or (rule.warning, rule.critical) != (None, None)


def _values(rule: Rule, data: dict[str, Any]) -> list[tuple[str | None, Any]]:
    """Row and figure, of each row that the rule is for."""
    if rule.rows is None:
        return [(None, data[rule.field])]
    return [(row["key"], row[rule.field]) for row in data[rule.rows]]


def _apply(rule: Rule, value: Any) -> tuple[str | None, float | None]:
    """The severity that holds and the threshold it passed."""
    if isinstance(rule, Raised):
        return (rule.severity if value else None), None
    for severity, threshold in (("critical", rule.critical), ("warning", rule.warning)):
        if threshold is not None and (
            value >= threshold if isinstance(rule, Above) else value <= threshold
        ):
            return severity, threshold
    return None, None
