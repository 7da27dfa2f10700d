"""Connections that are reset while what was said on them waits: neither process ends of it.

libzmq ends a process for less, see `health_wire.subscription.survive_resets`.
"""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
import zmq
from health_wire import CollectorClient, Event, Invitation
from health_wire.keys import KeyPair, make_private_directory, write_private
from health_wire.protocol import HEARTBEAT

from tests.process.resetting import (
    EVENT,
    MANY,
    PING,
    Relay,
    Striking,
    closed,
    connect,
    events,
    replies,
    requests,
    reset,
    strike,
    subscriptions,
)
from tests.process.test_access import invite
from tests.running import Running, start_collector, start_webui, wait_for
from tests.webui.asking import Client

RESETS = 200
AT_A_TIME = 20
HOSTS = 20
INVITED, FULL = 30, 4200  # a follower closes what brings it some 30,000 events in no time
SERIES = ["system.load.load1", "system.cpu.usage.user", "system.memory.usage.used_bytes"] * 21
KEYS = {"HEALTH_COLLECTORD_REQUIRE_KEYS": "true"}
pytestmark = pytest.mark.slow


def test_a_collector_outlives_them(tmp_path: Path) -> None:
    kinds = []
    for pause in (b"", PING):
        kinds += [
            ("events", b"SUB", subscriptions(pause)),
            ("state", b"DEALER", requests(pause, op="ping")),
            ("state", b"DEALER", requests(pause, op="history", series=SERIES)),
        ]
    with start_collector(tmp_path) as collector:
        for at, type_, said in kinds:
            for end in (reset, socket.socket.close):
                ended = 0
                while ended < RESETS:
                    connections = open_(collector.ready[at], type_)
                    strike(connections, said)
                    for connection in connections:
                        end(connection)
                    ended += len(connections)
        goes_on(collector)


def open_(endpoint: str, kind: bytes) -> list[socket.socket]:
    """Connections to it; fewer where it shuts all out just now, which it may."""
    opened = []
    for _ in range(AT_A_TIME):
        with suppress(ConnectionError):
            opened.append(connect(endpoint, kind))
    return opened


def goes_on(collector: Running) -> None:
    """What waits is dealt with at the next event, and what libzmq does each second."""
    beats: list[Event] = []
    with CollectorClient(collector.events, collector.state) as client:

        def two() -> bool:
            for update in client.receive(0.1):
                if isinstance(update, Event) and update.name == HEARTBEAT:
                    beats.append(update)
            return len(beats) >= 2

        wait_for(two, "it says no more", 20.0)
    assert collector.process.poll() is None


@pytest.mark.parametrize("kind", ["subscriptions", "requests"])
def test_a_collector_outlives_those_of_invited_clients(tmp_path: Path, kind: str) -> None:
    with start_collector(tmp_path, env=KEYS) as collector, ExitStack() as stack:
        keys = invite(tmp_path, collector, "web").keys
        relay = Relay(collector.events if kind == "subscriptions" else collector.state)
        stack.enter_context(closed(relay))
        context = stack.enter_context(zmq.Context())
        sockets = [
            stack.enter_context(context.socket(zmq.SUB if kind == "subscriptions" else zmq.DEALER))
            for _ in range(AT_A_TIME)
        ]
        for one in sockets:
            one.linger = 0
            one.set(zmq.HEARTBEAT_IVL, 2)
            one.set(zmq.RCVHWM, 0)
            one.set(zmq.SNDHWM, 0)
            one.set(zmq.RECONNECT_IVL, 1)
            keys.apply(one)
            one.connect(relay.endpoint)
            if kind == "subscriptions":
                for n in range(MANY // 2):
                    one.subscribe(str(n))  # and again with each connection
        while relay.resets < RESETS:
            if kind == "requests":
                for one in sockets:
                    for _ in range(MANY // 2):
                        one.send_multipart([b"", b'{"op":"snapshot"}'])
            wait_for(lambda: relay.passed > AT_A_TIME * 20_000)
            relay.reset()
        with zmq.Context() as other:
            asking = stack.enter_context(other.socket(zmq.DEALER))
            asking.linger = 0
            keys.apply(asking)
            asking.connect(collector.state)
            asking.send_multipart([b"", b'{"op":"describe"}'])
            assert asking.poll(20_000)
            asking.close()
        assert collector.process.poll() is None


@contextmanager
def following(tmp_path: Path, *places: str) -> Iterator[Running]:
    """The web process, following those."""
    args = [part for place in places for part in ("--collector", place)]
    with start_webui(tmp_path, args=(*args, "--data-dir", str(tmp_path / "data"))) as webui:
        yield webui
        assert Client(webui.url).ask("/healthz").status == 200


def test_the_web_process_outlives_those_of_events(tmp_path: Path) -> None:
    """Half of them have PINGs in between. Nobody answers requests: it waits, and reads nothing."""
    hosts = [Striking(b"PUB", events(pause)) for pause in (b"", PING) * (HOSTS // 2)]
    with closed(*hosts), silent(HOSTS) as states:
        places = (f"{e.endpoint},{s}" for e, s in zip(hosts, states, strict=True))
        with following(tmp_path, *places):
            wait_for(lambda: enough(hosts[::2]) and enough(hosts[1::2]), timeout=60.0)


def test_the_web_process_outlives_those_of_replies(tmp_path: Path) -> None:
    hosts = [Striking(b"ROUTER", replies(pause)) for pause in (b"", PING) * HOSTS]
    with closed(*hosts), zmq.Context() as context, context.socket(zmq.PUB) as pub:
        pub.linger = 0
        pub.bind("tcp://127.0.0.1:0")
        endpoint = pub.get_string(zmq.LAST_ENDPOINT).rstrip("\0")
        with following(tmp_path, *(f"{endpoint},{s.endpoint}" for s in hosts)):
            wait_for(lambda: enough(hosts[::2]) and enough(hosts[1::2]), timeout=60.0)


def enough(hosts: list[Striking]) -> bool:
    return sum(host.resets for host in hosts) >= RESETS


@contextmanager
def silent(count: int) -> Iterator[list[str]]:
    """Endpoints that take connections, and say nothing."""
    with ExitStack() as stack:
        made = [
            stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=100))
            for _ in range(count)
        ]
        yield ["tcp://{}:{}".format(*one.getsockname()) for one in made]


def test_the_web_process_outlives_those_of_collectors_that_it_was_invited_to(
    tmp_path: Path,
) -> None:
    client = KeyPair.generate()
    folder = tmp_path / "data" / "collectors"
    make_private_directory(folder)
    with zmq.Context() as context, ExitStack() as stack:
        states = stack.enter_context(silent(INVITED))
        pubs, relays = [], []
        for n, state in enumerate(states):
            server = KeyPair.generate()
            pubs.append(stack.enter_context(publisher(context, server)))
            relays.append(Relay(pubs[-1].get_string(zmq.LAST_ENDPOINT).rstrip("\0")))
            stack.enter_context(closed(relays[-1]))
            invited = Invitation(
                name=f"host{n}", events=relays[-1].endpoint, state=state,
                server_key=server.public, client_secret=client.secret,
            )  # fmt: skip
            write_private(folder / f"host{n}.collector", invited.encode(), replace=False)
        with following(tmp_path):
            wait_for(lambda: all(relay.passed > 1000 for relay in relays), timeout=30.0)
            while sum(relay.resets for relay in relays) < RESETS:
                for pub in pubs:
                    for _ in range(FULL):
                        pub.send_multipart(EVENT)
                wait_for(lambda: any(relay.passed > FULL * 20 for relay in relays), timeout=30.0)
                for relay in relays:
                    relay.reset()
                wait_for(lambda: any(relay.passed > 1000 for relay in relays), timeout=30.0)


@contextmanager
def publisher(
    context: zmq.Context[zmq.Socket[bytes]], keys: KeyPair
) -> Iterator[zmq.Socket[bytes]]:
    """One that takes who comes by its key, and pings all the while."""
    with context.socket(zmq.PUB) as pub:
        pub.linger = 0
        for option in (zmq.RCVHWM, zmq.SNDHWM):
            pub.set(option, 0)
        pub.set(zmq.HEARTBEAT_IVL, 2)
        pub.curve_server = True
        pub.curve_secretkey = keys.secret.encode()
        pub.bind("tcp://127.0.0.1:0")
        yield pub
