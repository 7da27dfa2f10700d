"""A first try of a collector, from the command line: whether it answers, and if not, why."""

import socket
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from health_wire import CollectorClient, CollectorTimeout, ProtocolError

from health_webui.config import Endpoints
from health_webui.following.collectors import Source, host_of

_CONNECT_SECONDS = 2.0
_ANSWER_SECONDS = 4.0
_REMEDY = (
    "Is the machine on, does health-collectord run there, does it listen on the network (events"
    " and state in its configuration), and does no firewall stand between?"
)


@dataclass(slots=True)
class Found:
    """`place` is where it answers, with what it calls itself; `reasons` say why not elsewhere."""

    place: Endpoints | None = None
    host: str = ""
    version: str = ""
    reasons: dict[Endpoints, str] = field(default_factory=dict)


def look(source: Source) -> Found:
    """Tries all places of a collector at once, for some seconds at most."""
    places = source.places
    with ThreadPoolExecutor(len(places)) as pool:
        reasons = dict(zip(places, pool.map(_unreached, places), strict=True))
    found = Found(reasons={place: reason for place, reason in reasons.items() if reason})
    with ExitStack() as stack:
        clients: dict[Endpoints, CollectorClient] = {}
        for place in places:
            if place not in found.reasons:
                client = CollectorClient(place.events, place.state, keys=source.keys)
                clients[place] = stack.enter_context(client)
        _wait(clients.values())
        for place, client in clients.items():
            if client.status != "live" or found.place:
                found.reasons[place] = client.refusal or _unanswered(client)
                continue
            found.place, found.host = place, client.host or ""
            with suppress(CollectorTimeout, ProtocolError):
                found.version = str(client.request("ping").get("version") or "")
    return found


def _wait(clients: Iterable[CollectorClient]) -> None:
    """Until one of them is live, all are refused, or the time is over."""
    open_ = list(clients)
    deadline = time.monotonic() + _ANSWER_SECONDS
    while open_ and time.monotonic() < deadline:
        for client in open_:
            client.receive(0.05)
            if client.status == "live":
                return
        open_ = [client for client in open_ if client.refusal is None]


def _unanswered(client: CollectorClient) -> str:
    if client.fault:
        return client.fault
    if client.reached:
        return (
            "it takes the connection, but what it knows does not come: is the state endpoint the"
            " same collector's (its ready line names both)?"
        )
    return "something takes the connection and does not speak as a collector does"


def _unreached(place: Endpoints) -> str:
    """Why one of the two endpoints does not even take a connection; empty where both do."""
    for endpoint in (place.events, place.state):
        try:
            _connect(endpoint)
        except socket.gaierror:
            return (
                f"the name {host_of(endpoint)} leads nowhere: this machine cannot resolve it."
                " Invite it anew there, with an address: health-collectord invite NAME --replace"
                " --address ADDRESS"
            )
        except (OSError, ValueError) as error:
            what = getattr(error, "strerror", None) or str(error)
            return f"nothing answers at {endpoint} ({what}). {_REMEDY}"
    return ""


def _connect(endpoint: str) -> None:
    """Raises OSError, or ValueError for what can be no endpoint."""
    if endpoint.startswith("ipc://"):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(_CONNECT_SECONDS)
            connection.connect(endpoint.removeprefix("ipc://"))
        return
    there = urlsplit(endpoint)
    with socket.create_connection((there.hostname, there.port or 0), _CONNECT_SECONDS):
        pass
