"""Whether a silent collector is there and refuses us: for our key, or for want of one.

libzmq tells it to a socket's monitor only (man 3 zmq_socket_monitor): a connection that is made and
ended before its handshake has succeeded.
"""

from typing import Any

import gevent
import zmq
from zmq.utils.monitor import parse_monitor_message

from health_webui.fleet import Follower
from health_webui.relay import Send

_PROBE_SECONDS = 2.0
_PAUSE_SECONDS = 3.0
_ENDED = (
    zmq.EVENT_HANDSHAKE_FAILED_AUTH
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    | zmq.EVENT_DISCONNECTED
)


def watch(follower: Follower, send: Send) -> None:
    """Probes for ever while the collector is not live; tells browsers when the answer changes."""
    while True:
        gevent.sleep(_PAUSE_SECONDS)
        refused = follower.client.status != "live" and is_refused(follower)
        if refused != follower.refused:
            follower.refused = refused
            send("snapshot", follower.snapshot(), follower.key)


def is_refused(follower: Follower, seconds: float = _PROBE_SECONDS) -> bool:
    """Whether a connection to its state endpoint is made, and ended in the handshake."""
    context: zmq.Context[Any] = follower.context or zmq.Context.instance()
    socket = context.socket(zmq.DEALER)
    socket.linger = 0
    socket.setsockopt(zmq.IPV6, 1)
    if follower.source.keys is not None:
        follower.source.keys.apply(socket)
    monitor = socket.get_monitor_socket(_ENDED | zmq.EVENT_HANDSHAKE_SUCCEEDED)
    try:
        socket.connect(follower.endpoints.state)
        if not monitor.poll(int(seconds * 1000)):
            return False
        event: int = parse_monitor_message(monitor.recv_multipart())["event"]
        return bool(event & _ENDED)
    finally:
        socket.disable_monitor()
        monitor.close()
        socket.close()
