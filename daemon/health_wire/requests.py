"""One request to a collector's state endpoint, and the frame that it answers with."""

from typing import Any

import zmq

from health_wire import protocol
from health_wire.keys import ClientKeys
from health_wire.subscription import connect


class CollectorTimeout(TimeoutError):
    """The collector did not answer a request in time."""


def ask(
    context: zmq.Context[Any],
    endpoint: str,
    keys: ClientKeys | None,
    seconds: float,
    /,
    **request: Any,
) -> bytes:
    """The reply's frame, unread: `door.answer` reads it.

    Raises:
        CollectorTimeout: none came in time.
    """
    socket = connect(context, zmq.REQ, endpoint, keys)
    try:
        socket.send(protocol.encode(request))
        if not socket.poll(int(seconds * 1000)):
            raise CollectorTimeout(f"{endpoint} did not answer within {seconds:g} s")
        return socket.recv()
    finally:
        socket.close()


def answers(context: zmq.Context[Any], endpoint: str, seconds: float) -> bool:
    """Whether a collector answers a client that has no keys."""
    try:
        ask(context, endpoint, None, seconds, op="ping")
    except CollectorTimeout:
        return False
    return True
