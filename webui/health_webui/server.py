"""The process: a gevent server, a greenlet per collector, and a clean end on a signal.

Nothing is monkey-patched: Flask, Flask-SocketIO in its gevent mode and the collectors' sockets
(see `green`) all yield to gevent by themselves.
"""

import errno
import logging
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import gevent
import gevent.socket
import gevent.ssl
from gevent.event import Event
from health_wire.settings import SettingsError
from health_wire.terminal import LogFormatter

from health_webui.access.exposure import doubts, load_tls
from health_webui.access.gate import Access
from health_webui.app import FLEET_ROOM, create_app, engine_of
from health_webui.config import Config
from health_webui.connections import guard
from health_webui.connections.broadcast import Broadcast
from health_webui.connections.limits import Connections, Server
from health_webui.connections.websocket import handler_for
from health_webui.following import collectors, flood, green, names
from health_webui.following.fleet import Fleet
from health_webui.following.relay import Send
from health_webui.following.roster import Following, end
from health_webui.pages import assets
from health_webui.pages.overview import Overview
from health_webui.systemd import StatusLine, notifier

_LOG = logging.getLogger(__name__)
_BACKLOG = 256
_SEND_BUFFER = 256 * 1024  # bytes of a connection
_STOP_SECONDS = 0.2  # for answers under way; open WebSockets never end by themselves


class CannotStart(Exception):
    """The text says in one line why, and what to do about it."""


def serve(config: Config, reread: Callable[[], Config]) -> None:
    """Serves until SIGTERM or SIGINT; SIGHUP reads anew which collectors to follow.

    What is added and removed is noticed within a second without that.

    Raises:
        CannotStart: the address cannot be listened on, or an endpoint cannot be one.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LogFormatter("health-webui: "))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    tls = _tls(config)
    for doubt in doubts(config):
        _LOG.warning("%s", doubt)
    listener = _listen(config.host, config.port)
    context = green.Context()
    try:
        fleet = Fleet(collectors.to_follow(config), context)
    except ValueError as error:
        listener.close()
        context.destroy(linger=0)
        raise CannotStart(str(error)) from None
    access = Access(config)
    overview = Overview(fleet)
    app, sockets = create_app(fleet, assets.load(), access, overview)
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        gevent.signal_handler(number, stop.set)
    connections = Connections()
    server = Server(listener, app, handler_class=handler_for(access, connections), **tls)
    server.start()

    send = Broadcast(sockets)
    failed: list[Any] = []

    def watched(greenlet: Any) -> Any:
        greenlet.link_exception(failed.append)
        greenlet.link_exception(lambda _: stop.set())
        return greenlet

    following = Following(fleet, send, lambda run: watched(gevent.spawn(run)), config)
    gevent.signal_handler(signal.SIGHUP, following.reload, reread)
    work = [
        watched(gevent.spawn(guard.watch, engine_of(sockets), access.may_stay)),
        watched(gevent.spawn(connections.watch)),
        watched(gevent.spawn(_fill, overview)),
        watched(gevent.spawn(names.watch, fleet)),
        watched(gevent.spawn(flood.watch, fleet)),
    ]
    notify = notifier()
    status = StatusLine(notify)
    if notify is not None and "WATCHDOG_USEC" in os.environ:
        work.append(watched(gevent.spawn(_feed, notify)))
    work.append(watched(gevent.spawn(_beat, fleet, overview, following, send, status)))
    _announce_ready("https" if tls else "http", config.host, listener.getsockname()[1], notify)
    stop.wait()
    server.stop(timeout=_STOP_SECONDS)
    end(work)
    following.stop()
    fleet.close()
    context.destroy(linger=0)
    if failed:  # gevent has printed the traceback
        raise CannotStart(f"stopped by an error of its own: {failed[0].exception!r}")


def _tls(config: Config) -> dict[str, Any]:
    """What the server needs for HTTPS, nothing for HTTP.

    Raises:
        CannotStart: certificate or key cannot be used.
    """
    if not config.tls_certificate:
        return {}
    context = gevent.ssl.SSLContext(gevent.ssl.PROTOCOL_TLS_SERVER)
    try:
        load_tls(context, config)
    except SettingsError as error:
        raise CannotStart(str(error)) from None
    return {"ssl_context": context}


def _listen(host: str, port: int) -> Any:
    """A listening socket of gevent's; gevent's own server would leave one open that it cannot bind.

    Raises:
        CannotStart: the address cannot be listened on.
    """
    where = f"{host}:{port}"
    listener = None
    try:
        found = gevent.socket.getaddrinfo(host, port, type=gevent.socket.SOCK_STREAM)
        family, kind, protocol, _, address = found[0]
        listener = gevent.socket.socket(family, kind, protocol)
        listener.setsockopt(gevent.socket.SOL_SOCKET, gevent.socket.SO_REUSEADDR, 1)
        # What is accepted inherits it: an answer's body does not wait for its head's receipt.
        listener.setsockopt(gevent.socket.IPPROTO_TCP, gevent.socket.TCP_NODELAY, 1)
        # What waits in the kernel for a browser that has stopped reading is bounded too.
        listener.setsockopt(gevent.socket.SOL_SOCKET, gevent.socket.SO_SNDBUF, _SEND_BUFFER)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as error:
        if listener is not None:
            listener.close()
        remedy = {
            errno.EADDRINUSE: f"{where} is in use: end what listens there, or choose a --port",
            errno.EACCES: f"{where} needs more rights: choose a --port from 1024",
            errno.EADDRNOTAVAIL: f"{host} is no address of this machine: see --host",
        }
        known = remedy.get(error.errno or 0)
        raise CannotStart(known or f"cannot listen on {where}: {error.strerror or error}") from None
    return listener


def _beat(
    fleet: Fleet, overview: Overview, following: Following, send: Send, status: StatusLine
) -> None:
    """Tells lists of hosts once a second that we live, and what has changed."""
    while True:
        gevent.sleep(1.0)
        following.look()
        send("fleet", overview.tick(), FLEET_ROOM)
        shown = fleet.followers
        status.tell(len(shown), sum(f.client.status == "live" for f in shown))


def _feed(notify: Callable[[str], None]) -> None:
    """Tells systemd's watchdog that the loop goes round: it starts anew what stands still."""
    while True:
        notify("WATCHDOG=1")
        gevent.sleep(1.0)


def _fill(overview: Overview) -> None:
    """Asks hosts for what the list has missed; their answers may take long, and none waits."""
    while True:
        gevent.sleep(1.0)
        for fill in overview.fills():
            gevent.spawn(fill)


def _announce_ready(
    scheme: str, host: str, port: int, notify: Callable[[str], None] | None
) -> None:
    address = f"[{host}]" if ":" in host else host
    print(f"ready url={scheme}://{address}:{port}/", file=sys.stderr, flush=True)
    if notify is not None:
        notify("READY=1")
