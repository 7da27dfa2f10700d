"""WebSocket connections: judged before they are made, and bounded in what they send.

gevent-websocket answers 101 before the application is asked, on any path, and takes frames of any
length. What browsers say here is short, so a longer frame ends the connection, and so does a
message in several.
"""

from collections.abc import Callable
from typing import Any

from gevent.pywsgi import WSGIHandler
from geventwebsocket.exceptions import ProtocolError  # type: ignore[import-untyped]
from geventwebsocket.handler import WebSocketHandler  # type: ignore[import-untyped]
from geventwebsocket.websocket import Stream, WebSocket  # type: ignore[import-untyped]

from health_webui.access import MAX_BODY, Access


def _bounded(read: Callable[[int], bytes]) -> Callable[[int], bytes]:
    def read_bounded(length: int) -> bytes:
        if length > MAX_BODY:
            raise ProtocolError(f"a frame of {length} bytes")
        return read(length)

    return read_bounded


class _ShortMessages(WebSocket):  # type: ignore[misc]
    __slots__ = ()

    def read_frame(self) -> Any:
        header, payload = super().read_frame()
        if not header.fin:
            raise ProtocolError("a message in several frames")
        return header, payload


def handler_for(access: Access) -> type[Any]:
    """The class that serves a connection."""

    class Handler(WebSocketHandler):  # type: ignore[misc]
        def run_application(self) -> None:
            wanted = self.environ.get("HTTP_UPGRADE", "").lower() == "websocket"
            refused = access.check(self.environ) is not None
            if wanted and (refused or self.environ["PATH_INFO"] != "/socket.io/"):
                WSGIHandler.run_application(self)  # answers as to any request
            else:
                super().run_application()

        def upgrade_connection(self) -> Any:
            answer = super().upgrade_connection()
            if "wsgi.websocket" in self.environ:
                self.environ[
                    "wsgi.websocket"
                ].closed = True  # else it says good-bye when thrown away
                stream = Stream(self)
                stream.read = _bounded(stream.read)  # a frame's length is announced, not yet here
                self.websocket = _ShortMessages(self.environ, stream, self)
                self.environ["wsgi.websocket"] = self.websocket
            return answer

    return Handler
