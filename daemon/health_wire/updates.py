"""What a `CollectorClient` tells: events, snapshots, gaps, and how the link is."""

from dataclasses import dataclass
from typing import Any, Literal

from health_wire import protocol, tree
from health_wire.protocol import ProtocolError

LinkStatus = Literal["connecting", "live", "stale"]


@dataclass(slots=True, frozen=True)
class Event:
    """An event in its place, already applied to the client's state."""

    host: str
    epoch: str
    seq: int
    time: str
    name: str
    data: Any
    replay: bool = False


@dataclass(slots=True, frozen=True)
class Snapshot:
    """The client's state was replaced by the collector's as it was after event `seq`."""

    host: str
    epoch: str
    seq: int
    time: str
    state: tree.FrozenDict


@dataclass(slots=True, frozen=True)
class Gap:
    """Events `first` to `last` of `epoch` are not told; `last` is None where it is unknown.

    Events and gaps together leave nothing out, from the first event of an epoch on: where events
    were lost, those that came before the snapshot that follows count as lost with them.

    `reason` is ``link`` (it was broken, by whomever), ``slow`` (it was not: this client did not
    take its events in time) or ``restart`` (the daemon started anew: what the old epoch said after
    `first` - 1 is not known).
    """

    epoch: str
    first: int
    last: int | None
    reason: Literal["link", "slow", "restart"]


@dataclass(slots=True, frozen=True)
class Link:
    """The link's status or refusal changed. `silent_seconds`: how long nothing had come.

    `refusal` says in words, with the remedy, why the collector does not let this client in.
    """

    status: LinkStatus
    silent_seconds: float
    refusal: str | None = None


Update = Event | Snapshot | Gap | Link


def decode_event(frames: list[bytes]) -> Event | None:
    """The event in two frames, or None where they hold none of this protocol version."""
    if len(frames) != 2:
        return None
    try:
        body = protocol.decode_object(frames[1])
        if body.get("v") != protocol.VERSION:
            return None
        return Event(
            host=text(body, "host"),
            epoch=text(body, "epoch"),
            seq=natural(body, "seq"),
            time=text(body, "time"),
            name=text(body, "name"),
            data=tree.freeze(body.get("data")),
            replay=body.get("replay") is True,
        )
    except (ProtocolError, RecursionError):
        return None


def text(body: dict[str, Any], key: str) -> str:
    value = body.get(key)
    if not isinstance(value, str):
        raise ProtocolError(protocol.BAD_REQUEST, f"{key!r} is not text")
    return value


def natural(body: dict[str, Any], key: str) -> int:
    value = body.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ProtocolError(protocol.BAD_REQUEST, f"{key!r} is not a whole number from 0")
    return value


def object_(body: dict[str, Any], key: str) -> dict[str, Any]:
    value = body.get(key)
    if not isinstance(value, dict):
        raise ProtocolError(protocol.BAD_REQUEST, f"{key!r} is not an object")
    return value
