"""The grammar of what browsers say, and how often they may."""

import socket
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from health_webui.connections.visitors import BURST, Visitors

from tests.health_wire.scripted import SettableClock
from tests.webui.connections.test_guard import client


class Engine:
    """An engineio server with one connection."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.handlers: dict[str, Any] = {"message": lambda sid, said: self.taken.append(said)}
        self.ours, self.theirs = socket.socketpair()
        self.sockets: dict[str, SimpleNamespace] = {"a": client(0, self.ours)}

    def on(self, event: str, handler: Any) -> None:
        self.handlers[event] = handler

    def hear(self, said: Any) -> bool:
        """Whether the connection is still there afterwards."""
        self.handlers["message"]("a", said)
        return "a" in self.sockets


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def engine(clock: SettableClock) -> Iterator[Engine]:
    made = Engine()
    with made.ours, made.theirs:
        Visitors(made, clock)
        yield made


@pytest.mark.parametrize(
    "said",
    [
        "0", "0{}", "1", '2["follow"]', '2["follow", "a"]', '20["follow",null]',
        '2123456789["follow","0a1b2c3d4e5f"]',
    ],
)  # fmt: skip
def test_what_a_page_says_is_taken(engine: Engine, said: str) -> None:
    assert engine.hear(said)
    assert engine.taken == [said]


@pytest.mark.parametrize(
    "said",
    [
        "", b"", b"x", None, "x", "0x", '0{"a":1}', "0/other,", "2", "2[]", '2["follow",1,2]',
        '2["follow","a","b"]', '2["follow",{}]', '2["follow",[]]', '2["follow",7]', '2["other"]',
        '2["follow","a b"]', '2["follow","' + "a" * 65 + '"]', '2["follow",null]x', '2 ["follow"]',
        '212345678901["follow"]', '2/other,["follow"]', '3["follow"]', "5", '51-["follow",null]',
        '5999-["follow",{"_placeholder":true,"num":0}]', '61-["x"]', '4["error"]', "2[" * 4000,
        '2["follow","\\u0000"]', '2["connect"]', '2["disconnect"]', '2["message","x"]',
    ],
)  # fmt: skip
def test_whatever_else_is_said_ends_the_connection(engine: Engine, said: Any) -> None:
    assert not engine.hear(said)
    assert not engine.taken
    assert engine.theirs.recv(1) == b""


def test_who_asks_again_and_again_is_cut(engine: Engine, clock: SettableClock) -> None:
    for _ in range(BURST):
        assert engine.hear('2["follow",null]')
    clock.now += 2.0
    for _ in range(2):
        assert engine.hear('2["follow",null]')
    assert not engine.hear('2["follow",null]')
    assert len(engine.taken) == BURST + 2


@pytest.mark.parametrize("said", ["0", '2["follow",null]'])
def test_who_has_gone_is_not_heard(engine: Engine, said: str) -> None:
    engine.sockets["a"].closing = True  # its rooms have been left already
    engine.hear(said)
    engine.sockets.clear()
    engine.hear(said)
    assert not engine.taken
