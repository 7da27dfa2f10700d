"""What a collector and its listeners agree on: frames, requests, the state tree, the client.

Nothing here but the standard library and pyzmq, so that any program can follow a collector with
it. PROTOCOL.md beside this file is the contract, for any language.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from health_wire.client import CollectorClient
    from health_wire.keys import ClientKeys, InvalidKey, Invitation
    from health_wire.protocol import ProtocolError
    from health_wire.requests import CollectorTimeout
    from health_wire.updates import Event, Gap, Link, Snapshot, Update

__all__ = [
    "ClientKeys",
    "CollectorClient",
    "CollectorTimeout",
    "Event",
    "Gap",
    "InvalidKey",
    "Invitation",
    "Link",
    "ProtocolError",
    "Snapshot",
    "Update",
]

_MODULES = {
    "CollectorClient": "client",
    **dict.fromkeys(("ClientKeys", "InvalidKey", "Invitation"), "keys"),
    "ProtocolError": "protocol",
    "CollectorTimeout": "requests",
    **dict.fromkeys(("Event", "Gap", "Link", "Snapshot", "Update"), "updates"),
}


def __getattr__(name: str) -> Any:
    """What is exported here, loaded when it is asked for: `extras` has to work without pyzmq."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
