"""Connections as they are served: bounded in what they send, and judged before it is read.

gevent-websocket answers 101 before the application is asked, on any path, and takes frames of any
length. What browsers say here is short, so a longer frame ends the connection, and so does a
message in several.
"""

import logging
import re
from http.client import HTTPException
from io import BytesIO
from typing import Any

from gevent.pywsgi import WSGIHandler
from geventwebsocket.exceptions import ProtocolError  # type: ignore[import-untyped]
from geventwebsocket.handler import WebSocketHandler  # type: ignore[import-untyped]
from geventwebsocket.websocket import Stream, WebSocket  # type: ignore[import-untyped]

from health_webui.access.gate import MAX_BODY, Access
from health_webui.connections.broadcast import Outlet
from health_webui.connections.limits import Connections, Head

_LOG = logging.getLogger(__name__)
_LOG.setLevel(logging.ERROR)  # of what strangers send wrongly there is no end
_LENGTH = re.compile("[0-9]{1,12}")
_KEY = re.compile("[A-Za-z0-9+/]{22}==")


class _Unread:
    """Stands in for a body that is not wanted: gevent would read it to its end."""

    def _discard(self) -> None: ...


class _ShortMessages(WebSocket):  # type: ignore[misc]
    __slots__ = ()

    def read_frame(self) -> Any:
        header, payload = super().read_frame()
        if not header.fin:
            raise ProtocolError("a message in several frames")
        return header, payload


def _is_handshake(environ: dict[str, Any]) -> bool:
    """Whether it is one as RFC 6455 has it, where there is a WebSocket to be had.

    gevent-websocket's own answers to what is not one are texts where bytes should be.
    """
    return (
        environ["PATH_INFO"] == "/socket.io/"
        and environ["REQUEST_METHOD"] == "GET"
        and environ["SERVER_PROTOCOL"] == "HTTP/1.1"
        and environ.get("HTTP_UPGRADE", "").lower() == "websocket"
        and "upgrade" in environ.get("HTTP_CONNECTION", "").lower()
        and environ.get("HTTP_SEC_WEBSOCKET_VERSION") == "13"
        and _KEY.fullmatch(environ.get("HTTP_SEC_WEBSOCKET_KEY", "")) is not None
    )


def handler_for(access: Access, connections: Connections) -> type[Any]:
    """The class that serves a connection."""

    class Handler(WebSocketHandler):  # type: ignore[misc]
        logger = _LOG
        rfile: Any
        wsgi_input: Any

        def handle(self) -> None:
            try:
                super().handle()
            except OSError:  # it has gone before it was told what was wrong
                _LOG.debug("gone", exc_info=True)
            finally:
                connections.forget(self)

        def read_requestline(self) -> str:
            connections.wait(self)
            line: str = super().read_requestline()
            return line

        def read_request(self, line: str) -> bool:
            connection, self.rfile = self.rfile, Head(self.rfile)
            try:
                read: bool = super().read_request(line)
            except (HTTPException, IndexError, OSError) as error:  # else there is a traceback
                raise ValueError(str(error)) from None
            finally:
                self.rfile = connection
            lengths = self.headers.get_all("content-length", [])
            if len(lengths) > 1 or not all(_LENGTH.fullmatch(n) for n in lengths):
                raise ValueError("its length is not clear")  # and so is where the next one begins
            return read

        def run_application(self) -> None:
            refused = access.check(self.environ) is not None
            if refused:
                self.close_connection = True
                self.wsgi_input = _Unread()
            elif not self._read_body():
                return
            connections.answer(self)
            if not refused and _is_handshake(self.environ):
                super().run_application()
            else:
                WSGIHandler.run_application(self)

        def _read_body(self) -> bool:
            """The whole body, which is short, while there is a deadline for it; false without."""
            if not self.content_length:
                return True
            try:
                body = self.wsgi_input.read()
            except OSError:
                body = b""
            self.environ["wsgi.input"] = BytesIO(body)
            whole: bool = len(body) == self.content_length
            self.close_connection |= not whole
            return whole

        def upgrade_connection(self) -> Any:
            answer = super().upgrade_connection()
            if "wsgi.websocket" in self.environ:
                self.environ[
                    "wsgi.websocket"
                ].closed = True  # else it says good-bye when thrown away
                stream = Stream(self)
                read = stream.read

                def read_bounded(length: int) -> bytes:
                    if length > MAX_BODY:  # a frame's length is announced, not yet here
                        raise ProtocolError(f"a frame of {length} bytes")
                    data: bytes = read(length)
                    connections.hear(self)
                    return data

                self.outlet = Outlet(self.socket, encrypted=hasattr(self.socket, "cipher"))
                stream.read, stream.write = read_bounded, self.outlet.write
                connections.hear(self)
                self.websocket = _ShortMessages(self.environ, stream, self)
                self.environ["wsgi.websocket"] = self.websocket
            return answer

    return Handler
