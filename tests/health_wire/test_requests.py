"""One request, where nobody takes it."""

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import zmq
from health_wire.requests import CollectorTimeout, ask

from tests.running import wait_for

# A client without keys gives a connection up for good when it reads this. A real socket with keys
# may have reset the connection before that, and then the client only tries again.
WITH_KEYS = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"CURVE".ljust(20, b"\0") + b"\x01" + bytes(31)


class LateSocket(zmq.Socket[bytes]):
    """Has been turned away by the time that something is sent, as on a busy machine."""

    def connect(self, address: str) -> Any:
        done = super().connect(address)
        if self.type == zmq.DEALER:
            wait_for(lambda: not self.poll(0, zmq.POLLOUT), "it was let in")
        return done


class LateContext(zmq.Context[LateSocket]):
    _socket_class = LateSocket


@pytest.fixture
def endpoint() -> Iterator[str]:
    """Turns the one client away that comes."""
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor() as beside:

        def greet() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(WITH_KEYS)
                while connection.recv(4096):
                    pass  # until the client has gone

        done = beside.submit(greet)
        yield f"tcp://127.0.0.1:{listener.getsockname()[1]}"
        done.result(10)


def test_one_that_was_turned_away_before_it_asked_does_not_wait_for_ever(endpoint: str) -> None:
    with LateContext() as context, pytest.raises(CollectorTimeout, match="takes no request"):
        ask(context, endpoint, None, 5.0, op="ping")  # type: ignore[arg-type]
