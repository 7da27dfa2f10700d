"""What sinks have in common: a bounded queue, a writer thread, and honesty about what is lost."""

import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable
from datetime import datetime
from itertools import islice
from time import monotonic

from bussdcc import ContextProtocol, Event, Message, Severity
from bussdcc.io import EventSinkProtocol

from health_collectord.events import SequencedEvent
from health_collectord.messages import CollectorSinkDegraded, CollectorSinkRecovered

# When it happened, and its line, or what makes that when it is written.
Record = tuple[datetime, bytes | Callable[[], bytes]]

_BATCH = 1000
_RETRY_SECONDS = 5.0
_STOP_SECONDS = 3.0


def lines_of(batch: Iterable[Record]) -> list[bytes]:
    """The lines of records, made where they have yet to be."""
    return [line() if callable(line) else line for _, line in batch]


class QueuedSink(EventSinkProtocol, ABC):
    """Queues records, and writes them from a thread of its own.

    The writer looks every `pause` seconds, and at once for whatever is worse than usual, so that
    whole ticks go out in one write; waking it for each would cost the dispatcher more than the
    record does. While writing fails or takes too long, records wait;
    beyond `limit` of them the oldest stay, the newest are dropped and counted. Failure, dropping
    and recovery are events themselves, told when they begin, not every second.

    Attributes:
        types: the classes of messages that it wants to see.
        pause: seconds between two looks; None where lines are few and each is written at once.

    Args:
        limit: how many records may wait; about half a kilobyte each.
    """

    name: str
    types: tuple[type[Message], ...] = (Message,)
    pause: float | None = 5.0

    def __init__(self, limit: int = 5000) -> None:
        self._limit = limit
        self._queue: deque[Record] = deque()
        self._wake = threading.Event()
        self._settled = threading.Event()
        self._ending = False
        self._lost = 0
        self._failing = False
        self._told = False
        self._thread: threading.Thread | None = None

    @abstractmethod
    def write(self, batch: list[Record]) -> int:
        """Writes records, oldest first, whole or not at all.

        Returns:
            How many were written, at least one.

        Raises:
            OSError: none could be.
        """

    def line(self, evt: SequencedEvent) -> bytes | None:
        """What is written of an event; None for one that this sink leaves out."""
        return evt.record

    def count_lost(self, records: int) -> None:
        """So many that were written are there no more; the next recovery tells."""
        self._lost += records

    def close(self) -> None:
        """Releases what `write` holds; called by the writer thread when it ends."""

    def start(self, ctx: ContextProtocol) -> None:
        self._ctx = ctx
        self._thread = threading.Thread(target=self._run, name=f"sink:{self.name}", daemon=True)
        self._thread.start()

    def handle(self, evt: Event[Message]) -> None:
        assert isinstance(evt, SequencedEvent)
        line = self.line(evt)
        if line is not None:
            if len(self._queue) < self._limit:
                self._queue.append((evt.time, line))
            else:
                self._lost += 1
                self._tell_degraded("records come faster than they can be written")
        if self.pause is None or (evt.payload.severity > Severity.INFO and not self._failing):
            self.flush()

    def flush(self) -> None:
        """Makes the writer look now; does not wait for it."""
        self._wake.set()

    def settle(self, seconds: float) -> bool:
        """Has all that came until now written; False where that takes longer, or fails."""
        until = monotonic() + seconds
        while self._queue and not self._failing and (left := until - monotonic()) > 0:
            self._settled.clear()
            self.flush()
            self._settled.wait(left)
        return not self._queue

    @property
    def alive(self) -> bool:
        """Whether the writer thread runs, as it should from start to stop."""
        return self._thread is not None and self._thread.is_alive()

    def stop(self) -> None:
        self._ending = True
        self.flush()
        if self._thread is not None:
            self._thread.join(_STOP_SECONDS)

    def prepare(self) -> None:
        """Called by the writer thread before it writes anything."""

    def idle(self) -> None:
        """Called by the writer thread when it has nothing to write, or may not try yet."""

    def _run(self) -> None:
        retry_at = 0.0
        self.prepare()
        while True:
            self._wake.wait(self.pause)
            self._wake.clear()
            ending = self._ending
            if self._queue and (not self._failing or ending or monotonic() >= retry_at):
                self._write_all()
                retry_at = monotonic() + _RETRY_SECONDS
            else:
                self.idle()
            if not self._queue:
                self._settled.set()
            if ending:
                self.close()
                return

    def _write_all(self) -> None:
        queue = self._queue
        while queue:
            batch = list(islice(queue, _BATCH))
            try:
                written = self.write(batch)
            except OSError as error:
                self._degraded(error)
                return
            for _ in range(written):
                queue.popleft()
        self._failing = False
        if self._told:
            lost, self._lost, self._told = self._lost, 0, False
            self._ctx.emit(CollectorSinkRecovered(sink=self.name, lost=lost))

    def _degraded(self, error: OSError) -> None:
        self._failing = True
        where = f"{error.filename}: " if error.filename else ""
        self._tell_degraded(f"{where}{error.strerror or error}")

    def _tell_degraded(self, error: str) -> None:
        if self._told or self._ending:
            return
        self._told = True
        self._ctx.emit(CollectorSinkDegraded(sink=self.name, error=error, lost=self._lost))
