"""The black box beside the record (`health_archive.black_box`): when it is written and synced."""

import logging
import math
from pathlib import Path
from time import monotonic

from health_archive.black_box import BlackBox

_log = logging.getLogger(__name__)


class BlackBoxWriter:
    """Keeps a black box beside the record; what is wrong with it costs the record nothing.

    Args:
        path: the box's file.
        epoch: of this start.
        sync_seconds: how much a loss of power may cost; less while the machine is critical.

    Attributes:
        written: bytes that it took so far.
    """

    _AGAIN_SECONDS = 60.0
    _CALM_SECONDS, _CRITICAL_SECONDS, _LEAST_SECONDS = 5.0, 2.0, 0.1  # between two writes

    def __init__(self, path: Path, epoch: str, sync_seconds: float = 10.0) -> None:
        self.written = 0
        self._path = path
        self._epoch = epoch
        self._sync_seconds = self._every = sync_seconds
        self._box: BlackBox | None = None
        self._segment = ""
        self._waiting: list[bytes] = []
        self._again = self._synced = 0.0
        self._told = False

    def pause(self, *, critical: bool) -> float:
        """Takes what a loss of power may cost from now on; seconds until the next write."""
        self._every = min(self._sync_seconds, self._CRITICAL_SECONDS if critical else math.inf)
        return self.until_next

    @property
    def until_next(self) -> float:
        """Seconds until there has to be another write, so that the next sync is in time."""
        due = self._synced + self._every - monotonic()
        return min(max(due, self._LEAST_SECONDS), self._CALM_SECONDS)

    def write(self, segment: str, lines: list[bytes]) -> None:
        """Takes a segment's newest lines, and makes all that it has last where it is time.

        What is written and not synced would be lost with the power all the same: it waits here.
        """
        if segment != self._segment:
            self._flush()
            self._segment = segment
        self._waiting += lines
        self.flush_due()

    def flush_due(self) -> bool:
        """Makes what waits last if it is time, also where no line has come since; whether it did.

        Lines that were taken early, by a warning's write, would otherwise wait for the next line.
        """
        # The writer's pauses are not exact.
        if not self._waiting or monotonic() - self._synced < self._every * 0.9:
            return False
        self._flush()
        return True

    def close(self) -> None:
        self._flush()
        self._let_go()

    def _flush(self) -> None:
        now, lines, self._waiting = monotonic(), self._waiting, []
        if not lines:
            return
        self._synced = now
        if self._box is None and now < self._again:
            return
        try:
            if self._box is None:
                self._box = BlackBox(self._path)
            before = self._box.written
            self._box.write(self._segment, self._epoch, lines)
            self._box.sync()
            self.written += self._box.written - before
            self._told = False
        except OSError as error:
            self._fail(error, now)

    def _let_go(self) -> None:
        box, self._box = self._box, None
        if box is not None:
            box.close()

    def _fail(self, error: OSError, now: float) -> None:
        self._let_go()
        self._again = now + self._AGAIN_SECONDS
        if not self._told:
            self._told = True
            _log.warning("no black box: %s: %s", self._path, error.strerror or error)
