"""ZeroMQ sockets as WIRE asks for them, and the rules for where they may be bound."""

import ipaddress
import logging
import os
import socket as posix
import stat
import threading
import time
from typing import Any, Protocol

import zmq
from health_wire.keys import InvalidKey
from health_wire.protocol import MAX_REQUEST_BYTES
from health_wire.subscription import survive_resets

from health_collectord.config import Config
from health_collectord.interfaces.access import Gate
from health_collectord.runtime.runtime import StartError

# How long a closed socket tries to get rid of what it was given.
LINGER_MILLISECONDS = 500
DEAD_MILLISECONDS = 5000
# How many messages may wait for one that does not read: events are small, a reply may have 2 MB.
WAITING = {int(zmq.PUB): 1000, int(zmq.ROUTER): 16}
_BIND_SECONDS = 2.0
_log = logging.getLogger(__name__)


def bind(
    context: zmq.Context[Any],
    kind: int,
    endpoint: str,
    *,
    key: str,
    allow_remote: bool,
    gate: Gate | None = None,
) -> zmq.Socket[bytes]:
    """A bound socket with the link's settings; its ``LAST_ENDPOINT`` says where.

    What other machines can reach asks for keys, if there is a gate for it.

    Args:
        key: the configuration key that the endpoint came from, for the errors.
        allow_remote: the configuration says in so many words that strangers may listen.
        gate: lets clients in by their keys.

    Raises:
        StartError: it cannot or may not be bound there.
    """
    local = is_local(endpoint)
    guarded = gate is not None and (gate.everywhere or not (local or allow_remote))
    if not (local or guarded or allow_remote):
        raise StartError(
            f"{key} = {endpoint!r} can be reached from other machines, and there are no keys; "
            f"bind it to 127.0.0.1, or say allow_remote_plaintext = true"
        )
    if endpoint.startswith("ipc://"):
        _refuse_taken(endpoint.removeprefix("ipc://"), key)
    socket: zmq.Socket[bytes] = context.socket(kind)
    socket.linger = 0
    socket.setsockopt(zmq.SNDHWM, WAITING[kind])
    if kind == zmq.ROUTER:
        socket.setsockopt(zmq.ROUTER_MANDATORY, 1)  # to be told when there is no room
    socket.setsockopt(zmq.MAXMSGSIZE, MAX_REQUEST_BYTES)
    survive_resets(socket)
    # What tells of a dead way, instead of ZMTP's heartbeats: the kernel (man 7 tcp). It gives up
    # on a connection that leaves data unacknowledged, or its window shut, for so long; and asks
    # whether the other side is there where nothing is sent.
    socket.setsockopt(zmq.TCP_MAXRT, DEAD_MILLISECONDS)
    socket.setsockopt(zmq.TCP_KEEPALIVE, 1)
    socket.setsockopt(zmq.TCP_KEEPALIVE_IDLE, 5)
    socket.setsockopt(zmq.TCP_KEEPALIVE_INTVL, 1)
    socket.setsockopt(zmq.HANDSHAKE_IVL, 5000)
    socket.setsockopt(zmq.IPV6, "[" in endpoint)
    try:
        if guarded:
            assert gate is not None
            gate.guard(socket)
        else:
            # Nobody answers for that domain, so everybody is let in who speaks ZMTP 3. Without it
            # libzmq takes anything for ZMTP 1, and keeps memory of such connections for ever.
            socket.setsockopt(zmq.ZAP_DOMAIN, b"plain")
        socket.bind(endpoint)
    except zmq.ZMQError as error:
        socket.close()
        remedy = (
            "; is another collector running? Give this one other endpoints"
            if error.errno == zmq.EADDRINUSE
            else f"; {key} is like tcp://127.0.0.1:8087 or ipc:///run/health.sock"
        )
        reason = zmq.strerror(error.errno or 0)
        raise StartError(f"cannot bind {key} = {endpoint!r}: {reason}{remedy}") from None
    except InvalidKey as error:
        socket.close()
        raise StartError(f"no keys for {key} = {endpoint!r}: {error}") from None
    return socket


def bind_again(
    context: zmq.Context[Any],
    kind: int,
    endpoint: str,
    *,
    key: str,
    allow_remote: bool,
    gate: Gate | None = None,
) -> zmq.Socket[bytes]:
    """A socket in place of one that was just closed there; arguments as for `bind`.

    libzmq lets go of an address a moment after the socket was closed.

    Raises:
        StartError: it cannot be bound there.
    """
    path = endpoint.removeprefix("ipc://") if endpoint.startswith("ipc://") else None
    deadline, pause = time.monotonic() + _BIND_SECONDS, 0.001
    while True:
        late = time.monotonic() > deadline
        try:
            if late or path is None or not os.path.exists(path):
                return bind(context, kind, endpoint, key=key, allow_remote=allow_remote, gate=gate)
        except StartError:
            if late:
                raise
        time.sleep(pause)
        pause = min(pause * 2, 0.1)  # libzmq has to get rid of each socket that was in vain


def finish(context: zmq.Context[Any], seconds: float = 1.0) -> None:
    """Waits until what the closed sockets were given has gone out, or they have given up.

    To be called last: a process that just ends takes with it what libzmq's thread had not got
    to. A socket that a hanging part left open is waited for no longer than `seconds`.
    """
    ending = threading.Thread(target=context.term, name="finish", daemon=True)
    ending.start()
    ending.join(seconds)


def endpoint_of(socket: zmq.Socket[bytes]) -> str:
    """Where the socket is bound, with the port that was chosen."""
    endpoint = socket.getsockopt(zmq.LAST_ENDPOINT)
    assert isinstance(endpoint, bytes)
    return endpoint.rstrip(b"\0").decode()


def asks_for_keys(config: Config) -> bool:
    """Whether clients need keys: at both endpoints or at none, since a client has both or none."""
    return config.require_keys or not (
        config.allow_remote_plaintext or (is_local(config.events) and is_local(config.state))
    )


class Bound(Protocol):
    """An interface with its endpoint."""

    endpoint: str
    guarded: bool


def warn_of_plaintext(**interfaces: Bound) -> None:
    """Says in the log which endpoints, by their keys in the settings, are open to strangers."""
    for key, interface in interfaces.items():
        if not interface.guarded and not is_local(interface.endpoint):
            _log.warning(
                "%s = %r is open to everybody who can reach it, and not encrypted "
                "(allow_remote_plaintext)", key, interface.endpoint,
            )  # fmt: skip


def is_local(endpoint: str) -> bool:
    """Whether only this machine can reach it. A name is not looked up: it counts as remote."""
    scheme, _, rest = endpoint.partition("://")
    if scheme != "tcp":
        return True
    host, colon, _ = rest.rpartition(":")
    if not colon:
        return True  # no endpoint at all: binding it fails, and says so
    host = host.strip("[]")
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host == "localhost"


def _refuse_taken(path: str, key: str) -> None:
    """ZeroMQ takes over an ipc path that another process listens on: look before."""
    try:
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            raise StartError(f"{key}: {path} exists and is not a socket; remove it or use another")
        with posix.socket(posix.AF_UNIX, posix.SOCK_STREAM) as probe:
            probe.settimeout(1.0)
            probe.connect(path)
    except OSError:
        return  # nothing there, or nobody behind it
    raise StartError(f"{key}: another process listens on {path}; is a collector running already?")
