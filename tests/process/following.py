"""Real WebSocket clients that follow a host and note what they are told."""

import json
import socket
from contextlib import suppress
from threading import Thread
from time import monotonic
from typing import Any

from tests.running import Running, wait_for
from tests.webui.asking import HANDSHAKE, UPGRADE, Client, frame


def follow(webui: Running, key: str, source: str) -> socket.socket:
    """A WebSocket that follows the host."""
    head, connection = Client(webui.url, source).open(HANDSHAKE, UPGRADE)
    assert head.status == 101
    connection.sendall(frame(b"40") + frame(f'420["follow","{key}"]'.encode()))
    return connection


class Reader(Thread):
    """A good client: reads all, answers pings, and keeps the frames and counts the snapshots.

    Attributes:
        at: when each frame came, monotonic seconds.
    """

    def __init__(self, connection: socket.socket) -> None:
        super().__init__()
        self.frames: list[dict[str, Any]] = []
        self.at: list[float] = []
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
                self.frames.append(json.loads(text[2:])[1])
                self.at.append(monotonic())

    def stop(self) -> None:
        self._connection.shutdown(socket.SHUT_RDWR)
        self.join()
        self._file.close()


def key_of(webui: Running, host: str) -> str:
    """The key of the one host of that id, once it has been seen."""

    def found() -> str | None:
        hosts = json.loads(Client(webui.url).ask("/api/v1/hosts").body)["hosts"]
        return next((h["key"] for h in hosts if h["id"] == host), None)

    return str(wait_for(found))
