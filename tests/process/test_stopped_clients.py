"""Browsers that stop reading cost a bound, are closed, and keep nothing from the others."""

import json
import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import Any

import psutil
from health_webui.guard import MAX_QUEUED

from tests.process.loud import LoudCollector
from tests.running import Running, start_webui, wait_for
from tests.webui.asking import HANDSHAKE, UPGRADE, Client, frame

SIZE, HERTZ = 30_000, 40.0
STOPPED = 20


def follow(webui: Running, key: str, source: str) -> socket.socket:
    """A WebSocket that follows the host."""
    head, connection = Client(webui.url, source).open(HANDSHAKE, UPGRADE)
    assert head.status == 101
    connection.sendall(frame(b"40") + frame(f'420["follow","{key}"]'.encode()))
    return connection


class Reader(Thread):
    """A good client: reads all, answers pings, and notes the numbers that came in frames."""

    def __init__(self, connection: socket.socket) -> None:
        super().__init__()
        self.numbers: list[int] = []
        self.snapshots = 0
        self._connection = connection
        self._file = connection.makefile("rb")
        self.start()

    def run(self) -> None:
        with suppress(ConnectionError):  # at the latest when the test ends it
            self._read()

    def _read(self) -> None:
        while head := self._file.read(2):
            size = head[1]
            if size == 126:
                size = int.from_bytes(self._file.read(2), "big")
            elif size == 127:
                size = int.from_bytes(self._file.read(8), "big")
            text = self._file.read(size)
            if text == b"2":
                self._connection.sendall(frame(b"3"))
            elif text.startswith(b"430"):
                self.snapshots += 1
            elif text.startswith(b'42["frame"'):
                self.note(json.loads(text[2:])[1])

    def note(self, told: dict[str, Any]) -> None:
        for path, data, *_ in told["events"]:
            if path == "bulk":
                self.numbers.append(int(data[:8]))

    def stop(self) -> None:
        self._connection.shutdown(socket.SHUT_RDWR)
        self.join()
        self._file.close()


@contextmanager
def loud() -> Iterator[LoudCollector]:
    collector = LoudCollector(SIZE, HERTZ)
    try:
        yield collector
    finally:
        collector.close()


def test_who_stops_reading_is_closed_and_costs_no_more_than_a_bound(tmp_path: Path) -> None:
    with loud() as collector, start_webui(tmp_path, collector) as webui, ExitStack() as stack:  # type: ignore[arg-type]
        collector.wait_subscribed()
        client = Client(webui.url)
        wait_for(lambda: b'"id":"loud"' in client.ask("/api/v1/hosts").body)
        key = json.loads(client.ask("/api/v1/hosts").body)["hosts"][0]["key"]
        good = Reader(stack.enter_context(follow(webui, key, "127.0.0.7")))
        stack.callback(good.stop)
        wait_for(lambda: good.snapshots)
        collector.start()
        wait_for(lambda: len(good.numbers) > 40)
        process = psutil.Process(webui.pid)
        before, most = process.memory_info().rss, 0
        for _ in range(STOPPED):
            stack.enter_context(follow(webui, key, "127.0.0.66"))

        def closed() -> int:
            nonlocal most
            most = max(most, process.memory_info().rss)
            return len(re.findall(r"closing a browser", webui.stderr)) == STOPPED

        wait_for(closed, "not all were closed", 60)
        # A frame is shared by all the queues that it waits in.
        assert most - before < 2 * MAX_QUEUED * SIZE + STOPPED * 400_000
        waiting = [int(n) for n in re.findall(r"that has (\d+) messages waiting", webui.stderr)]
        assert max(waiting) < MAX_QUEUED + 3 * HERTZ, "within a second or so of the bound"
        then = len(good.numbers)
        wait_for(lambda: len(good.numbers) > then + 20)
        assert good.numbers == sorted(set(good.numbers)), "in order, none twice"
        missed = good.numbers[-1] - good.numbers[0] + 1 - len(good.numbers)
        assert missed <= len(good.numbers) // 4, "but for what one frame gathers"
        again = Reader(stack.enter_context(follow(webui, key, "127.0.0.66")))
        stack.callback(again.stop)
        wait_for(lambda: again.snapshots and again.numbers, "who comes back is served")
        wait_for(lambda: process.memory_info().rss - before < 15e6, "memory is not given back")
