"""Who may have the loop's time when many want it: whoever has had the least.

Collectors can send more than this process can read, each of them within its bounds. What they send
is read in turns of so many bytes; after each turn, the loop looks after browsers.
"""

import heapq
import itertools
import time
from collections.abc import Callable
from typing import Any

import gevent
from gevent.event import Event

TURN_BYTES = 64 * 1024  # some milliseconds' work
_LEAST_BYTES = 512
_REST_SECONDS = 0.0005  # by a timer: the loop would call back at once before it looks round
_HALF_SECONDS = 5.0  # after that, what was had counts for half


class Shares:
    """Gives turns; one for the process.

    Args:
        clock: monotonic seconds.

    Attributes:
        pressed: whether memory has grown so much that less is taken of each for the moment.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.pressed = False
        self._left = TURN_BYTES
        self._waiting: list[tuple[float, int, int, Event]] = []
        self._numbers = itertools.count()
        self._timer: Any = None  # one for each rest: libev's do not begin anew

    def take(self, had: float, size: int) -> None:
        """Waits until it is the turn of one who has had so much."""
        if self._left <= 0 or self._waiting:
            turn = Event()
            heapq.heappush(self._waiting, (had, next(self._numbers), size, turn))
            turn.wait()
            return
        self._use(size)

    def _use(self, size: int) -> None:
        self._left -= size
        if self._timer is None:
            self._timer = gevent.get_hub().loop.timer(_REST_SECONDS)
            self._timer.start(self._look_round, update=True)

    def _look_round(self) -> None:
        self._timer.close()
        self._timer = None
        self._left = TURN_BYTES
        while self._waiting and self._left > 0:
            _, _, size, turn = heapq.heappop(self._waiting)
            self._use(size)
            turn.set()


class Share:
    """One host's part. `take` is what a `CollectorClient` calls before it reads."""

    def __init__(self, shares: Shares) -> None:
        self._shares = shares
        self.had, self._since = 0.0, shares.clock()

    def take(self, size: int) -> None:
        now = self._shares.clock()
        self.had *= 0.5 ** ((now - self._since) / _HALF_SECONDS)
        self._since = now
        size = max(size, _LEAST_BYTES)
        self._shares.take(self.had, size)
        self.had += size
