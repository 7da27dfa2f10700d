"""Closes browsers that do not take what is sent to them, and those that may not stay.

python-engineio queues without bound for a client that has stopped reading; a thousand frozen tabs
would take this process's memory. Each queue is looked at once a second, and a connection whose
queue has passed the bound is cut: the browser connects anew when it wakes, and starts with a
snapshot.
"""

import logging
from collections.abc import Callable
from typing import Any

import gevent

from health_webui.connections.limits import cut

MAX_QUEUED = 64
_LOG = logging.getLogger(__name__)


def close_slow(engine: Any, limit: int = MAX_QUEUED) -> list[str]:
    """Cuts every connection of the engineio server with more than `limit` queued packets."""
    slow = [sid for sid, client in list(engine.sockets.items()) if client.queue.qsize() > limit]
    for sid in slow:
        _LOG.warning(
            "closing a browser that has %d messages waiting", engine.sockets[sid].queue.qsize()
        )
        close(engine, sid)
    return slow


def close_unwelcome(engine: Any, may_stay: Callable[[str | None], bool]) -> list[str]:
    """Cuts every connection whose session has ended since it was let in."""
    gone = [
        sid
        for sid, client in list(engine.sockets.items())
        if client.connected and not may_stay(getattr(client, "session", None))
    ]
    for sid in gone:
        close(engine, sid)
    return gone


def close(engine: Any, sid: str) -> None:
    """Cuts a connection, and throws away what waits for it."""
    client = engine.sockets.pop(sid, None)
    if client is None:
        return
    client.close(wait=False, abort=True)  # waiting would be for ever: nobody takes them
    while client.queue.qsize():
        client.queue.get_nowait()
    client.queue.put(None)
    _hang_up(client)


def _hang_up(client: Any) -> None:
    """Ends the TCP connection: the greenlet that is blocked sending to it wakes with an error."""
    tcp = getattr(client, "tcp", None)
    if tcp is not None:
        cut(tcp)


def watch(engine: Any, may_stay: Callable[[str | None], bool], interval: float = 1.0) -> None:
    """Looks once per `interval` seconds, for ever."""
    while True:
        gevent.sleep(interval)
        close_slow(engine)
        close_unwelcome(engine, may_stay)
