"""The followed collectors and what is known of each.

Nothing here is state that matters: after a restart the collectors tell it all again.
"""

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import zmq
from health_wire import CollectorClient, tree
from health_wire.door import Violation

from health_webui import verdict
from health_webui.following.catalogue import Catalogue
from health_webui.following.collectors import Source, host_of
from health_webui.following.history import History
from health_webui.following.shares import Share, Shares
from health_webui.verdict import Verdict
from health_webui.words import words

MOST_LINES = 64  # of a chart of rows
# As large as a state may be: reading one takes the loop's time.
_MAX_REPLY_BYTES = 4 * 1024 * 1024
_MAX_REPLY_BYTES_PRESSED = 1024 * 1024
# A little more than what a client gives a connection before it makes a new one.
_TRY_SECONDS = 3.2
_STAY_SECONDS = 30.0  # where it was heard: it may have been started anew


class Follower:
    """One followed collector.

    Attributes:
        key: names it in addresses and rooms, and stays the same over restarts.
        catalogue: what it can be drawn from; None until it has told.
        time: of the newest event, by its own clock; None until there is one.
        since: when this process began to follow it, as ISO 8601: of before that it knows nothing.
        replay: whether that event is out of a recording.
        endpoints: where it is looked for just now, of all its places.
        nameless: those of its places' names that lead nowhere.
        history: answers questions about its past.
        interrupt: makes its greenlet take notice of a violation; nothing while it has none.
    """

    def __init__(
        self,
        source: Source,
        context: zmq.Context[Any] | None = None,
        clock: Callable[[], float] = time.monotonic,
        shares: Shares | None = None,
    ) -> None:
        self.source = source
        self.endpoints = endpoints = source.endpoints
        self.nameless: tuple[str, ...] = ()
        self.key = hashlib.sha256(source.identity.encode()).hexdigest()[:12]
        self._clock = clock
        self._move_at = clock() + _TRY_SECONDS
        self.interrupt: Callable[[Violation], None] = lambda _: None
        shares = shares or Shares()
        self.client = CollectorClient(
            endpoints.events,
            endpoints.state,
            context=context,
            clock=clock,
            keys=source.keys,
            most=lambda: _MAX_REPLY_BYTES_PRESSED if shares.pressed else _MAX_REPLY_BYTES,
            turn=Share(shares).take,
        )
        self.catalogue: Catalogue | None = None
        self.time: str | None = None
        self.since = datetime.now(UTC).isoformat(timespec="seconds")
        self.replay = False
        self.history = History(self.client, self._charted, clock)

    @property
    def refused(self) -> bool:
        """Whether it is there and does not let us in."""
        return self.client.refusal is not None

    @property
    def seen(self) -> bool:
        """Whether there is anything to draw."""
        return self.client.host is not None and self.catalogue is not None

    @property
    def cause(self) -> str:
        """Why there is nothing newer to draw, as far as the connection tells; else empty."""
        if self.client.fault is not None:
            return "faulty"
        if self.refused:
            return "refused"
        if self.seen:
            return ""
        if self.client.reached:
            return "silent"
        return "unresolved" if self.is_nameless else "unconnected"

    @property
    def is_nameless(self) -> bool:
        """Whether it is looked for under names alone, and none of them leads anywhere."""
        hosts = {host_of(e) for place in self.source.places for e in (place.events, place.state)}
        return bool(hosts) and hosts <= set(self.nameless)

    def look_elsewhere(self) -> None:
        """Goes on to the next of its places where it is silent; to be called again and again."""
        now = self._clock()
        if self.client.status == "live":
            self._move_at = now + _STAY_SECONDS
        if now < self._move_at:
            return
        self._move_at = now + _TRY_SECONDS
        places = self.source.places
        self.endpoints = places[(places.index(self.endpoints) + 1) % len(places)]
        # Where the client connects when it next connects anew, which it does in its own time.
        self.client.events_endpoint = self.endpoints.events
        self.client.state_endpoint = self.endpoints.state

    @property
    def name(self) -> str:
        """The host's id, or where it should be found while it has never been seen."""
        return self.client.host or self.source.label or self.endpoints.events

    @property
    def last_seen(self) -> str | None:
        """When it last said something, by this machine's clock, as ISO 8601; None for never."""
        if self.client.host is None:
            return None
        then = datetime.now(UTC) - timedelta(seconds=self.client.silent_seconds)
        return then.isoformat(timespec="seconds")

    @property
    def health(self) -> Any:
        return self.client.state.get("health")

    def link(self) -> dict[str, Any]:
        """The link's status as browsers get it."""
        return {
            "status": self.client.status,
            "silent_seconds": round(self.client.silent_seconds, 1),
        }

    def verdict(self, health: Any = None) -> Verdict:
        """The verdict; `health` is given where its figures are newer than the collector's words."""
        if self.client.fault is not None:
            return Verdict("unknown", words("reason.faulty"))
        if self.refused:
            return Verdict("unknown", words("reason.refused"))
        status = self.client.status if self.seen else "connecting"
        return verdict.judge(status, self.client.silent_seconds, health or self.health)

    def snapshot(self) -> dict[str, Any]:
        """All that a browser needs to start or to start anew; `page` is null before there is one.

        `page` names the structure of the page: a browser that shows another asks for it again.
        """
        client = self.client
        return {
            "host": client.host,
            "epoch": client.epoch,
            "seq": client.seq,
            "time": self.time,
            "page": self.catalogue.fingerprint if self.seen and self.catalogue else None,
            "cause": self.cause,
            "since": self.since,
            "replay": self.replay,
            "link": self.link(),
            "state": client.state if self.seen else {},
        }

    def _charted(self) -> list[str]:
        return chart_series(self.catalogue, self.client.state) if self.catalogue else []


def chart_series(catalogue: Catalogue, state: tree.FrozenDict) -> list[str]:
    """The names of all series that the page draws, for the rows there are now."""
    names: dict[str, None] = {}
    for metric in catalogue.metrics:
        sample = value_at(state, metric.state)
        names |= {f"{metric.state}.{f.name}": None for f in metric.traced}
        for chart in metric.charts:
            if chart.rows is None:
                prefixes = [metric.state]
            else:
                keys = [key for key, _ in rows_of(sample, chart.rows)[:MOST_LINES]]
                prefixes = [f"{metric.state}.{chart.rows}[{key}]" for key in keys]
            names |= {f"{p}.{s.name}": None for p in prefixes for s in chart.series}
    return list(names)


def value_at(state: tree.FrozenDict, path: str) -> Any:
    """What stands at a state path, None where there is nothing."""
    try:
        return tree.get(state, path)
    except KeyError:
        return None


def rows_of(sample: Any, field: str) -> list[tuple[str, dict[str, Any]]]:
    """The rows of a sample by their keys; what is no row is left out."""
    rows = sample.get(field) if isinstance(sample, dict) else None
    return [
        (row["key"], row)
        for row in (rows if isinstance(rows, list | tuple) else ())
        if isinstance(row, dict) and isinstance(row.get("key"), str)
    ]


def _namesakes(follower: Follower, hosts: Counter[str]) -> int:
    """How many call themselves as this one does, itself among them."""
    return hosts[follower.client.host] if follower.client.host else 0


class Fleet:
    """All followed collectors, in the order of the configuration."""

    def __init__(self, sources: Sequence[Source], context: zmq.Context[Any] | None = None) -> None:
        self._context = context
        self.shares = Shares()
        self.all = tuple(self._follower(source) for source in sources)

    def _follower(self, source: Source) -> Follower:
        return Follower(source, self._context, shares=self.shares)

    @property
    def followers(self) -> tuple[Follower, ...]:
        """Those to show. This host's own collector, which nobody has asked for, is among them once
        it has answered, or while there is no other; and only if no other one is the same.
        """
        asked = tuple(f for f in self.all if not f.source.local)
        if len(asked) == len(self.all) or not asked:
            return self.all
        others = {f.client.epoch for f in asked}
        return tuple(
            f
            for f in self.all
            if not f.source.local or (f.client.epoch not in others if f.client.epoch else f.refused)
        )

    def update(self, sources: Sequence[Source]) -> tuple[list[Follower], list[Follower]]:
        """Follows these from now on; who came, and who went: the caller closes their clients.

        A collector whose place and keys stay the same is followed on, undisturbed.

        Raises:
            ValueError: an endpoint cannot be one; nothing has changed.
        """
        kept = {f.source: f for f in self.all if f.source in sources}
        came: list[Follower] = []
        try:
            for source in sources:
                if source not in kept:
                    came.append(self._follower(source))
        except ValueError:
            for follower in came:
                follower.client.close()
            raise
        went = [f for f in self.all if f.source not in kept]
        now = kept | {f.source: f for f in came}
        self.all = tuple(now[source] for source in sources)
        return came, went

    def find(self, name: str) -> Follower | None:
        """The collector of that key, or else the one whose host alone has that id."""
        by_key = (f for f in self.followers if f.key == name)
        by_host = [f for f in self.followers if f.client.host == name]
        return next(by_key, None) or (by_host[0] if len(by_host) == 1 else None)

    def hosts(self) -> Counter[str]:
        """How many collectors call themselves so; asked once for a whole list."""
        return Counter(f.client.host for f in self.followers if f.client.host)

    def name_of(self, follower: Follower, hosts: Counter[str] | None = None) -> str:
        """Its name, with its place where others have the same."""
        if _namesakes(follower, self.hosts() if hosts is None else hosts) < 2:
            return follower.name
        return f"{follower.name} ({follower.source.label or follower.endpoints.events})"

    def notes(self, follower: Follower, hosts: Counter[str] | None = None) -> list[str]:
        """What is to be said of the link to a collector, with the remedy."""
        notes = []
        if follower.replay:
            notes.append(words("note.replay"))
        if follower.client.fault is not None:
            notes.append(words("note.faulty", reason=follower.client.fault))
        elif follower.refused:
            notes.append(words("note.refused", reason=follower.client.refusal))
        if follower.client.status != "live" and follower.is_nameless:
            names = ", ".join(follower.nameless)
            notes.append(words("note.unresolved", names=names))
        same = _namesakes(follower, self.hosts() if hosts is None else hosts)
        if same > 1:
            notes.append(words("note.namesakes", count=same, name=follower.name))
        if follower.source.plaintext:
            notes.append(words("note.plaintext"))
        return notes

    def worst_first(self) -> list[Follower]:
        order, hosts = verdict.SEVERITY.index, self.hosts()
        return sorted(
            self.followers, key=lambda f: (order(f.verdict().status), self.name_of(f, hosts))
        )

    def close(self) -> None:
        for follower in self.all:
            follower.client.close()
