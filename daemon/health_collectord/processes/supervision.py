"""Is the collector ready, and is it alive? What systemd is told follows from the answers."""

from collections.abc import Callable
from typing import Any

from bussdcc import ContextProtocol, Event, Message, Process
from health_wire.terminal import escape, shorten

from health_collectord.events import SequencedEvent
from health_collectord.messages import CollectorHeartbeat, HealthUpdated, MetricStatus
from health_collectord.runtime.grid import GridService
from health_collectord.runtime.systemd import Notifier

_ALLOWANCE = 5.0  # seconds that a service may be late, and a thread take to answer
_LONGEST = 300  # characters of a summary
_PATIENCE = 5.0  # seconds that a first sample may take; a metric can wait for ever for a rate


class SupervisionProcess(Process):
    """Watches from within the dispatch: when events stop, so do the signs of life.

    Every heartbeat comes through here. The collector is ready when every metric has published a
    sample, or said why it cannot, or has had five seconds for it. It is alive while heartbeats
    are dispatched, every service ticks within its allowance, and every I/O thread answers;
    whatever is not, the watchdog is not fed any more. A mount that hangs is none of that: it is
    a status. The status line says the verdict as soon as there is another.

    Args:
        metrics: the names of the metrics that are observed.
        services: each must tick.
        threads: name to a function that says whether that I/O thread runs.
        probe: asks the state endpoint's thread for a sign of life; answers how many there were.
        subscribers: how many follow the events.
        interval: seconds between samples, to be told.
        ready: called once, when the collector is ready.
    """

    name = "supervision"
    types = (MetricStatus, CollectorHeartbeat, HealthUpdated)

    def __init__(
        self,
        notifier: Notifier,
        *,
        metrics: tuple[str, ...],
        services: tuple[GridService, ...],
        threads: dict[str, Callable[[], bool]],
        probe: Callable[[], int],
        subscribers: Callable[[], int],
        interval: float,
        ready: Callable[[], None],
    ) -> None:
        self._notifier = notifier
        self._statuses = dict.fromkeys(metrics, "waiting")
        self._services = services
        self._threads = threads
        self._probe = probe
        self._subscribers = subscribers
        self.interval = interval
        self._ready: Callable[[], None] | None = ready
        self._begun = 0.0
        self._fed = 0.0
        self._found: str | None = None
        self._answers = -1

    def handle_event(self, ctx: ContextProtocol, evt: Event[Message]) -> None:
        assert isinstance(evt, SequencedEvent)
        if isinstance(evt.payload, MetricStatus):
            self._statuses[evt.payload.metric] = evt.payload.status
        elif isinstance(evt.payload, CollectorHeartbeat):
            self._beat(ctx, evt, evt.payload.monotonic_seconds)
        elif self._notifier.active:
            self._say(ctx, evt)

    def _beat(self, ctx: ContextProtocol, evt: SequencedEvent, now: float) -> None:
        self._begun = self._begun or now
        if self._ready is not None and (
            "waiting" not in self._statuses.values() or now - self._begun > _PATIENCE
        ):
            ready, self._ready = self._ready, None
            ready()
        if not self._notifier.active:
            return
        if now - self._fed >= self._notifier.watchdog_seconds / 3:
            self._found = self._fault(now)
            if self._found is None:
                self._fed = now
                self._notifier.alive()
            self._say(ctx, evt)

    def _fault(self, now: float) -> str | None:
        """What does not move as it should, in words."""
        for service in self._services:
            if service.late(now) > _ALLOWANCE:
                return f"service {service.name} has not ticked for {service.late(now):.0f} s"
        for name, runs in self._threads.items():
            if not runs():
                return f"thread {name} is dead"
        answers = self._probe()
        stuck = answers == self._answers and self._fed > 0
        self._answers = answers
        return "the state endpoint's thread does not answer" if stuck else None

    def _say(self, ctx: ContextProtocol, evt: SequencedEvent) -> None:
        health: Any = ctx.state.get("health", {})
        failing = [n for n, s in self._statuses.items() if s in ("failing", "denied")]
        verdict = str(health.get("status", "unknown")).capitalize()
        summary = str(health.get("summary", "no sample yet"))
        count = self._subscribers()
        self._notifier.status(
            "; ".join(
                [
                    f"{verdict}: {escape(shorten(summary, _LONGEST))}",
                    f"every {self.interval:g} s, last at {evt.time:%H:%M:%S} UTC",
                    f"{count} subscriber{'' if count == 1 else 's'}",
                    *([f"cannot read {', '.join(failing)}"] if failing else []),
                    *([self._found] if self._found else []),
                ]
            )
        )
