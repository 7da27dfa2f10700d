"""Services that act at whole multiples of an interval, without drift."""

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

from bussdcc import ContextProtocol, Event, Message, Service
from bussdcc.clock import ClockProtocol

from health_collectord.messages import CollectorHeartbeat
from health_collectord.runtime.clock import next_grid_point
from health_collectord.vocabulary import rounded

_EARLY = 0.001  # a wake-up this much before its moment counts as on time


class Task(Protocol):
    """Something to observe every `interval` seconds. Must not raise: that ends the collector."""

    interval: float

    def run(self, now: float, time: datetime) -> Iterable[Message]:
        """What there is to say at monotonic time `now`, of which the events carry `time`."""


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
        self.tasks = tasks
        self._due = [0.0] * len(tasks)
        self._next = 0.0
        self._begun = False

    def late(self, now: float) -> float:
        """For how many seconds this service should have ticked and has not."""
        return now - self._next if self._begun else 0.0

    def start(self, ctx: ContextProtocol) -> None:
        self._due = [0.0] * len(self.tasks)
        self._next = ctx.clock.monotonic()
        self._begun = True

    def stop(self, ctx: ContextProtocol) -> None:  # noqa: ARG002 the protocol's signature
        self._begun = False

    def tick(self, ctx: ContextProtocol) -> None:
        now, time = ctx.clock.monotonic(), ctx.clock.now_utc()
        said: list[Message] = []
        for i, task in enumerate(self.tasks):
            if now >= self._due[i] - _EARLY:
                said += task.run(now, time)
                self._due[i] = next_grid_point(now, task.interval)
        # First all that is observed, then all that follows from it: either has its code at hand.
        for message in said:
            ctx.events.emit(Event(time=time, payload=message))
        self._next = min(self._due)
        self.interval = max(self._next - ctx.clock.monotonic(), 0.0)


class Heartbeat:
    """Says once a second that events flow, whatever the metrics' intervals."""

    interval = 1.0

    def __init__(self, clock: ClockProtocol) -> None:
        self._clock = clock

    def run(self, now: float, time: datetime) -> Iterable[Message]:  # noqa: ARG002 as all tasks
        yield CollectorHeartbeat(
            monotonic_seconds=rounded(now, 1000), uptime_seconds=rounded(self._clock.uptime(), 1000)
        )
