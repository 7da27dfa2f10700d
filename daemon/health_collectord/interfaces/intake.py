"""A bound for what comes in over each connection, by the kernel's own count."""

import ctypes
import logging
import os
import socket
import stat
import struct
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

_log = logging.getLogger(__name__)
_FDS = "/proc/self/fd"  # man 5 proc_pid_fd
_INFO_BYTES = 136  # struct tcp_info in linux/tcp.h, up to and with tcpi_bytes_received
_RECEIVED = struct.Struct("=128xQ")
_UNSPECIFIED = bytes(16)  # struct sockaddr with sa_family AF_UNSPEC
_LOG_SECONDS = 10.0
_REST = 10  # times as long as a look took


@dataclass(slots=True, frozen=True)
class Measure:
    """`burst` bytes at once, and `rate` bytes a second for as long as it likes."""

    burst: int
    rate: int


# A subscriber says what it wants to hear. A request has 64 KiB at most, and mostly 50 bytes.
EVENTS = Measure(64 << 10, 1 << 10)
STATE = Measure(256 << 10, 128 << 10)


class Intake:
    """Ends TCP connections that bring more than their measure.

    libzmq has no bound for that which could be used: its queues may not be bounded (see
    `health_wire.subscription.survive_resets`), the frames of a message never are, and a byte can
    become thirty in its memory, or in a PUB's tree of topics. Nor can it end one connection; the
    kernel can.

    Args:
        measures: gives the measure of each local TCP port.
    """

    def __init__(
        self,
        measures: Callable[[], Mapping[int, Measure]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._measures = measures
        self._clock = clock
        self._levels: dict[object, tuple[float, int]] = {}
        self._log_at = self._next = float("-inf")
        self._looked = clock()

    def look(self) -> None:
        """Looks at every connection; but where there are thousands, only now and then.

        One that has come since the last look may have come right after it.
        """
        now, measures = self._clock(), self._measures()
        if now < self._next:
            return
        worked = time.thread_time()
        before, self._levels = self._levels, {}
        since, self._looked = now - self._looked, now
        for port, peer, received, connection in _connections(measures):
            measure = measures[port]
            left, then = before.get(peer, (measure.burst, 0))
            left += since * measure.rate - (received - then)
            self._levels[peer] = min(left, measure.burst), received
            if left < 0:
                _abort(connection)
                self._tell(peer, now)
        self._next = now + _REST * (time.thread_time() - worked)

    def _tell(self, peer: tuple[object, ...], now: float) -> None:
        if now >= self._log_at:
            self._log_at = now + _LOG_SECONDS
            _log.warning("ended a connection of %s: it sends too much", peer[0])


def _connections(
    ports: Mapping[int, object],
) -> Iterator[tuple[int, tuple[object, ...], int, socket.socket]]:
    """Local port, peer, bytes received, and the connection while it is the iterator's turn."""
    for name in os.listdir(_FDS):
        try:
            if not stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                continue
            # A descriptor of its own: what is looked at is what is ended, even if libzmq closes
            # its descriptor meanwhile and gets the same number for another.
            with socket.socket(fileno=os.dup(int(name))) as connection:
                if connection.family not in (socket.AF_INET, socket.AF_INET6):
                    continue
                port = connection.getsockname()[1]
                if port in ports:
                    peer = connection.getpeername()
                    info = connection.getsockopt(socket.SOL_TCP, socket.TCP_INFO, _INFO_BYTES)
                    yield port, peer, _RECEIVED.unpack(info)[0], connection
        except (OSError, struct.error):
            continue  # closed meanwhile, not connected, or an old kernel


def _abort(connection: socket.socket) -> None:
    """Ends it at once: man 2 connect, AF_UNSPEC.

    What a `shutdown` ends goes on for as long as the other side sends more quickly than libzmq
    reads: what has come is read first.
    """
    ctypes.CDLL(None).connect(connection.fileno(), _UNSPECIFIED, len(_UNSPECIFIED))


def port_of(endpoint: str) -> int | None:
    """Of a bound endpoint; None where it is no TCP port."""
    scheme, _, rest = endpoint.partition("://")
    return int(rest.rpartition(":")[2]) if scheme == "tcp" else None
