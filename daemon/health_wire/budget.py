"""How much a collector may send, for how long it is left alone else, and who was too slow."""

from collections import deque
from collections.abc import Callable

from health_wire.door import Violation

BYTES_PER_SECOND = 2 * 1024 * 1024
BURST_BYTES = 16 * 1024 * 1024
LEAST_BYTES = 512  # what a message costs at the least: taking it is work, however short it is
MAX_PATHS = 2000  # of the state
MAX_STATE_BYTES = 4 * 1024 * 1024
MAX_STARTS = 10  # new epochs in a minute
_MAX_CUTS = 20  # of connections
_CUTS_SECONDS = 10.0
_MINUTE = 60.0
_LONGEST_SECONDS = 60.0


class Budget:
    """What one collector has sent: bytes in a time, a state's size, new starts.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._left, self._since = float(BURST_BYTES), clock()
        self._starts: deque[float] = deque(maxlen=MAX_STARTS)
        self._cuts: deque[float] = deque(maxlen=_MAX_CUTS)
        self._sizes: dict[str, int] = {}
        self._state = 0

    def spend(self, size: int) -> None:
        """A message of that many bytes has come.

        Raises:
            Violation: it is more than is taken in that time.
        """
        now = self._clock()
        gained = (now - self._since) * BYTES_PER_SECOND
        self._left = min(self._left + gained, BURST_BYTES) - max(size, LEAST_BYTES)
        self._since = now
        if self._left < 0:
            self._left = float(BURST_BYTES)  # after a rest it may try anew
            raise Violation(f"more than {BYTES_PER_SECOND >> 20} MiB or 4096 events a second")

    def put(self, path: str, size: int) -> None:
        """So many bytes stand at a path of the state from now on.

        Raises:
            Violation: the state has become larger than a state may be.
        """
        self._state += size - self._sizes.get(path, 0)
        self._sizes[path] = size
        if len(self._sizes) > MAX_PATHS:
            raise Violation(f"a state of more than {MAX_PATHS} paths")
        self._judge_state()

    def begin(self, size: int) -> None:
        """The state was replaced by a snapshot of that many bytes.

        Its paths are counted only as they change: a state is known to within twice its size.

        Raises:
            Violation: it is larger than a state may be.
        """
        self._sizes.clear()
        self._state = size
        self._judge_state()

    def _judge_state(self) -> None:
        if self._state > MAX_STATE_BYTES:
            raise Violation(f"a state of more than {MAX_STATE_BYTES >> 20} MiB")

    def start(self) -> None:
        """The collector has begun anew.

        Raises:
            Violation: it does nothing else.
        """
        now = self._clock()
        if len(self._starts) == MAX_STARTS and now - self._starts[0] < _MINUTE:
            self._starts.clear()
            raise Violation(f"more than {MAX_STARTS} new starts in a minute")
        self._starts.append(now)

    def cut(self) -> None:
        """The connection has ended."""
        self._cuts.append(self._clock())

    def judge_cuts(self) -> None:
        """Whether that has been so again and again.

        Raises:
            Violation: it has.
        """
        if len(self._cuts) == _MAX_CUTS and self._clock() - self._cuts[0] < _CUTS_SECONDS:
            self._cuts.clear()
            raise Violation("connections that end again and again, or events of several MiB")


class Resting:
    """Leaves a collector alone: a second, then twice as long each time, up to a minute.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._seconds = 0.0
        self._until = float("-inf")

    @property
    def left(self) -> float:
        """Seconds until it may be asked again; 0 where it may."""
        return max(self._until - self._clock(), 0.0)

    def begin(self) -> None:
        now = self._clock()
        if now > self._until + _MINUTE:  # it was well for a while
            self._seconds = 0.0
        self._seconds = min(max(self._seconds * 2, 1.0), _LONGEST_SECONDS)
        self._until = now + self._seconds


class Pace:
    """Whether it was this client that did not run, where something was lost.

    Args:
        clock: monotonic seconds.
        lasts: for how many seconds after a pause what is lost may be for its sake.
    """

    _LATE_SECONDS = 2.0  # before long, a collector gives up on who does not run

    def __init__(self, clock: Callable[[], float], lasts: float) -> None:
        self._clock = clock
        self._lasts = lasts
        self._ran = clock()
        self._slow_until = float("-inf")

    def ran(self, waited: float = 0.0) -> None:
        """It runs, and since the last call it meant to wait for so many seconds."""
        now = self._clock()
        if now - self._ran > waited + self._LATE_SECONDS:
            self._slow_until = now + self._lasts
        self._ran = now

    @property
    def slow(self) -> bool:
        return self._clock() < self._slow_until
