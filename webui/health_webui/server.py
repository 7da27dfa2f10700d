"""The process: a gevent server, a greenlet per collector, and a clean end on a signal.

Nothing is monkey-patched: Flask, Flask-SocketIO in its gevent mode and the collectors' sockets
(from a ``zmq.green`` context) all yield to gevent by themselves.
"""

import errno
import logging
import signal
import sys
from typing import Any

import gevent
import zmq.green
from gevent.event import Event
from gevent.pywsgi import WSGIServer
from geventwebsocket.handler import WebSocketHandler

from health_webui import assets, guard
from health_webui.app import FLEET_ROOM, create_app
from health_webui.config import Config
from health_webui.fleet import Fleet
from health_webui.relay import Relay

_STOP_SECONDS = 0.2  # for answers under way; open WebSockets never end by themselves


class CannotStart(Exception):
    """The text says in one line why, and what to do about it."""


def serve(config: Config) -> None:
    """Serves until SIGTERM or SIGINT.

    Raises:
        CannotStart: the address cannot be listened on, or an endpoint cannot be one.
    """
    logging.basicConfig(format="health-webui: %(message)s", level=logging.WARNING)
    context = zmq.green.Context()
    try:
        fleet = Fleet(config.collector, context)
    except ValueError as error:
        raise CannotStart(str(error)) from None
    app, sockets = create_app(fleet, assets.load())
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        gevent.signal_handler(number, stop.set)
    server = WSGIServer((config.host, config.port), app, handler_class=WebSocketHandler, log=None)
    _listen(server, config)

    def send(name: str, message: dict[str, Any], room: str) -> None:
        sockets.emit(name, message, to=room)

    work = [gevent.spawn(Relay(follower, send).run) for follower in fleet.followers]
    work.append(gevent.spawn(guard.watch, sockets.server.eio))
    work.append(gevent.spawn(_beat, fleet, send))
    failed: list[gevent.Greenlet[..., Any]] = []
    for greenlet in work:
        greenlet.link_exception(failed.append)
        greenlet.link_exception(lambda _: stop.set())
    _announce_ready(config.host, server.server_port)
    stop.wait()
    server.stop(timeout=_STOP_SECONDS)
    gevent.killall(work, timeout=_STOP_SECONDS)
    fleet.close()
    context.destroy(linger=0)
    if failed:  # gevent has printed the traceback
        raise CannotStart(f"stopped by an error of its own: {failed[0].exception!r}")


def _listen(server: WSGIServer, config: Config) -> None:
    where = f"{config.host}:{config.port}"
    try:
        server.start()
    except OSError as error:
        remedy = {
            errno.EADDRINUSE: f"{where} is in use: end what listens there, or choose another --port",
            errno.EACCES: f"{where} needs more rights: choose a --port from 1024",
            errno.EADDRNOTAVAIL: f"{config.host} is no address of this machine: see --host",
        }
        known = remedy.get(error.errno or 0)
        raise CannotStart(known or f"cannot listen on {where}: {error.strerror or error}") from None


def _beat(fleet: Fleet, send: Any) -> None:
    """Tells lists of hosts once a second that we live, and whether they are still right."""
    while True:
        gevent.sleep(1.0)
        send("fleet", {"fleet": fleet.revision()}, FLEET_ROOM)


def _announce_ready(host: str, port: int) -> None:
    address = f"[{host}]" if ":" in host else host
    print(f"ready url=http://{address}:{port}/", file=sys.stderr, flush=True)
    try:
        import sdnotify
    except ImportError:  # it is only there where systemd is
        return
    sdnotify.SystemdNotifier().notify("READY=1")
