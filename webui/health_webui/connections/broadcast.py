"""One message to everybody in a room: encoded once, and written at once where it can be.

Left to Flask-SocketIO, each browser's own greenlet wakes to encode and send it, and older versions
of python-socketio make its JSON once for each; at a thousand browsers that is most of the work. A
browser that does not take it at once gets it through its queue as ever, in the same order.
"""

import json
from typing import Any

import gevent
from flask_socketio import SocketIO
from gevent.lock import BoundedSemaphore
from geventwebsocket.websocket import Header, WebSocket  # type: ignore[import-untyped]


class Outlet:
    """Writes whole frames to a WebSocket's connection, one after the other."""

    def __init__(self, connection: Any, *, encrypted: bool) -> None:
        self._connection = connection
        self._plain = None if encrypted else connection._sock  # gevent's own, which never waits
        self._turn = BoundedSemaphore()
        self._writing = 0  # who has the turn, and who waits for it

    def write(self, frame: bytes) -> None:
        """Waits until it is sent.

        Raises:
            OSError: the connection has ended.
        """
        self._writing += 1
        try:
            with self._turn:
                self._connection.sendall(frame)
        finally:
            self._writing -= 1

    def offer(self, frame: bytes) -> bool:
        """Sends without waiting, or does nothing and says so."""
        if self._writing or self._plain is None:
            return False
        try:
            sent: int = self._plain.send(frame)
        except OSError:
            return False
        if sent < len(frame):
            self._writing += 1
            self._turn.acquire()
            gevent.spawn(self._finish, frame[sent:])
        return True

    def _finish(self, rest: bytes) -> None:
        try:
            self._connection.sendall(rest)
        except OSError:  # the engine finds out by itself
            return
        finally:
            self._turn.release()
            self._writing -= 1


class Broadcast:
    """Sends Socket.IO events to rooms of the default namespace."""

    def __init__(self, sockets: SocketIO) -> None:
        server: Any = sockets.server  # type: ignore[attr-defined]
        self._manager = server.manager
        self._engine = server.eio

    def __call__(self, name: str, message: dict[str, Any], room: str) -> None:
        if room not in self._manager.rooms.get("/", ()):  # nobody is there
            return
        # Socket.IO's event is 2, within Engine.IO's message, which is 4.
        text = f"2{json.dumps([name, message], separators=(',', ':'))}"
        payload = f"4{text}".encode()
        head = Header.encode_header(True, WebSocket.OPCODE_TEXT, b"", len(payload), 0)
        frame = bytes(head) + payload
        for _, sid in list(self._manager.get_participants("/", room)):
            client = self._engine.sockets.get(sid)
            if client is None or client.closed:
                continue
            outlet = getattr(client, "outlet", None)
            if outlet is None or not client.queue.empty() or not outlet.offer(frame):
                self._engine.send(sid, text)
