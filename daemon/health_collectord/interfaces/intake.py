"""Bounds for connections: how many, and what comes in over each, by the kernel's own count."""

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


_Peer = tuple[object, ...]  # its address, its port, and what else the family has


@dataclass(slots=True, frozen=True)
class Measure:
    """What the connections of an endpoint may bring.

    Attributes:
        burst: bytes over one of them at once.
        rate: bytes a second over one, for as long as it likes.
        connections: how many may be open.
    """

    burst: int
    rate: int
    connections: int = 256


# A subscriber says what it wants to hear. A request has 64 KiB at most, and mostly 50 bytes.
EVENTS = Measure(64 << 10, 1 << 10)
STATE = Measure(256 << 10, 128 << 10)


class Intake:
    """Ends TCP connections that bring more than their measure, and those that are too many.

    libzmq has no bound for that which could be used: its queues may not be bounded (see
    `health_wire.subscription.survive_resets`), the frames of a message never are, and a byte can
    become thirty in its memory, or in a PUB's tree of topics; a connection takes some 40 kB, and
    its end a walk through what all others have subscribed to. Nor can it end one connection; the
    kernel can.

    Where there are too many, those of the address that has most go: the newcomers first, and of
    those who have brought the most.

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
        held: dict[int, list[tuple[bool, int, _Peer]]] = {}
        ended = False
        for port, peer, received, connection in _connections(measures):
            measure = measures[port]
            held.setdefault(port, []).append((peer not in before, received, peer))
            left, then = before.get(peer, (measure.burst, 0))
            left += since * measure.rate - (received - then)
            self._levels[peer] = min(left, measure.burst), received
            if left < 0:
                _abort(connection)
                self._tell(peer, now)
                ended = True
        if surplus := {
            p for port, rows in held.items() for p in _surplus(rows, measures[port].connections)
        }:
            for _, peer, _, connection in _connections(measures):
                if peer in surplus:
                    _abort(connection)
                    ended = True
                    self._tell(peer, now, "there are too many from there")
        # A look that has ended some is soon followed by the next: more may be coming.
        self._next = now + (1 if ended else _REST) * (time.thread_time() - worked)

    def _tell(self, peer: _Peer, now: float, why: str = "it sends too much") -> None:
        if now >= self._log_at:
            self._log_at = now + _LOG_SECONDS
            _log.warning("ended a connection of %s: %s", peer[0], why)


def _surplus(rows: list[tuple[bool, int, _Peer]], most: int) -> Iterator[_Peer]:
    """Whom to end so that `most` stay; rows are whether it is a newcomer, its bytes, and who."""
    count = len(rows)
    if count <= most:
        return
    addresses: dict[object, list[_Peer]] = {}
    for _, _, peer in sorted(rows, key=lambda row: row[:2]):
        addresses.setdefault(peer[0], []).append(peer)
    while count > most:
        largest = max(addresses.values(), key=len)
        for _ in range(min(count - most, (len(largest) + 1) // 2)):
            count -= 1
            yield largest.pop()


def _connections(
    ports: Mapping[int, object],
) -> Iterator[tuple[int, _Peer, int, socket.socket]]:
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
