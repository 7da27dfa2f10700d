"""`CollectorClient` where it is not let in, and what it says that was lost."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq
from health_collectord.interfaces.access import Gate, KeyFiles
from health_wire import ClientKeys, CollectorClient, Gap
from health_wire.keys import KeyPair

from tests.health_wire.test_client import OLD, TIME, ScriptedCollector
from tests.running import wait_for

pytestmark = pytest.mark.slow

CLIENT = KeyPair.generate()


@pytest.fixture
def files(tmp_path: Path) -> KeyFiles:
    return KeyFiles(tmp_path / "keys")


class Guarded:
    """A PUB and a ROUTER that ask for keys; who is let in is told a snapshot."""

    def __init__(self, files: KeyFiles) -> None:
        self.context = zmq.Context()
        self.gate = Gate(files, everywhere=True)
        self.pub, self.router = self.context.socket(zmq.PUB), self.context.socket(zmq.ROUTER)
        for socket in (self.pub, self.router):
            socket.linger = 0
            self.gate.guard(socket)
            socket.bind("tcp://127.0.0.1:0")
        self.events, self.state = (
            s.getsockopt_string(zmq.LAST_ENDPOINT).rstrip("\0") for s in (self.pub, self.router)
        )
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        assert self.gate.socket is not None
        poller = zmq.Poller()
        poller.register(self.gate.socket, zmq.POLLIN)
        poller.register(self.router, zmq.POLLIN)
        while not self._ending.is_set():
            waiting = dict(poller.poll(20))
            if self.gate.socket in waiting:
                self.gate.answer()
            if self.router in waiting:
                client, _, _ = self.router.recv_multipart()
                reply = (
                    f'{{"ok":true,"host":"pi","epoch":"e","seq":1,"time":"{TIME}","state":{{}}}}'
                )
                self.router.send_multipart([client, b"", reply.encode()])
        self.gate.close()

    def close(self) -> None:
        self._ending.set()
        self._thread.join()
        self.pub.close()
        self.router.close()
        self.context.term()


@pytest.fixture
def guarded(files: KeyFiles) -> Iterator[Guarded]:
    guarded = Guarded(files)
    yield guarded
    guarded.close()


def refusal(client: CollectorClient, within: float = 10.0) -> str:
    def told() -> str | None:
        client.receive(0.05)
        return client.refusal

    return str(wait_for(told, "it was not refused", within))


def test_a_key_that_is_not_allowed_is_said_until_it_is(files: KeyFiles, guarded: Guarded) -> None:
    keys = ClientKeys(files.server().public, CLIENT.public, CLIENT.secret)
    with CollectorClient(guarded.events, guarded.state, keys=keys) as client:
        assert refusal(client) == (
            "the collector does not allow this key: "
            "`health-collectord invite` there makes a new invitation"
        )
        assert client.status == "connecting"
        files.allow("web", CLIENT.public)
        wait_for(lambda: client.receive(0.05) and client.status == "live")
        assert client.refusal is None


def test_a_collector_with_another_key_is_told(files: KeyFiles, guarded: Guarded) -> None:
    files.allow("web", CLIENT.public)
    keys = ClientKeys(KeyPair.generate().public, CLIENT.public, CLIENT.secret)
    with CollectorClient(guarded.events, guarded.state, keys=keys) as client:
        assert refusal(client).startswith("the collector has a new key: `health-collectord invite")


def test_a_client_without_keys_is_told_that_it_needs_some(guarded: Guarded) -> None:
    with CollectorClient(guarded.events, guarded.state, timeout=0.2) as client:
        assert refusal(client).startswith("the collector asks for keys: `health-collectord inv")


def test_a_client_with_keys_is_told_that_none_are_taken(collector: ScriptedCollector) -> None:
    keys = ClientKeys(KeyPair.generate().public, CLIENT.public, CLIENT.secret)
    with CollectorClient(collector.events, collector.state, keys=keys, timeout=0.2) as client:
        assert refusal(client) == (
            "the collector takes no keys: follow its endpoints without an invitation"
        )


def test_a_loss_over_a_broken_link_is_the_links(collector: ScriptedCollector) -> None:
    with CollectorClient(collector.events, collector.state) as client:
        wait_for(lambda: client.receive(0.05) and client.status == "live")
        collector.wait_subscribed()
        collector.say(0)
        wait_for(lambda: client.receive(0.05) and client.seq == 1)
        endpoint = collector.events
        collector.pub.unbind(endpoint)
        collector.pub.close()
        collector.pub = collector.context.socket(zmq.XPUB)
        collector.pub.linger = 0
        for value in (1, 2, 3):
            collector.happen(value)
        wait_for(lambda: _bound(collector.pub, endpoint))
        found: list[object] = []

        def subscribed() -> bool:
            found.extend(client.receive(0.02))
            return bool(collector.pub.poll(10))

        wait_for(subscribed)
        collector.say(4)

        def told() -> object:
            found.extend(client.receive(0.05))
            return next((u for u in found if isinstance(u, Gap)), None)

        assert wait_for(told) == Gap(OLD, 2, 5, "link")


def _bound(socket: zmq.Socket[bytes], endpoint: str) -> bool:
    try:
        socket.bind(endpoint)
    except zmq.ZMQError:
        return False
    return True
