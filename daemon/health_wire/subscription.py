"""A connection to a collector's events, and what becomes of it: man 3 zmq_socket_monitor."""

import itertools
import struct
from collections.abc import Callable
from typing import Any

import zmq

from health_wire.keys import ClientKeys
from health_wire.unread import Unread

CONNECT_SECONDS = 2.0
_MAX_FRAME_BYTES = 16 * 1024 * 1024
_MAX_EVENT_BYTES = 2 * 1024 * 1024  # so that one of somewhat more than is allowed can be told
_monitored = (
    zmq.EVENT_CONNECTED
    | zmq.EVENT_DISCONNECTED
    | zmq.EVENT_HANDSHAKE_SUCCEEDED
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
)
# Asked first: an attempt in vain raises, which costs as much as reading an event. As plain numbers:
# arithmetic with an enumeration runs a page of Python.
_EVENTS, _POLLIN = int(zmq.EVENTS), int(zmq.POLLIN)
_serial = itertools.count()
_INVITE = "`health-collectord invite` there makes a new invitation"
_NO_KEYS = "the collector takes no keys: follow its endpoints without an invitation"
_NOT_ALLOWED = f"the collector does not allow this key: {_INVITE}"
# Why it does not let a client in that has no keys, and one that has some.
REFUSALS: dict[int, tuple[str, str]] = {
    zmq.EVENT_HANDSHAKE_FAILED_AUTH: (_NOT_ALLOWED, _NOT_ALLOWED),
    zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL: (f"the collector asks for keys: {_INVITE}", _NO_KEYS),
}
# The same where handshakes end without a word: whether it answers one without keys.
ENDED = {False: f"the collector has a new key: {_INVITE}", True: _NO_KEYS}


def survive_resets(socket: zmq.Socket[bytes]) -> None:
    """Keeps the other side from ending this process by resetting its connection.

    libzmq stops reading a connection while the socket's queue for it is full. One that is reset
    meanwhile is dead, but libzmq goes on with what it has of it, and ends the process (``Assertion
    failed: !_io_error`` in stream_engine_base.cpp) as soon as it would write to it: for a
    heartbeat (ZMQ_HEARTBEAT_IVL), or for an answer to a PING of the other side's, whatever is set
    here. Where heartbeats go unanswered meanwhile it ends on ``_input_stopped`` instead. So in
    4.3.4, 4.3.5 and the repository's head of July 2026 (its issues 3937, 4364, 4767).

    Hence there are no heartbeats, and no bound for the queue, so that reading never stops. What
    bounds memory has to be something else: a full queue would not do it either, since the frames
    of a message that does not end do not count.
    """
    socket.setsockopt(zmq.HEARTBEAT_IVL, 0)
    socket.setsockopt(zmq.RCVHWM, 0)


def connect(
    context: zmq.Context[Any],
    kind: int,
    endpoint: str,
    keys: ClientKeys | None,
    *,
    patience: float = CONNECT_SECONDS,
    again: bool = True,
    prepare: Callable[[zmq.Socket[bytes]], None] = lambda _: None,
) -> zmq.Socket[bytes]:
    """A socket with the link settings that PROTOCOL.md gives.

    Args:
        patience: seconds after which a connection that does not come about is tried anew.
        again: whether libzmq tries again by itself.
        prepare: called with the socket before it is connected.

    Raises:
        ValueError: the endpoint is not one.
    """
    socket: zmq.Socket[bytes] = context.socket(kind)
    socket.linger = 0
    survive_resets(socket)
    socket.setsockopt(zmq.CONNECT_TIMEOUT, int(patience * 1000))
    socket.setsockopt(zmq.RECONNECT_IVL, 100 if again else -1)
    socket.setsockopt(zmq.MAXMSGSIZE, _MAX_FRAME_BYTES)
    socket.setsockopt(zmq.IPV6, 1)  # as well as IPv4
    if keys is not None:
        keys.apply(socket)
    prepare(socket)
    try:
        socket.connect(endpoint)
    except zmq.ZMQError as error:
        socket.close()
        raise ValueError(f"cannot connect to {endpoint!r}: {error.strerror}") from None
    return socket


class Subscription:
    """Everything that a collector publishes from now on. Arguments and errors as for `connect`.

    Attributes:
        connected: whether the two have shaken hands, as far as `changes` has told.
        unread: how much has come that `receive` has not given.
    """

    def __init__(
        self,
        context: zmq.Context[Any],
        endpoint: str,
        keys: ClientKeys | None,
        *,
        patience: float = CONNECT_SECONDS,
        again: bool = True,
    ) -> None:
        self.connected = False
        self.unread = Unread()
        where = f"inproc://health-wire-{next(_serial)}"
        self._monitor: zmq.Socket[bytes] = context.socket(zmq.PAIR)
        self._monitor.linger = 0
        self._monitor.setsockopt(zmq.RCVHWM, 0)  # a full one would block the I/O thread for ever

        def prepare(socket: zmq.Socket[bytes]) -> None:
            socket.setsockopt(zmq.MAXMSGSIZE, _MAX_EVENT_BYTES)
            socket.setsockopt(zmq.SUBSCRIBE, b"")
            socket.monitor(where, _monitored)
            self._monitor.connect(where)

        try:
            self._socket = connect(
                context, zmq.SUB, endpoint, keys, patience=patience, again=again, prepare=prepare
            )
        except ValueError:
            self._monitor.close()
            raise

    @property
    def closed(self) -> bool:
        return self._socket.closed

    def close(self) -> None:
        if not self._socket.closed:
            self._socket.disable_monitor()
            self._socket.close()
            self._monitor.close()

    def wait(self, seconds: float) -> None:
        """Until there is something to receive, or, with no connection, a change of that."""
        milliseconds = int(seconds * 1000)
        if self.connected or self._socket.poll(0):
            self._socket.poll(milliseconds)
        else:
            self._monitor.poll(milliseconds)

    def receive(self) -> list[bytes] | None:
        """The frames of the next message; None where none has come."""
        if not _has_come(self._socket):
            return None
        frames = self._socket.recv_multipart(zmq.NOBLOCK)
        self.unread.take(sum(map(len, frames)))
        return frames

    def changes(self) -> list[int]:
        """What became of the connection since it was asked before: ``zmq.EVENT_*``, in order."""
        found: list[int] = []
        while _has_come(self._monitor):
            event, value = struct.unpack_from("=HI", self._monitor.recv_multipart(zmq.NOBLOCK)[0])
            if event == zmq.EVENT_CONNECTED:
                self.unread.open(value)
                continue
            if event == zmq.EVENT_DISCONNECTED:
                self.unread.close()
            self.connected = event == zmq.EVENT_HANDSHAKE_SUCCEEDED
            found.append(event)
        return found


def _has_come(socket: zmq.Socket[bytes]) -> bool:
    return bool(int(socket.getsockopt(_EVENTS)) & _POLLIN)
