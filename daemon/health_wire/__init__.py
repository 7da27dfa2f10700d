"""What a collector and its listeners agree on: frames, requests, the state tree, the client.

Nothing here but the standard library and pyzmq, so that any program can follow a collector with
it. PROTOCOL.md beside this file is the contract, for any language.
"""

from health_wire.client import CollectorClient, CollectorTimeout, Event, Gap, Link, Snapshot, Update
from health_wire.keys import ClientKeys, InvalidKey, Invitation
from health_wire.protocol import ProtocolError

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
