"""One request, where nobody takes it."""

from typing import Any

import pytest
import zmq
from health_wire.keys import KeyPair
from health_wire.requests import CollectorTimeout, ask

from tests.running import wait_for


class LateSocket(zmq.Socket[bytes]):
    """Has been turned away by the time that something is sent, as on a busy machine."""

    def connect(self, address: str) -> Any:
        done = super().connect(address)
        if self.type == zmq.DEALER:
            wait_for(lambda: not self.poll(0, zmq.POLLOUT), "it was let in", 60.0)
        return done


class LateContext(zmq.Context[LateSocket]):
    _socket_class = LateSocket


def test_one_that_was_turned_away_before_it_asked_does_not_wait_for_ever() -> None:
    pair = KeyPair.generate()
    with LateContext() as context, context.socket(zmq.ROUTER) as router:
        router.linger = 0
        router.curve_server = True
        router.curve_secretkey = pair.secret.encode()
        port = router.bind_to_random_port("tcp://127.0.0.1")
        with pytest.raises(CollectorTimeout, match="takes no request"):
            ask(context, f"tcp://127.0.0.1:{port}", None, 5.0, op="ping")  # type: ignore[arg-type]
