"""What clients make the collector hold has a bound, whatever they ask; and it is given back."""

import json
import struct
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from time import monotonic

import psutil
import pytest
from health_wire import CollectorClient
from health_wire.requests import CollectorTimeout

from tests.process.resetting import connect, frame
from tests.running import Running, may_open, start_collector, wait_for

CONNECTIONS = 8
SECONDS = 2.0
MOST = 250e6  # more than before, mostly 80; without a bound it was a gigabyte

ENDLESS = b"\x03" + struct.pack("!Q", 60_000) + bytes(60_000)
HISTORIES = json.dumps(
    {"op": "history", "series": ["system.load.load1"] * 60, "points": 5000}
).encode()
KINDS = {
    "an endless message": ("state", b"DEALER", ENDLESS),
    "an endless message of empty frames": ("state", b"DEALER", b"\x01\x00" * 5000),
    "an endless message to the events": ("events", b"SUB", b"\x01\x00" * 5000),
    "no requests": ("state", b"DEALER", frame(bytes(50_000))),
    "requests": ("state", b"DEALER", (frame(b"", more=True) + frame(b'{"op":"snapshot"}')) * 500),
    "histories": ("state", b"DEALER", (frame(b"", more=True) + frame(HISTORIES)) * 50),
}
GIVEN_BACK = "requests"
pytestmark = pytest.mark.slow


class Flood:
    """Connections on which the same is said again and again, and nothing read.

    Attributes:
        sent: bytes, and `connections` over how many connections.
    """

    def __init__(self, endpoint: str, kind: bytes, said: bytes) -> None:
        self._endpoint, self._kind, self._said = endpoint, kind, said
        self._ended = threading.Event()
        self.sent = self.connections = 0
        self._threads = [threading.Thread(target=self._flood) for _ in range(CONNECTIONS)]
        for thread in self._threads:
            thread.start()

    def _flood(self) -> None:
        while not self._ended.is_set():
            with suppress(OSError), connect(self._endpoint, self._kind) as connection:
                self.connections += 1
                connection.settimeout(1.0)
                while not self._ended.is_set():
                    connection.sendall(self._said)
                    self.sent += len(self._said)

    def stop(self) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()


@contextmanager
def flooding(collector: Running, kind: str) -> Iterator[Flood]:
    at, type_, said = KINDS[kind]
    flood = Flood(collector.ready[at], type_, said)
    try:
        yield flood
    finally:
        flood.stop()


def is_answered(client: CollectorClient) -> bool:
    try:
        return bool(client.request("ping")["ok"])
    except CollectorTimeout:
        return False


@pytest.mark.parametrize("kind", KINDS)
def test_memory_is_bounded_and_given_back(tmp_path: Path, kind: str) -> None:
    with start_collector(tmp_path) as collector:
        process = psutil.Process(collector.pid)
        collector.request("describe")
        before, begun, most = process.memory_info().rss, monotonic(), 0

        def goes_on() -> bool:
            nonlocal most
            most = max(most, process.memory_info().rss)
            return monotonic() - begun > SECONDS

        with flooding(collector, kind) as flood:
            wait_for(goes_on)
        print(
            f"{flood.sent / 1e6:.0f} MB over {flood.connections} connections: "
            f"{before / 1e6:.0f} MB, then at most {most / 1e6:.0f} MB"
        )
        assert flood.connections > CONNECTIONS, "nobody was ended"
        assert most - before < MOST
        with CollectorClient(collector.events, collector.state) as client:
            wait_for(lambda: client.receive(0.1) and client.status == "live")
            wait_for(lambda: is_answered(client))  # what had come before goes first
        if kind == GIVEN_BACK:  # it looks after that twice a minute
            wait_for(lambda: process.memory_info().rss < before * 1.25, "it is kept", 75.0)


def test_masses_of_subscribers_leave_the_others_in_peace(tmp_path: Path) -> None:
    """Each takes memory, and its end a walk through what all of them want to hear."""
    with start_collector(tmp_path) as collector, may_open(3000), ExitStack() as stack:
        for number in range(1700):
            connection = stack.enter_context(connect(collector.events, b"SUB"))
            with suppress(ConnectionError):  # ended already
                connection.sendall(frame(b"\x01" + b"%0120d" % number))
        wait_for(lambda: "there are too many from there" in collector.stderr)
        with CollectorClient(collector.events, collector.state) as client:
            wait_for(lambda: client.receive(0.1) and client.status == "live")
            assert client.request("ping")["ok"]


def test_who_reads_the_replies_may_have_many_under_way(tmp_path: Path) -> None:
    with start_collector(tmp_path) as collector, ExitStack() as stack:
        connection = stack.enter_context(connect(collector.state, b"DEALER"))
        asked = frame(b"", more=True) + frame(b'{"op":"ping"}')
        for _ in range(50):
            connection.sendall(asked * 20)
            heard = b""
            while heard.count(b'"ok":') < 20:
                part = connection.recv(65536)
                assert part, "it was ended"
                heard += part
