"""What the collector costs and has done, of itself (PROTOCOL.md, `collector.self.updated`)."""

import os
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from bussdcc import Message

from health_collectord.host import KernelFile
from health_collectord.messages import CollectorSelf
from health_collectord.runtime.grid import Task
from health_collectord.runtime.resources import give_back_memory

_GROWN = 1.05
_TIDY_EVERY = 3  # reports: it takes a millisecond
_STATM = Path("/proc/self/statm")  # this process, wherever the observed host's procfs is


class SelfReport(Task):
    """Tells every ten seconds.

    Args:
        counts: the parts' own figures by name, as they are now.
        statm: man 5 proc_pid_statm.
    """

    interval = 10.0

    def __init__(self, counts: Callable[[], Mapping[str, Any]], statm: Path = _STATM) -> None:
        self._counts = counts
        self._statm = KernelFile(str(statm))
        self._page = os.sysconf("SC_PAGE_SIZE")
        self._least = 0
        self._untidied = _TIDY_EVERY

    def run(self, now: float, time: datetime) -> Iterable[Message]:  # noqa: ARG002 as all tasks
        self._tidy()
        yield CollectorSelf(
            cpu_seconds=_cpu_seconds(), rss_bytes=self._rss_bytes(), **self._counts()
        )

    def _tidy(self) -> None:
        """While there is more memory than there was, gives back what of it is not used now."""
        self._untidied += 1
        if self._untidied >= _TIDY_EVERY and (self._rss_bytes() or 0) > self._least * _GROWN:
            self._untidied = 0
            give_back_memory()
            after = self._rss_bytes() or 0
            self._least = min(self._least or after, after)

    def _rss_bytes(self) -> int | None:
        try:
            return int(self._statm.read().split()[1]) * self._page
        except (OSError, ValueError, IndexError):
            return None


def _cpu_seconds() -> float:
    return round(time.process_time(), 3)
