"""What the collector costs and has done, of itself (PROTOCOL.md, `collector.self.updated`)."""

import os
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path

from bussdcc import Message

from health_collectord.messages import CollectorSelf
from health_collectord.runtime.grid import Task

_STATM = Path("/proc/self/statm")  # this process, wherever the observed host's procfs is


class SelfReport(Task):
    """Tells every ten seconds.

    Args:
        counts: the parts' own figures by name, as they are now.
        statm: man 5 proc_pid_statm.
    """

    interval = 10.0

    def __init__(self, counts: Callable[[], Mapping[str, int]], statm: Path = _STATM) -> None:
        self._counts = counts
        self._statm = statm
        self._page = os.sysconf("SC_PAGE_SIZE")

    def run(self, now: float, time: datetime) -> Iterable[Message]:  # noqa: ARG002 as all tasks
        yield CollectorSelf(
            cpu_seconds=_cpu_seconds(), rss_bytes=self._rss_bytes(), **self._counts()
        )

    def _rss_bytes(self) -> int | None:
        try:
            return int(self._statm.read_bytes().split()[1]) * self._page
        except (OSError, ValueError, IndexError):
            return None


def _cpu_seconds() -> float:
    return round(time.process_time(), 3)
