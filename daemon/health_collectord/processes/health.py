"""The verdict: the worst of the rules that the metrics declare, with reasons in words."""

from typing import Any

from bussdcc import ContextProtocol, Event, Message, Process

from health_collectord.catalogue import Entry
from health_collectord.events import SequencedEvent
from health_collectord.messages import (
    CollectorConfigured,
    CollectorHeartbeat,
    HealthUpdated,
    MetricStatus,
)
from health_collectord.processes.checks import Checks
from health_collectord.processes.reasons import unknown
from health_collectord.vocabulary import Rule

_STALE_INTERVALS = 3
_STALE_GRACE = 2.0  # seconds on top, for a sample that takes its time
_FIGURES_SECONDS = 10.0  # between two verdicts that differ in nothing but their figures


class HealthProcess(Process):
    """Judges every sample and says so, in `health.updated`, when the verdict changes.

    A problem's figure moves with each sample: that is said as well, but not more often than every
    ten seconds. Who wants the figure of this very second finds it in the state.

    Time is the events' own: a sample is stale when the heartbeats have gone three intervals and
    two seconds beyond it.

    Args:
        entries: the metrics, each with its rules as configured and its interval.
    """

    name = "health"

    def __init__(self, entries: tuple[tuple[Entry, tuple[Rule, ...], float], ...]) -> None:
        self._metrics = {e.name: Checks(e, rules, every) for e, rules, every in entries}
        self._by_event = {e.event: self._metrics[e.name] for e, _, _ in entries}
        self._now = 0.0
        self._changed = True
        self._moved = False  # a problem's figure has
        self._said: tuple[Any, ...] = ()
        self._summary = ""
        self._figures_at = 0.0
        self._periodic = [m for m in self._metrics.values() if not m.entry.metric.on_change]

    def handle_event(self, ctx: ContextProtocol, evt: Event[Message]) -> None:
        assert isinstance(evt, SequencedEvent)
        payload = evt.payload
        metric = self._by_event.get(evt.name)
        if metric is not None:
            changed, moved = metric.judge(evt)
            self._changed |= changed
            self._moved |= moved
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
            if self._changed or (self._moved and self._now >= self._figures_at):
                self._say(ctx, evt)

    def resume(self, health: dict[str, Any]) -> None:
        """Takes over, of an earlier verdict, since when the problems stand that are still there."""
        for problem in (p for m in self._metrics.values() for p in m.problems.values()):
            rule = problem.rule
            which = (problem.metric, rule.rows, problem.row, rule.field)
            for found in health["problems"]:
                if which == tuple(found[name] for name in ("metric", "rows", "row", "field")):
                    problem.since = found["since"]
                    problem.value_at_onset = found["value_at_onset"]

    def _configure(self, key: str, value: Any) -> None:
        """Takes ``metrics.NAME.interval`` and ``metrics.NAME.FIELD_SEVERITY``; no other matters."""
        _, _, rest = key.partition("metrics.")
        name, _, setting = rest.partition(".")
        metric = self._metrics.get(name)
        if metric is None:
            return
        if setting == "interval":
            metric.interval = value
        else:
            figure, _, severity = setting.rpartition("_")
            # false switches a threshold off
            metric.set_threshold(figure, severity, None if value is False else value)

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
        """Says the verdict if it is another, or if its figures are and it is time for that."""
        metrics = [m for m in self._metrics.values() if m.checks]
        found = [p for m in metrics for p in m.problems.values()]
        found.sort(key=lambda p: p.severity != "critical")
        problems = [p.as_dict() for p in found]
        unjudged = [m for m in metrics if m.unknown]
        total = sum(m.applicable for m in metrics)
        not_applicable = sum(m.checks for m in metrics) - total
        known = total - sum(m.applicable for m in unjudged)
        if problems:
            status, summary = found[0].severity, "; ".join(p["reason"] for p in problems)
        elif unjudged:
            status = "unknown"
            summary = unknown(
                (m.entry.metric.title, "stale" if m.stale else m.status) for m in unjudged
            )
        else:
            status, summary = "healthy", "all checks passed"
        verdict = (status, known, total, not_applicable, [p.verdict for p in found] or summary)
        same, due = verdict == self._said, self._now >= self._figures_at
        self._changed = False
        if due or not same:
            self._moved, self._figures_at = False, self._now + _FIGURES_SECONDS
        if same and (summary == self._summary or not due):
            return
        self._said, self._summary = verdict, summary
        checks = {"known": known, "total": total, "not_applicable": not_applicable}
        health = {"status": status, "summary": summary, "problems": problems, "checks": checks}
        ctx.events.emit(
            Event(time=evt.time, payload=HealthUpdated(health=health, figures_only=same))
        )
