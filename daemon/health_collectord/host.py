"""Where a host is read: its ``/proc`` and ``/sys``, or a recorded or mounted copy of them."""

import os
import platform
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")
_PROC = Path("/proc")
_MOST_LINKS = 40  # as the kernel has it (man 7 path_resolution)

INNER_INTERFACES = ("lo", "veth*", "docker*", "br-*", "virbr*", "ifb*")
"""Glob patterns of the network interfaces that lead nowhere outside of the machine."""


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


@dataclass(slots=True, frozen=True)
class Start:
    """Which start of the collector this is.

    Attributes:
        epoch: 32 hexadecimal digits, new for each.
        version: of the collector.
        time: of the wall clock, in milliseconds since 1970.
        remarks: the directory in which the service manager left word of the end before; None where
            there is none.
    """

    epoch: str
    version: str | None
    time: int
    remarks: Path | None = None


class Host:
    """The two roots under which everything about a host is read.

    Args:
        procfs: the mount point of procfs, or a copy.
        sysfs: the mount point of sysfs, or a copy.
        memory: a directory for what readers have to remember of it; None: nothing is remembered.
        start: of the collector; what it left in `memory` is not what starts before it did.
    """

    def __init__(
        self,
        procfs: str = "/proc",
        sysfs: str = "/sys",
        memory: Path | None = None,
        start: Start | None = None,
    ) -> None:
        self.procfs = Path(procfs)
        self.sysfs = Path(sysfs)
        self.memory = memory
        self.start = start

    @property
    def foreign(self) -> bool:
        """Whether procfs is another host's: a copy, or the host's own mounted into a container.

        What depends on the namespaces of whoever looks (mounts, network, root) is then process 1's.
        """
        return self.procfs != _PROC

    @property
    def process(self) -> str:
        """The process below procfs whose namespaces are the host's: ``1``, or ``self``.

        It is ``self`` too where process 1 is hidden (hidepid, man 5 proc): what is seen then is
        what this process sees.
        """
        return "1" if self.foreign and os.access(self.procfs / "1", os.X_OK) else "self"

    @property
    def root(self) -> Path:
        """The host's root directory (man 5 proc_pid_root; a foreign one needs ptrace rights)."""
        return self.procfs / "1/root" if self.foreign else Path("/")

    @property
    def architecture(self) -> str | None:
        """The kernel's, as ``uname -m`` has it, or nearly; None where it is not known.

        It says so itself since 6.1 (Documentation/admin-guide/sysctl/kernel.rst); before, ours
        will do if the kernel is the one we run on.
        """
        said = self.text(self.procfs / "sys/kernel/arch")
        return said or (None if self.foreign else platform.machine()) or None

    def within(self, path: str) -> Path:
        """Where a file of the host's is from here: its links lead nowhere outside of its root.

        A link that begins with ``/`` would otherwise lead into the root of whoever looks.
        """
        ahead, links = path.split("/")[::-1], 0
        found: list[str] = []
        while ahead:
            part = ahead.pop()
            if part == "..":
                found[-1:] = []
            elif part not in ("", "."):
                try:
                    target = os.readlink(self.root.joinpath(*found, part))
                except OSError:  # no link, or nothing at all
                    found.append(part)
                    continue
                links += 1
                if links > _MOST_LINKS:
                    break
                if target.startswith("/"):
                    found.clear()
                ahead += target.split("/")[::-1]
        return self.root.joinpath(*found)

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
