"""ZeroMQ sockets that yield to gevent, as many as there are collectors.

The poller of ``zmq.green`` waits in ``select``, which raises for descriptors from 1024 on: that
many are open with about 200 collectors. And a context has 1023 sockets unless more are asked for:
following a collector takes three, with a request under way six, since monitors count twice.
"""

import select
import time
from typing import Any

import gevent.select
import zmq
import zmq.green

# ZeroMQ's descriptor tells of changes only, and libzmq's threads take some of them: look again.
_LOOK_SECONDS = 1.0
MAX_SOCKETS = 8192  # 16 bytes each, whether they are there or not


class Socket(zmq.green.Socket):  # type: ignore[type-arg]  # not generic at run time
    def poll(self, timeout: int | None = None, flags: int = zmq.POLLIN) -> int:
        """The events among `flags` that hold, 0 after `timeout` milliseconds; None is for ever."""
        deadline = float("inf") if timeout is None or timeout < 0 else timeout / 1000
        deadline += time.monotonic()
        descriptor = gevent.select.poll()
        descriptor.register(int(self.getsockopt(zmq.FD)), select.POLLIN)
        while not (events := int(self.getsockopt(zmq.EVENTS)) & flags):
            left = deadline - time.monotonic()
            if left <= 0:
                return 0
            descriptor.poll(min(left, _LOOK_SECONDS) * 1000)
        return events


class Context(zmq.green.Context):  # type: ignore[type-arg]
    """As ``zmq.green.Context``, with these sockets."""

    _socket_class = Socket

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.set(zmq.MAX_SOCKETS, MAX_SOCKETS)
