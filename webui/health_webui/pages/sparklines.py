"""A figure's last five minutes, in slots of five seconds; gathered here, filled from the host."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from health_wire import ProtocolError, protocol

from health_webui.following.catalogue import Metric
from health_webui.following.fleet import Follower, rows_of, value_at
from health_webui.following.history import Question

SLOTS = 60
SLOT_SECONDS = 5
_GAP, _ZERO = " ", ord("0")


@dataclass(slots=True, frozen=True)
class Column:
    """A figure of every host: the bar of a metric's card, 0 to 100; of rows, the fullest."""

    state: str
    rows: str | None
    field: str
    title: str
    form: str
    doc: str

    @classmethod
    def of(cls, metric: Metric) -> "Column | None":
        card = metric.card
        if card.bar is None:
            return None
        rows = card.rows.name if card.rows else None
        return cls(metric.state, rows, card.bar.name, card.title, card.bar.form, card.bar.doc)

    def value(self, follower: Follower) -> float | None:
        """What it is now; None where it is not known."""
        sample = value_at(follower.client.state, self.state)
        given = [row for _, row in rows_of(sample, self.rows)] if self.rows else [sample]
        numbers = _numbers(v.get(self.field) for v in given if isinstance(v, dict))
        return round(min(max(max(numbers), 0.0), 100.0), 1) if numbers else None

    def series(self, follower: Follower) -> list[str]:
        """The names of its series in the collector's history, as many as it takes at once."""
        if self.rows is None:
            return [f"{self.state}.{self.field}"]
        rows = rows_of(value_at(follower.client.state, self.state), self.rows)
        names = [f"{self.state}.{self.rows}[{key}].{self.field}" for key, _ in rows]
        return names[: protocol.MAX_SERIES]


class Track:
    """A value for each slot, oldest first, None where unknown."""

    def __init__(self) -> None:
        self.slots: list[float | None] = [None] * SLOTS
        self._sum, self._count = 0.0, 0

    def sample(self, value: float | None) -> None:
        if value is not None:
            self._sum, self._count = self._sum + value, self._count + 1

    def turn(self) -> None:
        """A slot is over: what was sampled in it, on average, is the newest value."""
        self.slots = [*self.slots[1:], self._sum / self._count if self._count else None]
        self._sum, self._count = 0.0, 0

    def fill(self, slots: list[float | None]) -> None:
        """What was not seen from here."""
        both = zip(self.slots, slots, strict=True)
        self.slots = [theirs if ours is None else ours for ours, theirs in both]

    @property
    def newest(self) -> str:
        return _letter(self.slots[-1])

    def __str__(self) -> str:
        """A letter for each slot: "0" for 0 %, one on for every 2 %, a blank for a gap."""
        return "".join(map(_letter, self.slots))


def _letter(value: float | None) -> str:
    return _GAP if value is None else chr(_ZERO + round(min(max(value, 0.0), 100.0) / 2))


def recorded(column: Column, follower: Follower) -> list[float | None]:
    """The host's own record of a column, in slots that end now; of rows the greatest.

    Raises:
        CollectorTimeout, ProtocolError: the collector did not give it.
        TooMany: too many are asking.
    """
    names = column.series(follower)
    if not names:
        return [None] * SLOTS
    question = Question(series=tuple(names), seconds=float(SLOTS * SLOT_SECONDS))
    try:
        reply = follower.history.ask(question)
    except ProtocolError as error:
        if error.error == protocol.NOT_FOUND:  # it is not kept, or not yet
            return [None] * SLOTS
        raise
    return greatest(
        in_slots(columns["t"], columns["avg"], reply["end"]) for columns in reply["series"].values()
    )


def greatest(found: Iterable[list[float | None]]) -> list[float | None]:
    """Slot by slot, the greatest that is known."""
    slots: list[float | None] = [None] * SLOTS
    for given in found:
        slots = [
            max((v for v in both if v is not None), default=None)
            for both in zip(slots, given, strict=True)
        ]
    return slots


def in_slots(t: Sequence[float], values: Sequence[float | None], end: float) -> list[float | None]:
    """Each slot's value at its end: a figure stands until the next one comes, or a gap."""
    points = list(zip(t, values, strict=True))
    slots: list[float | None] = []
    position = 0
    standing: float | None = None
    for slot in range(SLOTS):
        limit = end - (SLOTS - 1 - slot) * SLOT_SECONDS
        while position < len(points) and points[position][0] <= limit:
            standing = points[position][1]
            position += 1
        slots.append(standing)
    return slots


def _numbers(given: Iterable[Any]) -> list[float]:
    return [v for v in given if isinstance(v, int | float) and not isinstance(v, bool)]
