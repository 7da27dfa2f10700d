"""Frames arrive whole and in order, however little a connection takes."""

import json
import socket
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import gevent
import gevent.socket
import pytest
from gevent.queue import Queue
from health_webui.connections.broadcast import Broadcast, Outlet

SIZE = 1000


@pytest.fixture
def pair() -> Iterator[tuple[Any, Any]]:
    """Two connected sockets with little room between them."""
    ours, theirs = gevent.socket.socketpair()
    for end in (ours, theirs):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    yield ours, theirs
    ours.close()
    theirs.close()


def numbered(number: int) -> bytes:
    return b"%04d" % number * (SIZE // 4)


def read_frames(connection: Any, count: int) -> list[bytes]:
    data = b""
    while len(data) < count * SIZE:
        data += connection.recv(65536)
    return [data[i * SIZE : (i + 1) * SIZE] for i in range(count)]


def test_what_can_be_sent_without_waiting_is(pair: tuple[Any, Any]) -> None:
    outlet = Outlet(pair[0], encrypted=False)
    assert outlet.offer(numbered(1))
    assert read_frames(pair[1], 1) == [numbered(1)]


def test_what_is_sent_in_part_is_finished_before_anything_else(pair: tuple[Any, Any]) -> None:
    outlet = Outlet(pair[0], encrypted=False)
    big = numbered(1) * 1000
    assert outlet.offer(big), "in part"
    assert not outlet.offer(numbered(2)), "the first is not through"
    waiting = [gevent.spawn(outlet.write, numbered(3 + n)) for n in range(3)]
    gevent.sleep(0)
    assert not outlet.offer(numbered(9)), "others wait"
    expected = [numbered(1)] * 1000 + [numbered(3), numbered(4), numbered(5)]
    assert read_frames(pair[1], 1003) == expected
    gevent.joinall(waiting, timeout=5)
    assert outlet.offer(numbered(9))
    assert read_frames(pair[1], 1) == [numbered(9)]


def test_a_full_connection_takes_nothing_and_nobody_waits(pair: tuple[Any, Any]) -> None:
    outlet = Outlet(pair[0], encrypted=False)
    taken = 0
    while outlet.offer(numbered(taken)):
        taken += 1
    assert 0 < taken < 10_000
    assert read_frames(pair[1], taken) == [numbered(n) for n in range(taken)]


def test_an_ended_connection_takes_nothing(pair: tuple[Any, Any]) -> None:
    outlet = Outlet(pair[0], encrypted=False)
    assert outlet.offer(numbered(1) * 1000)
    pair[1].close()
    gevent.sleep(0.01)
    assert not outlet.offer(numbered(1))
    with pytest.raises(BrokenPipeError):
        outlet.write(numbered(1))


def test_an_encrypted_connection_is_the_engines(pair: tuple[Any, Any]) -> None:
    assert not Outlet(pair[0], encrypted=True).offer(numbered(1))


class Engine:
    """Clients by their sid, and what was queued for them."""

    def __init__(self) -> None:
        self.sockets: dict[str, Any] = {}
        self.queued: list[tuple[str, str]] = []

    def send(self, sid: str, text: str) -> None:
        self.queued.append((sid, text))


def test_a_room_gets_it_at_once_or_through_the_queue(pair: tuple[Any, Any]) -> None:
    engine = Engine()
    outlet = Outlet(pair[0], encrypted=False)

    def client(**members: Any) -> Any:
        return SimpleNamespace(**{"closed": False, "queue": Queue()} | members)

    behind = client(outlet=outlet)
    behind.queue.put("something older")
    engine.sockets = {
        "websocket": client(outlet=outlet),
        "polling": client(),
        "behind": behind,
        "closed": client(closed=True, outlet=outlet),
    }
    rooms = {"a": [(f"s-{sid}", sid) for sid in (*engine.sockets, "gone")]}
    manager = SimpleNamespace(get_participants=lambda _, room: iter(rooms[room]), rooms={})
    broadcast = Broadcast(SimpleNamespace(server=SimpleNamespace(manager=manager, eio=engine)))  # type: ignore[arg-type]
    broadcast("frame", {"n": 0}, "a")  # nobody has ever been there
    manager.rooms["/"] = rooms
    broadcast("frame", {"n": 1, "text": "ü"}, "a")
    broadcast("frame", {"n": 2}, "nobody")
    text = '2["frame",{"n":1,"text":"\\u00fc"}]'
    assert engine.queued == [("polling", text), ("behind", text)]
    frame = pair[1].recv(4096)
    assert (frame[0], frame[1]) == (0x81, len(frame) - 2)
    assert frame[2:].decode() == f"4{text}"
    assert json.loads(frame[4:]) == ["frame", {"n": 1, "text": "ü"}]
