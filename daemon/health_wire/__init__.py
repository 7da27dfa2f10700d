"""What a collector and its listeners agree on: frames, requests, the state tree, the client.

Nothing here but the standard library and pyzmq, so that any program can follow a collector with
it. PROTOCOL.md beside this file is the contract, for any language.
"""

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
