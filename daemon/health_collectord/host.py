"""Where a host is read: its ``/proc`` and ``/sys``, or a recorded or mounted copy of them."""

import os
from contextlib import suppress
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")
_PROC = Path("/proc")


class KernelFile:
    """A file read again and again, held open in between where the kernel makes its content.

    Opening costs more than reading, so procfs and sysfs files stay open and are read with
    ``pread`` at offset 0, which makes the kernel produce the content anew. A regular file (a
    recorded host) is opened each time, so that its replacement and its removal are seen.
    """

    __slots__ = ("_fd", "_size", "path")

    def __init__(self, path: str) -> None:
        self.path = path
        self._fd = -1
        self._size = 4096

    def read(self) -> bytes:
        """The whole content.

        Raises:
            OSError: it cannot be opened or read; the next call opens it again.
        """
        fd = self._fd
        try:
            if fd < 0:
                fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
            data = os.pread(fd, self._size, 0)
            # One read of a seq_file ends at a record within the first page, however much is
            # asked for and however much there is: only an empty read is the end, or one that
            # left half of that page, more than any record here takes.
            while len(data) >= _PAGE // 2 and (more := os.pread(fd, self._size, len(data))):
                data += more
        except OSError as error:
            self._release(fd)
            raise type(error)(error.errno, error.strerror, self.path) from None
        if self._fd < 0:
            # Kernel files have no size of their own: procfs says 0, sysfs says one page.
            if data and os.fstat(fd).st_size in (0, _PAGE):
                self._fd = fd
            else:
                os.close(fd)
        self._size = max(self._size, len(data) + 1)
        return data

    def text(self) -> str:
        """The whole content as text, without the white space and NUL around it."""
        return self.read().decode("utf-8", "replace").strip("\0 \t\r\n")

    def close(self) -> None:
        self._release(self._fd)

    def _release(self, fd: int) -> None:
        self._fd = -1
        if fd >= 0:
            with suppress(OSError):
                os.close(fd)

    def __del__(self) -> None:
        self.close()


class Host:
    """The two roots under which everything about a host is read.

    Args:
        procfs: the mount point of procfs, or a copy.
        sysfs: the mount point of sysfs, or a copy.
        memory: a directory for what readers have to remember of it; None: nothing is remembered.
    """

    def __init__(
        self, procfs: str = "/proc", sysfs: str = "/sys", memory: Path | None = None
    ) -> None:
        self.procfs = Path(procfs)
        self.sysfs = Path(sysfs)
        self.memory = memory

    @property
    def foreign(self) -> bool:
        """Whether procfs is another host's: a copy, or the host's own mounted into a container.

        What depends on the namespaces of whoever looks (mounts, network, root) is then process 1's.
        """
        return self.procfs != _PROC

    @property
    def root(self) -> Path:
        """The host's root directory (man 5 proc_pid_root; a foreign one needs ptrace rights)."""
        return self.procfs / "1/root" if self.foreign else Path("/")

    def proc(self, path: str) -> KernelFile:
        """A file below procfs, not opened until it is read."""
        return KernelFile(f"{self.procfs}/{path}")

    def sys(self, path: str) -> KernelFile:
        """A file below sysfs, not opened until it is read."""
        return KernelFile(f"{self.sysfs}/{path}")

    def text(self, path: Path) -> str | None:
        """A small file read once, or None where it is not there or cannot be read."""
        try:
            return path.read_bytes().decode("utf-8", "replace").strip("\0 \t\r\n")
        except OSError:
            return None
