"""Time, injected: nothing else here asks the system for it."""

import threading
import time
from datetime import UTC, datetime

from bussdcc.clock import ClockProtocol


class WakeOnceClock(ClockProtocol):
    """The system's clocks; a sleep that wakes once, when it is over or cancelled.

    bussdcc's own clock wakes every half second to look whether it was cancelled.
    """

    def __init__(self) -> None:
        self._origin = time.monotonic()

    def now_utc(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def uptime(self) -> float:
        return time.monotonic() - self._origin

    def sleep(self, seconds: float, cancel: threading.Event | None = None) -> bool:
        if cancel is not None:
            return cancel.wait(max(seconds, 0.0))
        time.sleep(max(seconds, 0.0))
        return False


def next_grid_point(now: float, interval: float) -> float:
    """The first moment after `now` that is a whole multiple of `interval`.

    Every service asks for its next moment anew, so an error in one period is not carried into
    the next, and moments missed while the machine slept are skipped, not made up for. So is one
    that is nearer than a tenth of the interval: a rate over so little time would be noise.
    """
    point = (now // interval + 1) * interval
    return point if point - now >= interval / 10 else point + interval
