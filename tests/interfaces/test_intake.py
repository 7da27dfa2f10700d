"""The bound for what comes in over a connection."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest
from health_collectord.interfaces.intake import Intake, Measure, _surplus, port_of

from tests.health_wire.scripted import SettableClock
from tests.running import wait_for

MEASURE = Measure(burst=5_000, rate=100)


class Server:
    """An endpoint with connections that nobody reads unless told to."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._accepted: list[socket.socket] = []
        self._listening = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        self.port = self._listening.getsockname()[1]

    def connect(self) -> socket.socket:
        client = self._stack.enter_context(socket.create_connection(("127.0.0.1", self.port)))
        self._accepted.append(self._stack.enter_context(self._listening.accept()[0]))
        client.settimeout(5.0)
        return client

    def read(self) -> None:
        """What has come: where nobody does, the kernel holds back what comes, and then lets go."""
        for connection in self._accepted:
            with suppress(OSError):
                connection.recv(65536, socket.MSG_DONTWAIT)


@pytest.fixture
def server() -> Iterator[Server]:
    with ExitStack() as stack:
        yield Server(stack)


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def intake(server: Server, clock: SettableClock) -> Intake:
    return Intake(lambda: {server.port: MEASURE}, clock)


def look(intake: Intake, clock: SettableClock, seconds: float = 10.0) -> None:
    clock.now += seconds  # past the rest that a look is followed by
    intake.look()


def is_open(connection: socket.socket) -> bool:
    try:
        connection.settimeout(0.0)
        return connection.recv(1) != b""
    except BlockingIOError:
        return True
    except ConnectionError:
        return False


def test_who_brings_too_much_at_once_is_ended_and_nobody_else(
    server: Server, intake: Intake, clock: SettableClock
) -> None:
    much, little, silent = server.connect(), server.connect(), server.connect()
    much.sendall(bytes(7_000))
    little.sendall(bytes(5_000))
    wait_for(lambda: look(intake, clock, 0.1) or not is_open(much))
    assert is_open(little)
    assert is_open(silent)


def test_who_goes_on_too_long_is_ended_and_who_rests_may_go_on(
    server: Server, intake: Intake, clock: SettableClock
) -> None:
    steady, greedy = server.connect(), server.connect()
    for _ in range(60):
        steady.sendall(bytes(900))
        greedy.sendall(bytes(1_100))
        server.read()
        look(intake, clock)
        if not is_open(greedy):
            break
    assert not is_open(greedy)
    assert is_open(steady)


def test_who_came_since_the_last_look_may_have_come_right_after_it(
    server: Server, intake: Intake, clock: SettableClock
) -> None:
    connection = server.connect()
    connection.sendall(bytes(14_000))
    look(intake, clock, 100.0)
    assert is_open(connection)
    connection.sendall(bytes(6_000))
    wait_for(lambda: look(intake, clock, 1.0) or not is_open(connection))


def test_of_too_many_the_newcomers_go_and_of_those_who_brought_the_most(
    server: Server, clock: SettableClock
) -> None:
    intake = Intake(lambda: {server.port: Measure(5_000, 100, connections=6)}, clock)
    old = [server.connect() for _ in range(4)]
    look(intake, clock)
    new = [server.connect() for _ in range(4)]
    for talkative in new[:2]:
        talkative.sendall(bytes(1_000))
    look(intake, clock)
    wait_for(lambda: [is_open(c) for c in (*old, *new)] == [True] * 4 + [False] * 2 + [True] * 2)


def test_of_too_many_those_of_the_address_that_has_most_go() -> None:
    few = [(True, 10_000, (f"192.0.2.{n}", 1)) for n in range(3)]
    many = [(False, 0, ("198.51.100.1", n)) for n in range(10)]
    ended = set(_surplus([*few, *many], 6))
    assert len(ended) == 7
    assert ended <= {peer for _, _, peer in many}


def test_what_is_elsewhere_is_left_alone(intake: Intake, clock: SettableClock) -> None:
    with ExitStack() as stack:
        other = Server(stack).connect()
        other.sendall(bytes(10_000))
        look(intake, clock)
        assert is_open(other)


def test_who_comes_again_begins_anew(server: Server, intake: Intake, clock: SettableClock) -> None:
    for _ in range(3):
        connection = server.connect()
        connection.sendall(bytes(4_000))
        look(intake, clock)
        assert is_open(connection)
        connection.close()


def test_after_a_look_it_rests(server: Server, intake: Intake, clock: SettableClock) -> None:
    look(intake, clock)
    much = server.connect()
    much.sendall(bytes(6_000))
    intake.look()
    assert is_open(much)


@pytest.mark.parametrize(
    ("endpoint", "port"),
    [("tcp://127.0.0.1:8087", 8087), ("tcp://[::1]:1", 1), ("ipc:///run/x:1", None)],
)
def test_ports(endpoint: str, port: int | None) -> None:
    assert port_of(endpoint) == port
