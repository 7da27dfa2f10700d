"""ZeroMQ endpoints as settings: what can be bound or connected to, and which two collide.

``tcp://ADDRESS:PORT`` (man 7 zmq_tcp) and ``ipc://PATH`` (man 7 zmq_ipc), no other.
"""

import ipaddress
import os
import re
import socket
from typing import Any

from health_wire.settings import Kind

_LONGEST_PATH = 107  # bytes; man 7 unix, sun_path
_ANY = ("*", "0.0.0.0", "::")
_HOST = re.compile(r"(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_-]+)*\.?")
_NUMBERS = re.compile(r"[0-9.]+")
_INTERFACE = re.compile(r"[^\s/:]{1,15}")  # man 7 netdevice, IFNAMSIZ

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def bindable(text: Any) -> str:
    """The endpoint, if something can be bound there.

    Raises:
        ValueError: what is wrong with it, and what to write instead.
    """
    rest = _tcp(text, example="tcp://127.0.0.1:8087")
    if rest is not None:
        host, port = _split(text, rest)
        if port not in ("*", "0") and not (port.isdecimal() and 1 <= int(port) <= 65535):
            raise ValueError(f"expected a port from 0 to 65535, 0 for a free one, got {text!r}")
        named = host == "*" or _INTERFACE.fullmatch(host) or _HOST.fullmatch(host)
        if _address(host, text) is None and not named:
            raise ValueError(
                "expected an address of this machine, such as 127.0.0.1, or 0.0.0.0 for all, "
                f"got {text!r}"
            )
    return str(text)


def connectable(text: Any) -> str:
    """The endpoint, if something can be connected to it.

    Raises:
        ValueError: what is wrong with it, and what to write instead.
    """
    rest = _tcp(text, example="tcp://127.0.0.1:8087")
    if rest is not None:
        host, port = _split(text, rest)
        if not (port.isdecimal() and 1 <= int(port) <= 65535):
            raise ValueError(f"expected a port from 1 to 65535, got {text!r}")
        if _address(host, text) is None and not _HOST.fullmatch(host):
            raise ValueError(f"expected an address or a host's name, got {text!r}")
    return str(text)


def collide(one: str, other: str) -> bool:
    """Whether two endpoints that can be bound cannot both be: the same path, or port and address.

    Where a network interface is named instead of an address it is not known: only the same name
    collides.
    """
    if not (one.startswith("tcp://") and other.startswith("tcp://")):
        kinds = [e.partition("://") for e in (one, other)]
        paths = [os.path.normpath(rest) for scheme, _, rest in kinds if scheme == "ipc"]
        return len(paths) == 2 and paths[0] == paths[1] != "*"
    (host, port), (peer, port_) = (_split(e, e.removeprefix("tcp://")) for e in (one, other))
    if "*" in (port, port_) or int(port) != int(port_) or int(port) == 0:
        return False
    if host in _ANY or peer in _ANY:
        return True
    return (_canonical(host) or host) == (_canonical(peer) or peer)


def _tcp(text: Any, *, example: str) -> str | None:
    """What stands behind ``tcp://``; None for a path that can be used."""
    if not isinstance(text, str) or not text.isprintable() or any(c.isspace() for c in text):
        raise ValueError(f"expected an endpoint such as {example}, got {text!r}")
    scheme, separator, rest = text.partition("://")
    if not separator:
        remedy = f"tcp://{text}" if re.fullmatch(r".+:[0-9*]+", text) else example
        raise ValueError(f"expected an endpoint with its scheme, such as {remedy}, got {text!r}")
    if scheme == "tcp":
        return rest
    if scheme != "ipc":
        raise ValueError(f"expected tcp:// or ipc://, got {text!r}")
    if not rest or rest.endswith("/"):
        raise ValueError(f"expected a socket's path, such as ipc:///run/x.sock, got {text!r}")
    if len(rest.encode()) > _LONGEST_PATH:
        raise ValueError(f"expected a path of at most {_LONGEST_PATH} bytes, got {text!r}")
    return None


def _split(text: str, rest: str) -> tuple[str, str]:
    """Host, an IPv6 address without its brackets, and port."""
    host, colon, port = rest.rpartition(":")
    if not host or not colon or not port.isascii():
        raise ValueError(f"expected tcp://ADDRESS:PORT, got {text!r}")
    if host.startswith("[") and host.endswith("]"):
        try:
            ipaddress.IPv6Address(host[1:-1])
        except ValueError:
            raise ValueError(f"expected an IPv6 address in the brackets, got {text!r}") from None
        return host[1:-1], port
    if ":" in host:
        raise ValueError(f"expected an IPv6 address in brackets, as in [::1]:{port}, got {text!r}")
    return host, port


def is_host(text: str) -> bool:
    """Whether it is an address, without brackets, or could be a host's name."""
    try:
        return _address(text, text) is not None or _HOST.fullmatch(text) is not None
    except ValueError:
        return False


def _address(host: str, text: str) -> Address | None:
    """The address that a host is; None for a name."""
    found = _canonical(host)
    if found is None and _NUMBERS.fullmatch(host):  # no name is like that
        raise ValueError(f"expected an IPv4 address of four numbers up to 255, got {text!r}")
    return found


def _canonical(host: str) -> Address | None:
    try:
        if _NUMBERS.fullmatch(host):
            return ipaddress.IPv4Address(socket.inet_aton(host))  # takes 127.1, as libzmq does
        found = ipaddress.ip_address(host)
    except (ValueError, OSError):
        return None
    return getattr(found, "ipv4_mapped", None) or found


BINDABLE = Kind("a ZeroMQ endpoint to bind: tcp:// or ipc://", bindable, str)
