"""What a connection has brought that nobody has taken: libzmq's queues count messages, not bytes.

A message of many frames waits there until its last one, however long that takes, and no bound of
libzmq's counts it; the kernel counts the bytes of a TCP connection (man 7 tcp, TCP_INFO).
"""

import os
import socket
import struct

_OFTEN_BYTES = 64 * 1024  # looking costs as much as reading an event
# struct tcp_info of linux/tcp.h: tcpi_bytes_received, since Linux 4.1.
_RECEIVED = struct.Struct("@128xQ")


class Unread:
    """Of one connection at a time."""

    def __init__(self) -> None:
        self._descriptor = -1
        self._names: object = None
        self._taken = 0
        self._since = 0  # of that, since it was last set right

    def open(self, descriptor: int) -> None:
        """There is another connection, libzmq says, with that descriptor (EVENT_CONNECTED)."""
        self._descriptor, self._taken, self._since = descriptor, 0, 0
        self._names, _ = _look(descriptor)

    def close(self) -> None:
        self._descriptor = -1

    def take(self, size: int) -> None:
        """A whole message of that many bytes was taken."""
        self._taken += size
        self._since += size

    def drain(self) -> None:
        """There was no whole message left: but for one that has begun, all has been taken.

        Now and then that sets right what frames and encryption add to messages.
        """
        if self._since >= _OFTEN_BYTES:  # with nothing taken it may be one that does not end
            self._taken, self._since = self.received(), 0

    def received(self) -> int:
        """Bytes that have come by this connection; 0 where it is none of TCP."""
        names, received = _look(self._descriptor)
        # libzmq may have closed it, and something else may have its descriptor by now.
        return received if names == self._names else 0

    def __int__(self) -> int:
        return max(self.received() - self._taken, 0)


def _look(descriptor: int) -> tuple[object, int]:
    """The two ends of a connection, and how many bytes it has brought."""
    if descriptor < 0:
        return None, 0
    try:
        with socket.socket(fileno=os.dup(descriptor)) as copy:
            names = copy.getsockname(), copy.getpeername()
            info = copy.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _RECEIVED.size)
    except OSError:  # gone, or a Unix socket
        return None, 0
    return names, _RECEIVED.unpack(info)[0] if len(info) == _RECEIVED.size else 0
