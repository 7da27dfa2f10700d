"""How late a busy machine lets somebody run who wants nothing but to wake up in time."""

import threading
from time import monotonic
from types import TracebackType

_EVERY_SECONDS = 0.01


class Lateness:
    """Measures in a thread from the moment it is entered until it is left."""

    def __init__(self) -> None:
        self._late: list[tuple[float, float]] = []
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._measure)

    def _measure(self) -> None:
        due = monotonic() + _EVERY_SECONDS
        while not self._ending.wait(max(due - monotonic(), 0.0)):
            now = monotonic()
            self._late.append((now, now - due))
            due = now + _EVERY_SECONDS

    def most(self, since: float = 0.0) -> float:
        """The most seconds that it was late since a moment."""
        return max((late for at, late in list(self._late) if at >= since), default=0.0)

    def __enter__(self) -> "Lateness":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ending.set()
        self._thread.join()
