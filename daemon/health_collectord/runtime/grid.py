"""Services that act at whole multiples of an interval, without drift."""

from datetime import datetime
from typing import Protocol

from bussdcc import ContextProtocol, Event, Service

from health_collectord.messages import CollectorHeartbeat
from health_collectord.runtime.clock import next_grid_point

_EARLY = 0.001  # a wake-up this much before its moment counts as on time


class Task(Protocol):
    """Something to do every `interval` seconds. Must not raise: that ends the collector."""

    interval: float

    def run(self, ctx: ContextProtocol, now: float, time: datetime) -> None:
        """Acts at monotonic time `now`; what it emits carries the wall clock `time`."""


class GridService(Service):
    """Runs tasks, each at the multiples of its own interval on the monotonic clock.

    bussdcc sleeps a service's whole interval after each tick, so its period is the interval and
    the work. Here the interval is set anew after each tick, to what is left until the next
    moment at which a task is due.
    """

    critical = True

    def __init__(self, name: str, tasks: tuple[Task, ...]) -> None:
        self.name = name
        self.interval = 0.0
        self.ticked = 0.0
        self._due = [(0.0, task) for task in tasks]

    def tick(self, ctx: ContextProtocol) -> None:
        now, time = ctx.clock.monotonic(), ctx.clock.now_utc()
        for i, (due, task) in enumerate(self._due):
            if now >= due - _EARLY:
                task.run(ctx, now, time)
                self._due[i] = (next_grid_point(now, task.interval), task)
        after = ctx.clock.monotonic()
        self.ticked = after
        self.interval = max(min(due for due, _ in self._due) - after, 0.0)


class Heartbeat:
    """Says once a second that events flow, whatever the metrics' intervals."""

    interval = 1.0

    def run(self, ctx: ContextProtocol, now: float, time: datetime) -> None:
        beat = CollectorHeartbeat(
            monotonic_seconds=round(now, 3), uptime_seconds=round(ctx.clock.uptime(), 3)
        )
        ctx.events.emit(Event(time=time, payload=beat))
