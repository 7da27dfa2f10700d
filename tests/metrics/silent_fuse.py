"""A mounted FUSE file system whose server reads no request: whoever asks it waits for ever."""

import ctypes
import os
from pathlib import Path

_MNT_DETACH = 2
_libc = ctypes.CDLL(None, use_errno=True)


class SilentFuse:
    """Mounted until closed.

    Raises:
        OSError: not root, or no ``/dev/fuse``.
    """

    def __init__(self, point: Path) -> None:
        self.point = point
        self._fd = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
        options = f"fd={self._fd},rootmode=40000,user_id={os.getuid()},group_id={os.getgid()}"
        point.mkdir()
        mounted = _libc.mount(
            b"silent", os.fsencode(point), b"fuse.silent", 0, ctypes.c_char_p(options.encode())
        )
        if mounted != 0:
            number = ctypes.get_errno()
            os.close(self._fd)
            raise OSError(number, os.strerror(number))

    def close(self) -> None:
        """Detach it, and let go of everyone who waits: without a server they get an error."""
        if self._fd >= 0:
            _libc.umount2(os.fsencode(self.point), _MNT_DETACH)
            os.close(self._fd)
            self._fd = -1
