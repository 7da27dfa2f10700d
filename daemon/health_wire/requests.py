"""One request to a collector's state endpoint, and the frame that it answers with."""

import itertools
import struct
import time
from collections.abc import Callable
from typing import Any

import zmq

from health_wire import door, protocol
from health_wire.door import Violation
from health_wire.keys import ClientKeys
from health_wire.subscription import connect
from health_wire.unread import Unread

_LOOK_SECONDS = 0.05  # while that lasts, whatever comes is taken in
_HEADS = 64 * 1024  # what goes with a reply, at the most
_serial = itertools.count()


class CollectorTimeout(TimeoutError):
    """The collector did not answer a request in time."""


def ask(
    context: zmq.Context[Any],
    endpoint: str,
    keys: ClientKeys | None,
    seconds: float,
    most: Callable[[], int] = lambda: door.MAX_REPLY_BYTES,
    /,
    **request: Any,
) -> bytes:
    """The reply's frame, unread: `door.answer` reads it.

    Raises:
        CollectorTimeout: none came in time.
        Violation: what came has not the frames of a reply, or more than `most` bytes.
    """
    with context.socket(zmq.PAIR) as monitor:
        monitor.linger = 0

        def prepare(socket: zmq.Socket[bytes]) -> None:
            # A REQ would skip what is no reply, without end; the DEALER gives it, and is closed
            # then. So the queue may be bounded: a connection that was stopped (see
            # `survive_resets`) goes on only when half of the bound has been taken.
            socket.setsockopt(zmq.RCVHWM, 4)
            socket.setsockopt(zmq.MAXMSGSIZE, most() + 1)  # so that the door can say it in words
            where = f"inproc://health-wire-request-{next(_serial)}"
            socket.monitor(where, zmq.EVENT_CONNECTED)
            monitor.connect(where)

        socket = connect(context, zmq.DEALER, endpoint, keys, prepare=prepare)
        try:
            try:
                socket.send_multipart([b"", protocol.encode(request)], zmq.NOBLOCK)
            except zmq.Again:
                # Turned away already, and libzmq has given the connection up: it would never end.
                raise CollectorTimeout(f"{endpoint} takes no request") from None
            _wait(socket, monitor, endpoint, seconds, most)
            delimiter, *rest = socket.recv_multipart()
        finally:
            socket.disable_monitor()
            socket.close()
    if delimiter or len(rest) != 1:
        raise Violation(f"a reply has an empty frame and one more, not {1 + len(rest)}")
    return rest[0]


def _wait(
    socket: zmq.Socket[bytes],
    monitor: zmq.Socket[bytes],
    endpoint: str,
    seconds: float,
    most: Callable[[], int],
) -> None:
    """Until there is a reply, but not while ever more of one comes."""
    unread, deadline = Unread(), time.monotonic() + seconds
    while not socket.poll(int(min(seconds, _LOOK_SECONDS) * 1000)):
        while monitor.poll(0):
            unread.open(struct.unpack_from("=HI", monitor.recv_multipart()[0])[1])
        if int(unread) > most() + _HEADS:
            raise Violation(f"a reply of more than {most()} bytes")
        if time.monotonic() >= deadline:
            raise CollectorTimeout(f"{endpoint} did not answer within {seconds:g} s")


def answers(context: zmq.Context[Any], endpoint: str, seconds: float) -> bool:
    """Whether a collector answers a client that has no keys."""
    try:
        ask(context, endpoint, None, seconds, op="ping")
    except CollectorTimeout:
        return False
    except Violation:
        pass
    return True
