"""Whoever speaks to a process, stops reading, and resets the connection: by hand, byte by byte.

With PINGs in between, as any peer may send: rfc.zeromq.org/spec/37. The other side answers each,
if only it still can.
"""

import json
import selectors
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from tests.process.hostile import GREETING, _ready

MANY = 1500  # messages: more than libzmq lets wait by itself, and little enough for the kernel
PING = b"\x04\x07\x04PING\x00\x00"
_BLOCKED_SECONDS = 0.02


def frame(body: bytes, *, more: bool = False) -> bytes:
    if len(body) < 256:
        return bytes([more, len(body)]) + body
    return bytes([2 | more]) + struct.pack("!Q", len(body)) + body


def subscriptions(pause: bytes) -> bytes:
    """To as many topics, with `pause` after each."""
    return b"".join(frame(b"\x01%d" % n) + pause for n in range(MANY))


def requests(pause: bytes, **request: Any) -> bytes:
    asked = frame(b"", more=True) + frame(json.dumps(request).encode())
    return (asked + pause) * MANY


EVENT = [
    b"system.updated",
    b'{"v":1,"host":"pi","epoch":"%b","seq":1,"time":"2026-01-01T12:00:00.000Z",' % (b"0" * 32)
    + b'"name":"system.updated","data":{}}',
]


def events(pause: bytes) -> bytes:
    return (frame(EVENT[0], more=True) + frame(EVENT[1]) + pause) * MANY * 3


def replies(pause: bytes) -> bytes:
    """To one request, as many."""
    busy = b'{"ok":false,"v":1,"error":"busy","message":"later"}'
    return (frame(b"", more=True) + frame(busy) + pause) * MANY


def shake_hands(connection: socket.socket, kind: bytes) -> None:
    """As a socket of that kind, without keys."""
    connection.settimeout(10.0)
    connection.sendall(GREETING + _ready(kind))
    heard = b""
    while b"READY" not in heard:
        part = connection.recv(1000)
        if not part:
            raise ConnectionError
        heard += part


def connect(endpoint: str, kind: bytes) -> socket.socket:
    """A connection that has shaken hands.

    Raises:
        OSError: it did not come about.
    """
    host, port = endpoint.removeprefix("tcp://").split(":")
    connection = socket.create_connection((host, int(port)), 10)
    try:
        shake_hands(connection, kind)
    except OSError:
        connection.close()
        raise
    return connection


def strike(connections: list[socket.socket], said: bytes) -> None:
    """Says it on each until the other side takes no more, and reads nothing."""
    left = {connection: memoryview(said) for connection in connections}
    while left:
        for connection in list(left):
            connection.settimeout(_BLOCKED_SECONDS / len(left))
            try:
                left[connection] = left[connection][connection.send(left[connection]) :]
            except (TimeoutError, ConnectionError):
                del left[connection]
                continue
            if not left[connection]:
                del left[connection]


def reset(connection: socket.socket) -> None:
    """Not an end, but an RST: man 7 socket, SO_LINGER."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


class Striking:
    """An endpoint that strikes whoever connects.

    Attributes:
        resets: how many connections it has reset.
    """

    def __init__(self, kind: bytes, said: bytes) -> None:
        self._kind, self._said = kind, said
        self.resets = 0
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.endpoint = "tcp://{}:{}".format(*self._listening.getsockname())
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        with suppress(OSError):  # it was closed
            while True:
                connection, _ = self._listening.accept()
                try:
                    shake_hands(connection, self._kind)
                    strike([connection], self._said)
                    self.resets += 1
                except OSError:
                    pass  # the other side was quicker
                reset(connection)

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listening.close()


class Relay:
    """Passes on what is said between those who connect and `endpoint`, until it resets both."""

    def __init__(self, endpoint: str) -> None:
        host, port = endpoint.removeprefix("tcp://").split(":")
        self._there = host, int(port)
        self.resets = 0
        self.passed = 0  # bytes, since the last reset
        self._pairs: dict[socket.socket, socket.socket] = {}
        self._lock = threading.Lock()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.endpoint = "tcp://{}:{}".format(*self._listening.getsockname())
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listening, selectors.EVENT_READ)
        self._ended = False
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while not self._ended:
            for key, _ in self._selector.select(0.02):
                with self._lock:
                    self._take(key.fileobj)

    def _take(self, ready: Any) -> None:
        if ready is self._listening:
            near, _ = self._listening.accept()
            try:
                far = socket.create_connection(self._there, 5)
            except ConnectionError:  # it shuts all out just now
                reset(near)
                return
            for one, other in ((near, far), (far, near)):
                one.settimeout(_BLOCKED_SECONDS)
                self._pairs[one] = other
                self._selector.register(one, selectors.EVENT_READ)
        elif ready in self._pairs:
            try:
                part = ready.recv(65536)
                self._pairs[ready].sendall(part)
                self.passed += len(part)
            except OSError:
                part = b""  # one of them is gone, or takes no more
            if not part:
                self._cut(ready)

    def _cut(self, one: socket.socket) -> None:
        for end in (one, self._pairs[one]):
            del self._pairs[end]
            self._selector.unregister(end)
            reset(end)
        self.resets += 1

    def reset(self) -> None:
        with self._lock:
            self.passed = 0
            while self._pairs:
                self._cut(next(iter(self._pairs)))

    def close(self) -> None:
        self._ended = True
        self._thread.join()
        self.reset()
        self._selector.close()
        self._listening.close()


@contextmanager
def closed(*made: Striking | Relay) -> Iterator[None]:
    try:
        yield
    finally:
        for one in made:
            one.close()
