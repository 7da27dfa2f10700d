"""A mounted FUSE file system whose files are like a driver's: made anew, slowly, at each reading.

The protocol is that of the kernel's include/uapi/linux/fuse.h. Who waits can be killed.
"""

import errno
import os
import struct
import threading
from contextlib import suppress
from pathlib import Path

from .silent_fuse import _MNT_DETACH, SilentFuse, _libc

_LOOKUP, _FORGET, _GETATTR, _OPEN, _READ, _RELEASE, _FLUSH = 1, 2, 3, 14, 15, 18, 25
_INIT, _INTERRUPT, _BATCH_FORGET = 26, 36, 42
_IN, _OUT = struct.Struct("=IIQQIIII"), struct.Struct("=IiQ")
_MNT_FORCE = 1
_PAGE = os.sysconf("SC_PAGE_SIZE")


class SlowFuse(SilentFuse):
    """Mounted until closed; serves as long as the process lives.

    Args:
        point: where to mount; must not exist.
        seconds: how long reading a file takes, by its name; its content is always ``21000``.

    Attributes:
        readings: how often each has been read.

    Raises:
        OSError: not root, or no ``/dev/fuse``.
    """

    def __init__(self, point: Path, **seconds: float) -> None:
        self.seconds = seconds
        self.readings = dict.fromkeys(seconds, 0)
        self._names = list(seconds)
        self._letting_go: dict[int, threading.Event] = {}  # of those who read, by request
        super().__init__(point)
        self._server = threading.Thread(target=self._serve, daemon=True)
        self._server.start()

    def close(self) -> None:
        """Unmount it; who still reads gets an error, and the server ends."""
        if self._fd >= 0:
            _libc.umount2(os.fsencode(self.point), _MNT_FORCE | _MNT_DETACH)
            self._server.join()
            os.close(self._fd)
            self._fd = -1

    def _serve(self) -> None:
        while True:
            try:
                request = os.read(self._fd, 1 << 17)
            except OSError:  # unmounted
                break
            _, operation, unique, node, *_ = _IN.unpack_from(request)
            body = request[_IN.size :]
            if operation == _READ:
                self._letting_go[unique] = threading.Event()
                threading.Thread(target=self._read, args=(unique, node, body), daemon=True).start()
            elif operation == _INTERRUPT:
                (interrupted,) = struct.unpack_from("=Q", body)
                if interrupted in self._letting_go:
                    self._letting_go[interrupted].set()
            elif operation not in (_FORGET, _BATCH_FORGET):
                self._answer(unique, self._told(operation, node, body))
        for each in list(self._letting_go.values()):
            each.set()

    def _told(self, operation: int, node: int, body: bytes) -> bytes | int:
        if operation == _INIT:
            return struct.pack("=IIIIHHIIHHI28x", 7, 31, 0, 0, 16, 12, 1 << 16, 1, 0, 0, 0)
        if operation == _LOOKUP:
            name = body.partition(b"\0")[0].decode()
            if name not in self._names:
                return errno.ENOENT
            node = self._names.index(name) + 2
            return struct.pack("=QQQQII", node, 0, 0, 0, 0, 0) + _attributes(node)
        if operation == _GETATTR:
            return struct.pack("=QII", 0, 0, 0) + _attributes(node)
        if operation == _OPEN:
            return struct.pack("=QII", 0, 1, 0)  # without the page cache
        return b"" if operation in (_RELEASE, _FLUSH) else errno.ENOSYS

    def _read(self, unique: int, node: int, body: bytes) -> None:
        _, offset = struct.unpack_from("=QQ", body)
        interrupted = False
        if offset == 0:
            name = self._names[node - 2]
            self.readings[name] += 1
            interrupted = self._letting_go[unique].wait(self.seconds[name])
        del self._letting_go[unique]
        if not interrupted:
            self._answer(unique, b"21000\n"[offset:])
        elif self._server.is_alive():
            self._answer(unique, errno.EINTR)

    def _answer(self, unique: int, told: bytes | int) -> None:
        error, data = (-told, b"") if isinstance(told, int) else (0, told)
        with suppress(OSError):  # unmounted, or whoever asked has gone
            os.write(self._fd, _OUT.pack(_OUT.size + len(data), error, unique) + data)


def _attributes(node: int) -> bytes:
    """A folder, or a file of one page, as sysfs says of its files."""
    mode, size = (0o040755, 0) if node == 1 else (0o100444, _PAGE)
    return struct.pack("=QQQ24x12xIIIIIII", node, size, 0, mode, 1, 0, 0, 0, _PAGE, 0)
