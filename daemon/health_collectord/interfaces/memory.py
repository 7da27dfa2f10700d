"""A bound for what clients make the collector hold, all of them together."""

import os
from contextlib import suppress
from pathlib import Path

from health_collectord.host import KernelFile

SPARE_BYTES = 48 << 20
_STATM = Path("/proc/self/statm")  # man 5 proc_pid_statm


class Ceiling:
    """Notices that the process has grown by more than `spare` bytes.

    Nothing tells whose that memory is: what has come and what waits to go is in libzmq's hands.

    Attributes:
        fd: readable once it has (man 2 eventfd).
    """

    def __init__(self, spare: int = SPARE_BYTES, statm: Path = _STATM) -> None:
        self._spare = spare
        self._statm = KernelFile(str(statm))
        self._page = os.sysconf("SC_PAGE_SIZE")
        self.fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._limit = self.held() + spare

    def held(self) -> int:
        """Bytes of memory that the process has now; 0 where the kernel does not tell."""
        try:
            return int(self._statm.read().split()[1]) * self._page
        except (OSError, ValueError, IndexError):
            return 0

    def exceeded(self) -> bool:
        return self.held() > self._limit

    def look(self) -> None:
        """Makes `fd` readable if it is exceeded; from any thread."""
        if self.exceeded():
            os.eventfd_write(self.fd, 1)

    def renew(self) -> None:
        """What is held now, with no client left, is not theirs: counts from there."""
        with suppress(BlockingIOError):
            os.eventfd_read(self.fd)
        if self.exceeded():
            self._limit = self.held() + self._spare
