"""What a `CollectorClient` tells: events, snapshots, gaps, and how the link is."""

from dataclasses import dataclass
from typing import Any, Literal

from health_wire import tree

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
    """The link's status, refusal or fault changed. `silent_seconds`: how long nothing had come.

    `refusal` says in words, with the remedy, why the collector does not let this client in; `fault`
    what it sends that is not of the protocol, for which it is left alone for a while.
    """

    status: LinkStatus
    silent_seconds: float
    refusal: str | None = None
    fault: str | None = None


Update = Event | Snapshot | Gap | Link
