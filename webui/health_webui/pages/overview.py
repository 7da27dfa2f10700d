"""The list of all hosts: a row for each, and once a second what has changed in it.

A row shows the figures that the hosts' catalogues declare as bars, with their last five minutes.
These are kept for as long as the process lives; what came before it, and what it missed, is asked
of the collectors.
"""

import hashlib
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from health_wire import CollectorTimeout, ProtocolError

from health_webui import verdict
from health_webui.following.catalogue import Catalogue, Metric
from health_webui.following.fleet import Fleet, Follower
from health_webui.following.history import TooMany
from health_webui.pages import problem, render
from health_webui.pages.sparklines import SLOT_SECONDS, Column, Track, recorded
from health_webui.words import words

_MAX_COLUMNS = 4
_FILL_RETRY_SECONDS = 10.0
_AFTER_NUMBERS = 1 << 30


@dataclass(slots=True, frozen=True)
class Row:
    """What a host's row shows; `figures` and `levels` are in the order of the columns.

    Attributes:
        seen: ``live``, ``stale`` or ``connecting``: then it never was.
        since: the moment by our clock at which it was last heard; 0 while it is live.
    """

    name: str
    status: str
    reason: str
    notes: tuple[str, ...]
    seen: str
    since: float
    figures: tuple[float | None, ...]
    levels: tuple[str, ...]

    @property
    def word(self) -> str:
        return verdict.WORDS[self.status]

    def members(self, clock: float) -> dict[str, Any]:
        """As browsers get it: `silent` seconds, which they count on."""
        silent = round(clock - self.since, 1) if self.since else 0.0
        names = ("name", "status", "reason", "notes", "seen", "figures", "levels")
        return {name: getattr(self, name) for name in names} | {"silent": silent}


class Overview:
    """Rows, worst first, and what becomes of them: `tick` once a second, and `fills` beside it."""

    def __init__(self, fleet: Fleet, clock: Callable[[], float] = time.monotonic) -> None:
        self._fleet = fleet
        self._clock = clock
        self._bars: dict[str, dict[Column, Metric]] = {}  # by a catalogue's fingerprint
        self._told: dict[str, Row] = {}
        self._tracks: dict[tuple[str, Column], Track] = {}
        self._turn_at = clock() + SLOT_SECONDS
        self._filled: dict[str, str | None] = {}  # the epoch whose history was asked for
        self._fill_at: dict[str, float] = {}
        self._refilled: set[str] = set()

    @property
    def columns(self) -> tuple[Column, ...]:
        """The figures that most hosts have, in the order of their catalogues."""
        known = [f.catalogue for f in self._fleet.followers if f.catalogue]
        self._bars = {c.fingerprint: self._bars.get(c.fingerprint) or _bars(c) for c in known}
        # What most hosts have: none can take the others' columns.
        having = Counter(column for c in known for column in self._bars[c.fingerprint])
        chosen = {column for column, _ in having.most_common(_MAX_COLUMNS)}
        return tuple(column for column in having if column in chosen)

    @property
    def page(self) -> str:
        """Changes when the list has to be drawn anew: for other hosts or other columns."""
        shown = (sorted(f.key for f in self._fleet.followers), self.columns)
        return hashlib.sha256(repr(shown).encode()).hexdigest()[:16]

    def rows(self) -> dict[str, Row]:
        """Every host's row by its follower's key, worst first."""
        columns = self.columns
        names = self._fleet.hosts()
        found = {f.key: self._row(f, columns, names) for f in self._fleet.followers}
        order = verdict.SEVERITY.index
        ranked = sorted(found.items(), key=lambda kr: (order(kr[1].status), natural(kr[1].name)))
        return dict(ranked)

    def _row(self, follower: Follower, columns: tuple[Column, ...], names: Counter[str]) -> Row:
        client = follower.client
        health = problem.as_of_now(follower.health, follower.catalogue, client.state)
        judged = follower.verdict(health)
        reason = judged.reason
        if judged.status == "stale":  # for how long is the browser's to count
            last = verdict.judge("live", 0.0, follower.health)
            reason = words("hosts.last_known", text=last.text) if follower.health else ""
        seen = client.status if follower.seen else "connecting"
        figures = tuple(column.value(follower) for column in columns)
        old = self._told.get(follower.key)
        since = old.since if old and old.seen == seen else self._clock() - client.silent_seconds
        return Row(
            name=self._fleet.name_of(follower, names),
            status=judged.status,
            reason=reason,
            notes=tuple(self._fleet.notes(follower, names)),
            seen=seen,
            since=since if seen == "stale" else 0.0,
            figures=figures,
            levels=tuple(map(self._leveller(follower), columns, figures)),
        )

    def _leveller(self, follower: Follower) -> Callable[[Column, float | None], str]:
        bars = self._bars[follower.catalogue.fingerprint] if follower.catalogue else {}

        def level(column: Column, value: float | None) -> str:
            metric = bars.get(column)
            if metric is None or metric.card.bar is None or value is None:
                return ""
            return render.level(metric, metric.card.bar, column.rows, {column.field: value})

        return level

    def snapshot(self) -> dict[str, Any]:
        """All that a browser needs; the messages of `tick` go on from there."""
        if not self._told:
            self.tick()
        now = self._clock()
        rows = {key: row.members(now) for key, row in self._told.items()}
        return {"page": self.page, "rows": rows, "sparks": {key: self._sparks(key) for key in rows}}

    def tick(self) -> dict[str, Any]:
        """A second has passed: what is other than at the last tick.

        ``rows`` has each changed row's changed members, ``points`` at the end of a slot a letter
        for each sparkline of each row, ``sparks`` whole ones where history has come.
        """
        before, self._told = self._told, self.rows()
        columns, now = self.columns, self._clock()
        for key, row in self._told.items():
            for column, value in zip(columns, row.figures, strict=True):
                self._track(key, column).sample(value if row.seen == "live" else None)
        message: dict[str, Any] = {
            "page": self.page,
            "rows": dict(_changes(before, self._told, now)),
        }
        if now >= self._turn_at:
            self._turn_at = max(self._turn_at + SLOT_SECONDS, now)  # after a pause: no burst
            for track in self._tracks.values():
                track.turn()
            message["points"] = {
                key: "".join(self._track(key, column).newest for column in columns)
                for key in self._told
            }
        if refilled := self._refilled & self._told.keys():
            message["sparks"] = {key: self._sparks(key) for key in refilled}
        self._refilled.clear()
        self._forget(columns)
        return message

    def _track(self, key: str, column: Column) -> Track:
        return self._tracks.setdefault((key, column), Track())

    def _sparks(self, key: str) -> list[str]:
        return [str(self._track(key, column)) for column in self.columns]

    def _forget(self, columns: tuple[Column, ...]) -> None:
        kept = {(key, column) for key in self._told for column in columns}
        self._tracks = {k: track for k, track in self._tracks.items() if k in kept}
        for key, row in self._told.items():
            if row.seen != "live":
                self._filled.pop(key, None)  # it will have something to tell when it is back

    def fills(self) -> list[Callable[[], None]]:
        """For each host that has come (back), what asks it for the minutes that were missed."""
        due: list[Callable[[], None]] = []
        for follower in self._fleet.followers:
            key, epoch = follower.key, follower.client.epoch
            done = self._filled.get(key) == epoch or self._clock() < self._fill_at.get(key, 0.0)
            if done or not follower.seen or follower.client.status != "live":
                continue
            self._fill_at[key] = self._clock() + _FILL_RETRY_SECONDS
            due.append(partial(self._fill, follower, epoch))
        return due

    def _fill(self, follower: Follower, epoch: str | None) -> None:
        key = follower.key
        try:
            for column in self.columns:
                self._track(key, column).fill(recorded(column, follower))
        except (CollectorTimeout, ProtocolError, TooMany):
            return
        self._filled[key] = epoch
        self._refilled.add(key)


def natural(name: str) -> list[tuple[int, str]]:
    """A key that sorts names as people do: node-2 before node-10."""
    parts = re.findall(r"0*([0-9]+)|([^0-9]+)", name.casefold())
    return [(len(number), number) if number else (_AFTER_NUMBERS, text) for number, text in parts]


def counts(rows: dict[str, Row]) -> dict[str, int]:
    """How many hosts have each verdict that occurs, worst first."""
    found = Counter(row.status for row in rows.values())
    return {status: found[status] for status in verdict.SEVERITY if found[status]}


def summary(rows: dict[str, Row]) -> str:
    """The heading: ``Critical: 2 critical, 1 warning, 197 healthy``."""
    found = counts(rows)
    parts = ", ".join(f"{number} {verdict.WORDS[s].lower()}" for s, number in found.items())
    return f"{verdict.WORDS[next(iter(found))]}: {parts}" if found else words("hosts.none")


def _bars(catalogue: Catalogue) -> dict[Column, Metric]:
    return {column: metric for metric in catalogue.metrics if (column := Column.of(metric))}


def _changes(
    before: dict[str, Row], now: dict[str, Row], clock: float
) -> Iterator[tuple[str, dict[str, Any]]]:
    for key, row in now.items():
        old = before.get(key)
        if row == old:
            continue
        members = row.members(clock)
        if old is None:
            yield key, members
            continue
        changed = {n: v for n, v in members.items() if n == "silent" or v != getattr(old, n)}
        if row.seen == old.seen:
            del changed["silent"]
        yield key, changed
