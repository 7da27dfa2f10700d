"""Open connections, and an end to those that keep us waiting.

gevent's server waits for ever for a request's next byte, and for an answer to be taken. Here every
connection has a deadline, and there are only so many that have yet to ask for something: the
oldest of them makes room for a new one, so that strangers who connect and say nothing keep
nobody out.
"""

import resource
import socket
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import gevent
from gevent.pool import Pool
from gevent.pywsgi import WSGIServer

MAX_CONNECTIONS = 3000
MAX_WAITING = 512
MAX_HEAD = 32 * 1024
REQUEST_SECONDS = 20.0  # until a whole request has come, or the next one on a kept connection
ANSWER_SECONDS = 60.0
SILENT_SECONDS = 30.0  # of a WebSocket: a browser says something every ten


class Connections:
    """What each connection is at, and until when it may be. A connection is a WSGIHandler."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._deadlines: dict[Any, float] = {}
        self._waiting: OrderedDict[Any, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._deadlines)

    def wait(self, connection: Any) -> None:
        """It may send a request."""
        self._deadlines[connection] = self._clock() + REQUEST_SECONDS
        self._waiting[connection] = None
        if len(self._waiting) > MAX_WAITING:
            oldest, _ = self._waiting.popitem(last=False)
            cut(oldest.socket)

    def answer(self, connection: Any) -> None:
        """Its request has come."""
        self._waiting.pop(connection, None)
        self._deadlines[connection] = self._clock() + ANSWER_SECONDS

    def hear(self, connection: Any) -> None:
        """Its WebSocket has said something."""
        self._deadlines[connection] = self._clock() + SILENT_SECONDS

    def forget(self, connection: Any) -> None:
        """It has ended."""
        self._waiting.pop(connection, None)
        self._deadlines.pop(connection, None)

    def cut_late(self) -> None:
        """Ends every connection whose time is over."""
        now = self._clock()
        for connection in [c for c, deadline in self._deadlines.items() if deadline < now]:
            cut(connection.socket)

    def watch(self, interval: float = 1.0) -> None:
        """Looks once per `interval` seconds, for ever."""
        while True:
            gevent.sleep(interval)
            self.cut_late()


def cut(connection: Any) -> None:
    """Ends a connection: whoever is blocked reading or writing it wakes as if the other had gone.

    Not by gevent's own method: that of a TLS socket takes away what its reader is using.
    """
    with suppress(OSError):  # it has ended already
        getattr(connection, "_sock", connection).shutdown(socket.SHUT_RDWR)


class Head:
    """A request's head as it is read, up to a length; gevent bounds only lines and their number."""

    def __init__(self, rfile: Any) -> None:
        self._rfile = rfile
        self._left = MAX_HEAD

    def readline(self, limit: int = -1) -> bytes:
        line: bytes = self._rfile.readline(limit)
        self._left -= len(line)
        if self._left < 0:
            raise ValueError("the head is too long")
        return line


class Server(WSGIServer):
    """gevent's server, with as many connections as there are files to have open, and no log."""

    def __init__(self, listener: Any, application: Any, **options: Any) -> None:
        options |= {"spawn": Pool(_room()), "log": None, "error_log": None}
        super().__init__(listener, application, **options)

    def wrap_socket_and_handle(self, connection: Any, address: Any) -> None:
        """With TLS. That the handshake fails, as it does for strangers, is worth no traceback."""
        server: Any = self
        try:
            with gevent.Timeout(REQUEST_SECONDS):
                encrypted = server.wrap_socket(connection, **server.ssl_args)
        except (OSError, gevent.Timeout):
            return
        try:
            server.handle(encrypted, address)
        finally:
            encrypted.close()


def _room() -> int:
    """Connections to have at once, once the limit on open files is as high as we may set it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_CONNECTIONS + 5000  # files, and at most eight for each collector
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft < wanted:
        with suppress(OSError):  # a sandbox may forbid it
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
    return max(min(MAX_CONNECTIONS, soft - 200), 50)
