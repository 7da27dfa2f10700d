"""How a command reaches the collector that runs on this host."""

from health_wire import CollectorClient
from health_wire.keys import ClientKeys

from health_collectord.config import Config
from health_collectord.interfaces.access import KeyFiles
from health_collectord.interfaces.sockets import asks_for_keys


def connect(config: Config) -> CollectorClient:
    """A client of the collector that runs on this host with this configuration."""
    events, events_keys = own_access(config, "events")
    state, state_keys = own_access(config, "state")
    return CollectorClient(events, state, keys=state_keys or events_keys)


def own_access(config: Config, key: str) -> tuple[str, ClientKeys | None]:
    """How a command on this host reaches the running collector: endpoint, and keys if need be.

    Raises:
        InvalidKey: keys are needed, and this user cannot read them.
    """
    endpoint: str = getattr(config, key)
    for any_, loopback in (("0.0.0.0", "127.0.0.1"), ("*", "127.0.0.1"), ("[::]", "[::1]")):
        if endpoint.startswith(f"tcp://{any_}:"):
            endpoint = f"tcp://{loopback}:{endpoint.rpartition(':')[2]}"
    if not asks_for_keys(config):
        return endpoint, None
    own = KeyFiles(config.keys_dir).existing_server()
    return endpoint, ClientKeys(own.public, own.public, own.secret)
