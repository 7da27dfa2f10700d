"""Whether the names under which collectors are looked for lead anywhere.

Asked by the side, one after the other: an answer can take half a minute where there is no server.
"""

from collections.abc import Callable
from typing import Any

import gevent
import gevent.socket

from health_webui.config import address
from health_webui.following.collectors import host_of
from health_webui.following.fleet import Fleet, Follower

_AGAIN_SECONDS = 10.0

Resolve = Callable[[str, None], Any]


def watch(fleet: Fleet, resolve: Resolve = gevent.socket.getaddrinfo) -> None:
    """Looks at those that are silent, for ever."""
    while True:
        for follower in fleet.all:
            if follower.client.status != "live":
                look(follower, resolve)
        gevent.sleep(_AGAIN_SECONDS)


def look(follower: Follower, resolve: Resolve) -> None:
    """Takes notice of the names of its places that lead nowhere."""
    places = follower.source.places
    hosts = dict.fromkeys(host_of(e) for place in places for e in (place.events, place.state))
    follower.nameless = tuple(host for host in hosts if _is_nameless(host, resolve))


def _is_nameless(host: str, resolve: Resolve) -> bool:
    if not host:  # a socket's file
        return False
    try:
        address(host)
    except ValueError:
        pass
    else:
        return False
    try:
        resolve(host, None)
    except (OSError, UnicodeError):
        return True
    return False
