"""Deadlines and room, with a clock that is set by hand. As a process: tests/process/."""

import io
import socket
from types import SimpleNamespace
from typing import Any

import pytest
from health_webui.connections import limits as connections
from health_webui.connections.limits import Connections, Head, cut


class Scene:
    def __init__(self) -> None:
        self.now = 0.0
        self.connections = Connections(lambda: self.now)
        self.ends: list[socket.socket] = []

    def connect(self) -> Any:
        ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        self.ends += [ours, theirs]
        connection = SimpleNamespace(socket=ours, other=theirs)
        # One handler is told from another by what it is, not by what it holds.
        handler = type("Handler", (), vars(connection))()
        self.connections.wait(handler)
        return handler

    def at(self, now: float) -> None:
        self.now = now
        self.connections.cut_late()


@pytest.fixture
def scene() -> Any:
    made = Scene()
    yield made
    for end in made.ends:
        end.close()


def is_open(connection: Any) -> bool:
    try:
        return bool(connection.other.recv(1) != b"")
    except BlockingIOError:
        return True


def test_a_request_has_to_come_in_time(scene: Scene) -> None:
    slow, quick = scene.connect(), scene.connect()
    scene.connections.answer(quick)
    scene.at(connections.REQUEST_SECONDS + 1)
    assert not is_open(slow)
    assert is_open(quick)


def test_an_answer_has_to_be_taken_in_time(scene: Scene) -> None:
    deaf = scene.connect()
    scene.connections.answer(deaf)
    scene.at(connections.ANSWER_SECONDS - 1)
    assert is_open(deaf)
    scene.at(connections.ANSWER_SECONDS + 1)
    assert not is_open(deaf)


def test_a_websocket_stays_as_long_as_it_says_something(scene: Scene) -> None:
    talking, silent = scene.connect(), scene.connect()
    for connection in (talking, silent):
        scene.connections.answer(connection)
        scene.connections.hear(connection)
    for second in range(0, 600, 10):
        scene.at(second)
        scene.connections.hear(talking)
    assert is_open(talking)
    assert not is_open(silent)


def test_the_oldest_that_waits_makes_room(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MAX_WAITING", 3)
    busy = scene.connect()
    scene.connections.answer(busy)
    waiting = [scene.connect() for _ in range(4)]
    assert [is_open(connection) for connection in waiting] == [False, True, True, True]
    assert is_open(busy)
    scene.connections.answer(waiting[1])
    scene.connections.wait(waiting[1])
    scene.connect()
    assert is_open(waiting[1]), "it is the oldest no more"
    assert not is_open(waiting[2])


def test_what_has_ended_is_forgotten(scene: Scene) -> None:
    ended = scene.connect()
    scene.connections.forget(ended)
    assert len(scene.connections) == 0
    scene.at(1e6)
    assert is_open(ended)
    ended.socket.close()
    cut(ended.socket)


def test_a_head_has_a_length() -> None:
    head = Head(io.BytesIO(b"X: 1\r\n" * 100_000))
    for _ in range(connections.MAX_HEAD // 6):
        assert head.readline(65537) == b"X: 1\r\n"
    with pytest.raises(ValueError, match="too long"):
        head.readline(65537)
