"""One request to a collector's state endpoint, and the frame that it answers with."""

from typing import Any

import zmq

from health_wire import protocol
from health_wire.door import Violation
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
        Violation: what came has not the frames of a reply.
    """
    socket = connect(context, zmq.DEALER, endpoint, keys, prepare=_for_one_reply)
    try:
        socket.send_multipart([b"", protocol.encode(request)])
        if not socket.poll(int(seconds * 1000)):
            raise CollectorTimeout(f"{endpoint} did not answer within {seconds:g} s")
        delimiter, *rest = socket.recv_multipart()
    finally:
        socket.close()
    if delimiter or len(rest) != 1:
        raise Violation(f"a reply has an empty frame and one more, not {1 + len(rest)}")
    return rest[0]


def _for_one_reply(socket: zmq.Socket[bytes]) -> None:
    """A REQ would skip what is no reply, without end; the DEALER gives it, and is closed then.

    So the queue may be bounded: a connection that was stopped (see `survive_resets`) goes on only
    when half of the bound has been taken.
    """
    socket.setsockopt(zmq.RCVHWM, 4)


def answers(context: zmq.Context[Any], endpoint: str, seconds: float) -> bool:
    """Whether a collector answers a client that has no keys."""
    try:
        ask(context, endpoint, None, seconds, op="ping")
    except CollectorTimeout:
        return False
    except Violation:
        pass
    return True
