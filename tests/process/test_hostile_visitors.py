"""Hostile browsers on Socket.IO, by WebSocket and by polling: what they say costs them alone."""

import json
import re
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.process.test_hostile_web import Friend
from tests.running import Running, start_collector, start_webui, wait_for
from tests.webui.asking import HANDSHAKE, UPGRADE, Client, frame

pytestmark = pytest.mark.slow

POLLING = "/socket.io/?EIO=4&transport=polling"
FOLLOW = '42["follow",null]'
# Each ends a connection on which it is said once it has connected.
SAID: list[str] = [
    "40x", "40/x,", '40{"token":1}', "40" + "{" * 2000, "42", "42[]", '42["x"]', "42{}",
    '42["follow",1,2,3]', '42["follow","a","b","c"]', '42["follow",{}]', '42["follow",[]]',
    '42["follow",7]', '42["follow",true]', '42["follow",1e999]', '42["follow",NaN]',
    '42["follow","' + "x" * 5000 + '"]', '42["follow","__proto__ "]', '42["follow","<b>"]',
    '42["follow",null', '42["follow"]]', '42 ["follow"]', '42["Follow"]', '42["follow\\u0000"]',
    '42["follow","\\ud800"]', '42["follow","../.."]', '42/x,["follow"]', '4212345678901["follow"]',
    '42-1["follow"]', '42["connect"]', '42["disconnect"]', '42["message"]', '42["error"]',
    '42["frame",{}]', '42["snapshot",{}]', '42["fleet",{}]', "43", "43[]", '430["x"]', '44"x"',
    "45", '451-["follow",{"_placeholder":true,"num":0}]', '45999999-["follow"]', "451-", "46",
    '461-["x"]', "47", "48", "49", "4", "4\x00", "4é", "42" + "[" * 4000, '42["follow",' * 200,
]  # fmt: skip


@pytest.fixture(scope="module")
def webui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    path = tmp_path_factory.mktemp("visitors")
    with (
        start_collector(path, transport="ipc") as collector,
        start_webui(path, collector) as webui,
    ):
        client = Client(webui.url)
        wait_for(lambda: b'data-status="stale"' not in client.ask("/").body)
        with Friend(webui.url):
            yield webui
        assert webui.process.poll() is None
    assert webui.stderr.splitlines() == [f"ready url={webui.url}"], "of strangers it says nothing"


def ends(connection: socket.socket) -> bool:
    """Whether the other side ends it, before its own patience does."""
    connection.settimeout(10)
    with suppress(ConnectionError):
        while connection.recv(65536):
            pass
    return True


def opened(webui: Running) -> socket.socket:
    _, connection = Client(webui.url, "127.0.0.9").open(HANDSHAKE, UPGRADE)
    connection.sendall(frame(b"40"))
    return connection


@pytest.mark.parametrize("said", SAID, ids=lambda said: said[:30])
def test_by_websocket(webui: Running, said: str) -> None:
    with opened(webui) as connection:
        connection.sendall(frame(said.encode()))
        assert ends(connection)


def polled(client: Client) -> str:
    """A session by polling, connected; its address."""
    found = re.search(rb'"sid":"([^"]+)"', client.ask(POLLING).body)
    assert found
    address = f"{POLLING}&sid={found[1].decode()}"
    assert client.ask(address, TEXT, "POST", "40").body == b"OK"
    return address


TEXT = {"Content-Type": "text/plain;charset=UTF-8"}


@pytest.mark.parametrize("said", SAID, ids=lambda said: said[:30])
def test_by_polling(webui: Running, said: str) -> None:
    client = Client(webui.url, "127.0.0.9")
    address = polled(client)
    assert client.ask(address, TEXT, "POST", said.encode().decode("latin-1")).status in (200, 400)
    assert client.ask(address, TEXT, "POST", FOLLOW).status == 400, "it is not known any more"


def test_a_binary_frame_ends_a_connection(webui: Running) -> None:
    with opened(webui) as connection:
        connection.sendall(frame(b"x" * 100, opcode=0x82))
        assert ends(connection)


@pytest.mark.parametrize("opcode", [0x83, 0x87, 0x8B, 0x8F, 0x01, 0x80, 0xC1])
def test_a_frame_that_is_none_ends_a_connection(webui: Running, opcode: int) -> None:
    with opened(webui) as connection:
        connection.sendall(frame(FOLLOW.encode(), opcode=opcode))
        assert ends(connection)


def test_who_follows_in_a_loop_is_cut(webui: Running) -> None:
    for _ in range(10):
        with opened(webui) as connection, suppress(OSError):
            connection.sendall(frame(b'420["follow",null]') * 500)
            assert ends(connection)


def test_whoever_follows_another_follows_the_first_no_more(webui: Running) -> None:
    client = Client(webui.url)
    (host,) = json.loads(client.ask("/api/v1/hosts").body)["hosts"]
    address = polled(client)
    for said in (f'420["follow","{host["key"]}"]', '421["follow",null]'):
        assert client.ask(address, TEXT, "POST", said).body == b"OK"

    def heard() -> str:
        return client.ask(address).body.decode()

    wait_for(lambda: '"fleet"' in heard())
    for _ in range(3):
        assert '["frame"' not in heard()


def test_its_memory_is_bounded_and_given_back(webui: Running, tmp_path: Path) -> None:
    def rss() -> int:
        text = Path(f"/proc/{webui.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+)", text)
        assert found
        return int(found[1])

    def flood() -> None:
        connections = [opened(webui) for _ in range(30)]
        for connection in connections:
            with suppress(OSError):
                connection.sendall(frame(b'420["follow",null]') * 2000)
        for connection in connections:
            with connection:
                assert ends(connection)

    flood()
    before = rss()
    flood()
    assert rss() < before + 10_000
