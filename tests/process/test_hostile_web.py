"""Strangers who do to the real web process whatever a connection allows; a good one is served on.

What is refused for who asks, and for which name, is in tests/webui/access/test_gate.py.
"""

import random
import resource
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from statistics import median
from time import monotonic
from typing import Any

import psutil
import pytest
from health_webui.connections.limits import MAX_HEAD, MAX_WAITING, REQUEST_SECONDS, SILENT_SECONDS

from tests.running import Running, start_collector, start_webui, wait_for
from tests.webui.asking import HANDSHAKE, UPGRADE, Client, frame

STRANGER, FRIEND = "127.0.0.66", "127.0.0.7"
HOST = b"Host: localhost\r\n"
_PATIENCE_SECONDS = 10.0  # of the good client: other tests keep the machine busy


class Friend:
    """A good client that asks all the while, and remembers how long it waited."""

    def __init__(self, url: str) -> None:
        self._client = Client(url, FRIEND)
        self._ended = threading.Event()
        self.waits: list[float] = []
        self.complaints: list[str] = []
        self._thread = threading.Thread(target=self._ask)

    def _ask(self) -> None:
        while not self.waits or not self._ended.wait(0.05):
            begun = monotonic()
            try:
                answer = self._client.ask("/")
                if answer.status != 200 or b"</html>" not in answer.body:
                    self.complaints.append(f"status {answer.status}")
            except (OSError, AssertionError) as error:
                self.complaints.append(repr(error))
            self.waits.append(monotonic() - begun)

    def __enter__(self) -> "Friend":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        assert self.complaints == []
        assert max(self.waits) < _PATIENCE_SECONDS
        assert median(self.waits) < 1.0


@pytest.fixture(scope="module")
def webui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """It ends cleanly, and has not said a word about all this."""
    path = tmp_path_factory.mktemp("hostile")
    with (
        start_collector(path, transport="ipc") as collector,
        start_webui(path, collector) as webui,
    ):
        client = Client(webui.url)
        wait_for(lambda: b'data-status="stale"' not in client.ask("/").body)
        yield webui
    assert [line for line in webui.stderr.splitlines() if "closing a browser" not in line] == [
        f"ready url={webui.url}"
    ]


@pytest.fixture(autouse=True)
def _served_throughout(webui: Running) -> Iterator[None]:
    with Friend(webui.url):
        yield
    assert webui.process.poll() is None


def connect(webui: Running) -> socket.socket:
    connection = Client(webui.url, STRANGER).connect()
    connection.settimeout(REQUEST_SECONDS + 20)
    return connection


def exchange(webui: Running, sent: bytes) -> bytes:
    """Everything that comes back until the other side ends the connection."""
    with connect(webui) as connection:
        with suppress(OSError):
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
        return read_all(connection)


def read_all(connection: socket.socket) -> bytes:
    found = b""
    with suppress(ConnectionError):
        while part := connection.recv(65536):
            found += part
    return found


def rss(webui: Running) -> int:
    return int(psutil.Process(webui.pid).memory_info().rss)


GARBAGE = {
    "nothing": b"",
    "an empty line": b"\r\n\r\n",
    "noise": bytes(range(256)) * 40,
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/9": b"GET / HTTP/9.9\r\n" + HOST + b"\r\n",
    "HTTP/x": b"GET / HTTP/x.y\r\n" + HOST + b"\r\n",
    "four words": b"GET / x HTTP/1.1\r\n" + HOST + b"\r\n",
    "one word": b"GET\r\n\r\n",
    "an odd method": b"G\x00T / HTTP/1.1\r\n" + HOST + b"\r\n",
    "a long method": b"G" * 7000 + b" / HTTP/1.1\r\n" + HOST + b"\r\n",
    "an endless line": b"GET /" + b"a" * 100_000,
    "a long header": b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"x" * 70_000 + b"\r\n\r\n",
    "long headers": b"GET / HTTP/1.1\r\n" + HOST + (b"X: " + b"x" * 9000 + b"\r\n") * 9 + b"\r\n",
    "many headers": b"GET / HTTP/1.1\r\n" + HOST + b"X: x\r\n" * 3000 + b"\r\n",
    "a header without a colon": b"GET / HTTP/1.1\r\n" + HOST + b"nonsense\r\n\r\n",
    "a header that begins with a blank": b"GET / HTTP/1.1\r\n x: y\r\n" + HOST + b"\r\n",
    "NULs": b"GET /\x00 HTTP/1.1\r\n" + HOST + b"X: \x00\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\n" + HOST + b"Host: evil.example\r\n\r\n",
    "a host in the line": b"GET http://evil.example/ HTTP/1.1\r\n" + HOST + b"\r\n",
    "no path": b"GET ? HTTP/1.1\r\n" + HOST + b"\r\n",
    "a wrong key": b"GET " + HANDSHAKE.encode() + b" HTTP/1.1\r\n" + HOST
    + b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: !\r\n\r\n",
    "a WebSocket of HTTP/1.0": b"GET " + HANDSHAKE.encode() + b" HTTP/1.0\r\n" + HOST
    + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    "an old WebSocket": b"GET " + HANDSHAKE.encode() + b" HTTP/1.1\r\n" + HOST
    + b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 1\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
    "a cookie that is none": b"GET / HTTP/1.1\r\n" + HOST + b'Cookie: a="\\777";;=\xff\r\n\r\n',
    "half a body": b"POST /login HTTP/1.1\r\n" + HOST + b"Content-Length: 100\r\n\r\ntoken=",
    "an odd body": b"POST /login HTTP/1.1\r\n" + HOST + b"Content-Length: 4\r\n"
    b"Content-Type: multipart/form-data; boundary=\xff\r\n\r\n--\xff\n",
    "expect": b"POST /login HTTP/1.1\r\n" + HOST + b"Content-Length: 9\r\n"
    b"Expect: 100-continue\r\n\r\n",
}  # fmt: skip


@pytest.mark.parametrize("sent", GARBAGE.values(), ids=GARBAGE)
def test_garbage_gets_an_error_or_an_end(webui: Running, sent: bytes) -> None:
    answer = exchange(webui, sent)
    status = answer.split(b" ", 2)[1] if answer.startswith(b"HTTP/1.1 ") else b""
    assert not answer or status[:1] in (b"1", b"3", b"4") or sent[:4] == b"GET ", answer[:200]
    assert status[:1] != b"5", answer[:200]
    assert b"evil.example" not in answer


def test_requests_that_were_damaged_on_the_way(webui: Running) -> None:
    """5000 of them, by a seed that is the same each time."""
    chance = random.Random(4)
    whole = [
        b"GET / HTTP/1.1\r\n" + HOST + b"Cookie: health_webui_form=a.b.c\r\n\r\n",
        b"GET /api/v1/hosts/x/history?seconds=9&series=a HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET " + HANDSHAKE.encode() + b" HTTP/1.1\r\n" + HOST
        + "".join(f"{k}: {v}\r\n" for k, v in UPGRADE.items()).encode() + b"\r\n" + frame(b"40"),
        b"POST /login HTTP/1.1\r\n" + HOST + b"Content-Length: 9\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\n\r\ntoken=x&p",
        b"POST /socket.io/?EIO=4&transport=polling&sid=x HTTP/1.1\r\n" + HOST
        + b"Content-Length: 2\r\n\r\n40",
    ]  # fmt: skip
    for _ in range(5000):
        damaged = bytearray(chance.choice(whole))
        for _ in range(chance.randint(1, 8)):
            place = chance.randrange(len(damaged) or 1)
            match chance.randrange(3):
                case 0:
                    damaged[place : place + 1] = chance.randbytes(1)
                case 1:
                    del damaged[place : place + chance.randint(1, 20)]
                case 2:
                    damaged[place:place] = chance.randbytes(chance.randint(1, 20))
        with connect(webui) as connection, suppress(OSError):
            connection.sendall(damaged)
            connection.shutdown(socket.SHUT_WR)
            assert not connection.recv(64).startswith(b"HTTP/1.1 5"), bytes(damaged)


INSIDE = b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n"


@pytest.mark.parametrize(
    "headers",
    [
        b"Content-Length: 0\r\nContent-Length: %d\r\n",
        b"Content-Length: %d\r\nContent-Length: 0\r\n",
        b"Content-Length: %d\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: %d\r\n",
        b"Transfer-Encoding: xchunked\r\nX: %d\r\n",
        b"Content-Length: +%d\r\n",
        b"Content-Length: 0_%d\r\n",
        b"Content-Length: -%d\r\n",
        b"Content-Length: 0x%d\r\n",
    ],
)
def test_no_request_is_smuggled_in_a_body(webui: Running, headers: bytes) -> None:
    for body in (INSIDE, b"0\r\n\r\n" + INSIDE):
        sent = b"POST /login HTTP/1.1\r\n" + HOST + headers % len(INSIDE) + b"\r\n" + body
        answer = exchange(webui, sent)
        assert answer.count(b"HTTP/1.1 ") == 1, answer
        assert answer[9:12] in (b"400", b"413")


def test_requests_one_after_the_other_are_answered_in_order(webui: Running) -> None:
    asked = [b"GET /static/none HTTP/1.1\r\n", b"GET /healthz HTTP/1.1\r\n"] * 20
    sent = b"".join(line + HOST + b"\r\n" for line in asked)
    answer = exchange(webui, sent)
    statuses = [part[:3] for part in answer.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [b"404", b"200"] * 20


def test_a_client_of_http_1_0_is_served(webui: Running) -> None:
    answer = exchange(webui, b"GET /healthz HTTP/1.0\r\n" + HOST + b"\r\n")
    assert answer.endswith(b"ok\n")
    assert b"chunked" not in answer


def established(webui: Running, stranger: str = STRANGER) -> int:
    """Connections from there that the process holds (man 5 proc_net)."""
    port = f":{int(webui.url.rstrip('/').rpartition(':')[2]):04X}"
    other = socket.inet_aton(stranger)[::-1].hex().upper()
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(
        local.endswith(port) and remote.startswith(other) and state in ("01", "08")
        for _, local, remote, state, *_ in lines
    )


def is_open(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return connection.recv(1, socket.MSG_PEEK) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


def test_thousands_of_idle_connections_keep_nobody_out_and_cost_little(webui: Running) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    before = rss(webui)
    with ExitStack() as stack:
        idle = [stack.enter_context(connect(webui)) for _ in range(3000)]
        wait_for(lambda: established(webui) <= MAX_WAITING)
        assert rss(webui) - before < 30e6
        assert is_open(idle[-1]), "the oldest make room"
        assert not is_open(idle[0])
    wait_for(lambda: established(webui) == 0)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_who_takes_too_long_over_a_request_or_says_nothing_is_cut(webui: Running) -> None:
    """Slowloris, with heads and with bodies, and WebSockets that do not answer; all at a time."""
    head = b"GET / HTTP/1.1\r\n" + HOST
    post = b"POST /login HTTP/1.1\r\n" + HOST + b"Content-Length: 9999\r\n\r\n"
    with ExitStack() as stack:
        slow: list[socket.socket] = []
        for begin in (head, post):
            for _ in range(100):
                slow.append(stack.enter_context(connect(webui)))
                slow[-1].sendall(begin)
        silent = [Client(webui.url, STRANGER).open(HANDSHAKE, UPGRADE)[1] for _ in range(100)]
        for number, connection in enumerate(silent):
            stack.enter_context(connection)
            if number % 2:
                connection.sendall(frame(b"40"))
        begun = monotonic()

        def all_cut(connections: list[Any]) -> bool:
            for connection in connections:
                with suppress(OSError):
                    connection.send(b"X")
            return not any(map(is_open, connections))

        pause = threading.Event()
        while not all_cut(slow):
            assert monotonic() - begun < REQUEST_SECONDS + 10
            pause.wait(1.0)
        assert monotonic() - begun > REQUEST_SECONDS - 5, "not before their time"
        wait_for(
            lambda: established(webui) == 0,
            "a silent WebSocket is still there",
            SILENT_SECONDS + 10,
        )


def test_memory_is_back_at_the_end(webui: Running, tmp_path: Path) -> None:
    """After a second round of the worst, no more than after the first."""

    def worst() -> None:
        for name in ("long headers", "many headers", "an endless line", "noise", "half a body"):
            for _ in range(100):
                exchange(webui, GARBAGE[name])
        for _ in range(40):
            client = Client(webui.url, STRANGER)
            _, connection = client.open(HANDSHAKE, UPGRADE)
            with connection, suppress(OSError):
                connection.sendall(frame(b"40") + frame(b'420["follow",null]') * 200)

    worst()
    wait_for(lambda: established(webui) == 0)
    before = rss(webui)
    worst()
    wait_for(lambda: established(webui) == 0)
    assert rss(webui) < 1.1 * before
    assert MAX_HEAD * MAX_WAITING < 20e6, "what all that wait could hold"
