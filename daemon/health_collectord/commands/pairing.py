"""Who may listen, from the command line: ``invite``, ``revoke``, ``clients``, ``rotate-key``.

They change files that a running collector watches, and need it no further.
"""

import socket
import sys
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path

from health_wire.keys import MAX_ADDRESSES, InvalidKey, Invitation, KeyPair
from health_wire.settings import show
from health_wire.terminal import escape

from health_collectord.config import Config
from health_collectord.events import format_time
from health_collectord.interfaces.access import KeyFiles
from health_collectord.interfaces.sockets import is_local

_ANY = ("0.0.0.0", "*", "[::]", "::")


def invite(config: Config, name: str, *, address: str | None, replace: bool) -> int:
    """Allows a new client and prints its invitation, and nothing else, on standard output.

    Returns:
        The exit status.

    Raises:
        InvalidKey: it cannot be invited; the text says why.
    """
    events, state = (_reachable(config, key, address) for key in ("events", "state"))
    addresses = () if address else _others(config, events, state)
    files = KeyFiles(config.keys_dir)
    server, client = files.server(), KeyPair.generate()
    if not files.allow(name, client.public, replace=replace):
        raise InvalidKey(
            f"{name} is invited already; --replace makes a new invitation and ends the old one"
        )
    invitation = Invitation(
        name=config.host_id,
        events=events,
        state=state,
        server_key=server.public,
        client_secret=client.secret,
        addresses=addresses,
    )
    print(invitation.encode(), flush=True)
    also = f" (or at {', '.join(addresses)})" if addresses else ""
    print(
        f"{name} may listen at {events} and {state}{also}. Whoever holds this invitation may, so "
        f"keep it to yourself. On the other host: sudo health-webui add, and paste it",
        file=sys.stderr,
    )
    return 0


def revoke(config: Config, name: str) -> int:
    """Allows a client no longer, its open connections included."""
    if not KeyFiles(config.keys_dir).revoke(name):
        raise InvalidKey(f"there is no client {name}; `clients` lists them")
    print(f"{name} is shut out within a second.", file=sys.stderr)
    return 0


def clients(config: Config) -> int:
    """Prints a line for each client: name, since when, when it last connected, key."""
    found = KeyFiles(config.keys_dir).clients()
    if not found:
        print(escape(f"No client is invited ({config.keys_dir})."), file=sys.stderr)
    wide = max((len(client.name) for client in found), default=0)
    for client in found:
        last = "never connected"
        if client.connected is not None:
            last = f"connected {format_time(datetime.fromtimestamp(client.connected, UTC))}"
        print(escape(f"{client.name:<{wide}}  since {client.since}  {last:<34}  {client.key}"))
    return 0


def rotate_key(config: Config) -> int:
    """Gives the collector a new key, and says who has to be invited again."""
    files = KeyFiles(config.keys_dir)
    files.rotate()
    names = [client.name for client in files.clients()]
    print("The collector has a new key; the old one ends within a second.", file=sys.stderr)
    if names:
        print("To be invited again:", file=sys.stderr)
    for name in names:
        print(f"health-collectord invite {name} --replace")
    return 0


def _reachable(config: Config, key: str, address: str | None) -> str:
    """The endpoint as another host connects to it."""
    endpoint: str = getattr(config, key)
    if is_local(endpoint):
        if config.require_keys:
            return endpoint
        raise InvalidKey(
            f"{key} = {endpoint!r} cannot be reached from other machines and needs no invitation; "
            f"write {key} = {show(_everywhere(endpoint))} {config.place}, and restart"
        )
    if config.allow_remote_plaintext and not config.require_keys:
        where = config.loaded.origins["allow_remote_plaintext"]
        raise InvalidKey(
            f"{key} = {endpoint!r} is open to everybody and takes no keys: "
            f"take allow_remote_plaintext out of {where}, and restart"
        )
    host, _, port = endpoint.removeprefix("tcp://").rpartition(":")
    if not port.isdecimal() or int(port) == 0:
        raise InvalidKey(f"{key} = {endpoint!r} is another port at each start: give it one")
    if address is not None:
        host = f"[{address.strip('[]')}]" if ":" in address else address
    elif host in _ANY:
        host = _own_address()
    return f"tcp://{host}:{port}"


def _others(config: Config, *endpoints: str) -> tuple[str, ...]:
    """This host's further addresses, where both endpoints are bound to all of them.

    Those of real interfaces first: a bridge for containers has an address that nobody else knows.
    """
    bound = {endpoint.removeprefix("tcp://").rpartition(":")[0] for endpoint in
             (config.events, config.state)}  # fmt: skip
    if not bound <= set(_ANY):
        return ()
    import psutil  # the kernel tells addresses over netlink only

    found: dict[str, bool] = {}
    for interface, addresses in psutil.net_if_addrs().items():
        real = Path(config.sysfs, "class/net", interface, "device").exists()
        for given in addresses:
            text = given.address.partition("%")[0]
            if given.family == socket.AF_INET6 and not bound & {"[::]", "::"}:
                continue
            if given.family in (socket.AF_INET, socket.AF_INET6) and _leads_here(text):
                found[f"[{text}]" if ":" in text else text] = real
    taken = {endpoint.removeprefix("tcp://").rpartition(":")[0] for endpoint in endpoints}
    ranked = sorted((a for a in found if a not in taken), key=lambda a: not found[a])
    return tuple(ranked[:MAX_ADDRESSES])


def _leads_here(text: str) -> bool:
    """Whether others can use that address of ours: not without saying by which interface."""
    address = ip_address(text)
    return not (address.is_loopback or address.is_link_local or address.is_unspecified)


def _everywhere(endpoint: str) -> str:
    port = endpoint.rpartition(":")[2]
    return f"tcp://0.0.0.0:{port if port.isdecimal() and endpoint.startswith('tcp') else 8087}"


def _own_address() -> str:
    """The address that this host has towards others; connecting a datagram socket sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # an address for documentation, rfc 5737
            return str(probe.getsockname()[0])
        except OSError:
            return socket.gethostname()
