"""Looks after what clients bring and take, whenever the process has worked for a while."""

import time
from typing import Protocol

from health_collectord.interfaces.intake import EVENTS, STATE, Intake, Measure, port_of
from health_collectord.interfaces.memory import Ceiling
from health_collectord.runtime.resources import by_work

# Of processor time: nobody can make it hold more without making it work. On a machine where a
# client could make it grow by 300 MB/s, this came to 6 MB; at rest it takes seconds to come about.
LOOK_SECONDS = 0.02
_BUSY_SECONDS = 0.1  # in which a process that works that much is worth a look at its connections
_CALM_SECONDS = 10.0  # else one in so much time


class Bound(Protocol):
    """An interface with its endpoint."""

    endpoint: str


class Watch:
    """Has connections ended that bring too much, and all where memory grows all the same.

    Args:
        events, state: the interfaces, whose endpoints are known once they are bound.
    """

    def __init__(self, events: Bound, state: Bound, ceiling: Ceiling) -> None:
        self._events, self._state = events, state
        self._ceiling = ceiling
        self._intake = Intake(self._measures)
        self._last = self._next = time.monotonic()

    def start(self) -> None:
        """From now on it looks."""
        by_work(LOOK_SECONDS, self.look)

    def look(self) -> None:
        now = time.monotonic()
        busy = now - self._last < _BUSY_SECONDS or self._ceiling.exceeded()
        if busy or now >= self._next:
            self._next = now + _CALM_SECONDS
            self._intake.look()
        self._last = now
        self._ceiling.look()

    def _measures(self) -> dict[int, Measure]:
        ports = (port_of(self._events.endpoint), EVENTS), (port_of(self._state.endpoint), STATE)
        return {port: measure for port, measure in ports if port is not None}
