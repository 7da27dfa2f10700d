"""Finds the metrics and describes them, for the wire, the configuration and the history."""

import importlib
import pkgutil
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from health_collectord import metrics
from health_collectord.events import event_name
from health_collectord.vocabulary import Field, Flags, Metric, Rows, Table, fields_of


class CatalogueError(Exception):
    """A metric module is not what it has to be; the text names the module and the mend."""


@dataclass(frozen=True)
class Entry:
    """A metric under its name, which is its module's, with what follows from its declarations."""

    name: str
    metric: Metric

    @cached_property
    def event(self) -> str:
        return event_name(self.metric.message)

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        return fields_of(self.metric.message)

    def describe(self) -> dict[str, Any]:
        """The metric's part of the `describe` reply; PROTOCOL.md documents its shape."""
        m = self.metric
        return {
            "name": self.name,
            "title": m.title,
            "event": self.event,
            "state": m.state,
            "interval": m.interval,
            "on_change": m.on_change,
            "fields": [_describe_field(f) for f in self.fields],
            "rules": [{"kind": r.kind, **asdict(r)} for r in m.rules],
            "card": {"kind": m.card.kind, **asdict(m.card)},
            "charts": [{"kind": c.kind, **asdict(c)} for c in m.charts],
        }


def _describe_field(field: Field) -> dict[str, Any]:
    kind = field.kind
    described = {"name": field.name, "kind": type(kind).__name__.lower(), **asdict(kind)}
    if isinstance(kind, Rows) and field.row is not None:
        described["fields"] = [_describe_field(f) for f in fields_of(field.row)]
    return described


def load() -> tuple[Entry, ...]:
    """All metrics, in the order in which a page shows them.

    Raises:
        CatalogueError: a module without exactly one METRIC, or a name used twice.
    """
    entries = []
    for module in pkgutil.iter_modules(metrics.__path__):
        loaded = importlib.import_module(f"{metrics.__name__}.{module.name}")
        found = [v for v in vars(loaded).values() if isinstance(v, Metric)]
        if len(found) != 1 or getattr(loaded, "METRIC", None) is not found[0]:
            raise CatalogueError(
                f"{loaded.__file__}: a metric module holds exactly one Metric, named METRIC; "
                f"this one holds {len(found)}"
            )
        entries.append(Entry(module.name, found[0]))
    _check(entries)
    return tuple(sorted(entries, key=lambda e: e.metric.order))


def _check(entries: list[Entry]) -> None:
    for what in ("event", "state"):
        seen: dict[str, str] = {}
        for entry in entries:
            value = entry.event if what == "event" else entry.metric.state
            if value in seen:
                raise CatalogueError(
                    f"metrics {seen[value]!r} and {entry.name!r} use the same {what}, {value}"
                )
            seen[value] = entry.name
    for entry in entries:
        _check_references(entry)


def _check_references(entry: Entry) -> None:
    """Rules, card and charts may only speak of fields that the message has."""
    top = {f.name for f in entry.fields}
    rows = {f.name: {g.name for g in fields_of(f.row)} for f in entry.fields if f.row}

    def need(names: tuple[str | None, ...], within: str | None, where: str) -> None:
        known = rows.get(within, set()) if within else top
        for name in names:
            if name is not None and name not in known:
                named = f"{within}.{name}" if within else name
                raise CatalogueError(
                    f"metric {entry.name!r}: its {where} names {named}, which its message has not"
                )

    m, card = entry.metric, entry.metric.card
    for rule in m.rules:
        need((rule.field,), rule.rows, "rule")
    for chart in m.charts:
        need(chart.series, chart.rows, "chart")
    need(card.lines, None, "card")
    if isinstance(card, Table):
        need((*card.columns, card.bar), card.rows, "card")
    elif isinstance(card, Flags):
        need((*card.now, *card.since_boot), None, "card")
