"""What may take long to read: by threads, as few as will do, and never more than a few."""

import threading
from collections import deque
from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import Generic, TypeVar

T = TypeVar("T")

_SLOW = 0.1  # seconds; what took longer is read apart from then on
_PAUSES = 30.0  # between two readings apart, in times what one takes
_LEAST_PAUSE, _MOST_PAUSE = 1.0, 60.0  # seconds
_STALE = 3  # pauses after which a reading is too old
_GRACE = 2.0  # seconds on top
_SOON = 10.0  # seconds for which a first reading is waited for

NOT_YET = "not read yet"


class Work:
    """Something that is done elsewhere, some time. `begun` and `done` may change at any moment."""

    def __init__(self, job: Callable[[], None]) -> None:
        self.begun = False
        self._job = job
        self._done = threading.Event()

    @property
    def done(self) -> bool:
        return self._done.is_set()

    def wait(self, until: float) -> bool:
        """Whether it is done by that moment of the monotonic clock."""
        return self._done.wait(max(until - monotonic(), 0.0))

    def run(self) -> None:
        self.begun = True
        try:
            self._job()
        finally:
            self._done.set()


NOTHING = Work(lambda: None)
NOTHING.run()


class Workers:
    """Does one piece of work after the other, in threads that end when there is nothing to do.

    They are daemon threads: the process can end although one of them never returns. When all of
    them do not return, what comes after is not begun.

    Args:
        name: of the threads.
        most: how many there may be.
    """

    def __init__(self, name: str, most: int) -> None:
        self._name = name
        self._most = most
        self._threads = 0
        self._waiting: deque[Work] = deque()
        self._lock = threading.Lock()

    def do(self, job: Callable[[], None]) -> Work:
        """Has `job`, which must not raise, done as soon as there is a thread for it."""
        work = Work(job)
        with self._lock:
            self._waiting.append(work)
            if self._threads == self._most:
                return work
            self._threads += 1
        try:
            threading.Thread(target=self._run, name=self._name, daemon=True).start()
        except RuntimeError:  # no more threads to be had now: others, or a later one, do it
            with self._lock:
                self._threads -= 1
        return work

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._threads -= 1
                    return
                work = self._waiting.popleft()
            work.run()


class Reading(Generic[T]):
    """Something read again and again: at once, or apart if that takes long.

    It is first read apart, and then at once if that was quick. What was slow once is always read
    apart: at a pace of its own, so that it keeps a thread, and a bus, busy for a small part of
    the time. What was read is good until it is too old; its age counts from when reading it began.

    Args:
        measure: reads it; must not raise. A thread calls it while `apart`, else nobody does.
        slow: it is known to be slow.
    """

    def __init__(self, measure: Callable[[], T], slow: bool = False) -> None:
        self.apart = True
        self.slow = slow
        self._measure = measure
        self._work = NOTHING
        self._last: tuple[T, float] | None = None
        self._asked = float("-inf")
        self._pause = 0.0

    @property
    def answered(self) -> bool:
        """Whether it has been read, ever."""
        return self._last is not None

    def ask(self, now: float, workers: Workers) -> None:
        """Has it read apart, if it is time."""
        if self._work.done and now >= self._asked + self._pause:
            self._asked = now
            self._work = workers.do(partial(self._read, now, monotonic()))

    def wait(self, until: float) -> None:
        """For the reading that was asked for, until that moment of the monotonic clock."""
        self._work.wait(until)

    def joins(self) -> bool:
        """Whether it was quick and is to be read at once from now on, by whoever calls this."""
        self.apart = self.slow or not self._work.done or self._last is None
        return not self.apart

    def judge(self, value: T, now: float, took: float) -> None:
        """It was read at once and took that many seconds: too long, and it is read apart."""
        if took > _SLOW:
            self.apart = self.slow = True
            self._last, self._asked, self._pause = (value, now), now, _pause(took)

    def last(self, now: float) -> tuple[T, float] | str:
        """What was read apart and its age, or why that is not known."""
        if self._last is not None:
            value, begun = self._last
            if now - begun <= _STALE * self._pause + _GRACE:
                return value, max(now - begun, 0.0)
        elif now - self._asked <= _SOON:
            return NOT_YET
        return "does not answer" if self._work.begun else "not read: others do not answer"

    def _read(self, asked: float, at: float) -> None:
        began = monotonic()
        value = self._measure()
        took = monotonic() - began
        self._pause = _pause(took)
        self.slow = self.slow or took > _SLOW
        self._last = value, asked + (began - at)


def _pause(took: float) -> float:
    return min(max(_PAUSES * took, _LEAST_PAUSE), _MOST_PAUSE)
