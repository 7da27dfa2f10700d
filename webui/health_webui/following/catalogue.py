"""What a collector can be drawn from: its reply to `describe`, checked and completed.

A collector may be newer than this program, or broken, or hostile. What is not understood is left
out or drawn in the plainest way; nothing here raises for what the other side sends.
"""

import hashlib
from dataclasses import dataclass
from typing import Any

_UNIT_ENDINGS = (
    "bytes_per_second",
    "bits_per_second",
    "per_second",
    "bytes",
    "seconds",
    "celsius",
    "hertz",
    "volts",
    "rpm",
    "percent",
)
_MAX_COLUMNS = 16
_MAX_RANGE_SECONDS = 3660 * 86400.0


@dataclass(slots=True, frozen=True)
class Field:
    """A field of a message or row. `kind` is gauge, text, time, flag or rows."""

    name: str
    kind: str
    doc: str
    unit: str | None = None
    history: bool = False
    advice: str = ""
    called: str = ""
    fields: tuple["Field", ...] = ()

    @property
    def label(self) -> str:
        """What it is called, or its name without its unit: ``available_bytes`` is Available."""
        if self.called:
            return self.called
        name = self.name
        if self.kind == "gauge":
            ending = next((f"_{e}" for e in _UNIT_ENDINGS if name.endswith(f"_{e}")), "")
            name = name.removesuffix(ending)
        words = name.replace("_", " ").strip() or self.name
        return words[0].upper() + words[1:]

    @property
    def form(self) -> str:
        """How a value is written: a gauge's unit, or else the kind."""
        return self.unit or "count" if self.kind == "gauge" else self.kind

    def field(self, name: str) -> "Field | None":
        return next((f for f in self.fields if f.name == name), None)


@dataclass(slots=True, frozen=True)
class Rule:
    kind: str
    field: str
    rows: str | None
    warning: float | None
    critical: float | None
    advice: str = ""


@dataclass(slots=True, frozen=True)
class Card:
    """A card; which members are used depends on its kind: figures, table, flags or facts."""

    kind: str
    title: str
    lines: tuple[Field, ...] = ()
    bar: Field | None = None
    rows: Field | None = None
    columns: tuple[Field, ...] = ()
    now: tuple[Field, ...] = ()
    since_boot: tuple[Field, ...] = ()


@dataclass(slots=True, frozen=True)
class Chart:
    kind: str
    title: str
    series: tuple[Field, ...]
    rows: str | None
    range: tuple[float, float] | None
    stacked: bool


@dataclass(slots=True, frozen=True)
class Metric:
    name: str
    title: str
    event: str
    state: str
    interval: float
    fields: tuple[Field, ...]
    rules: tuple[Rule, ...]
    card: Card
    charts: tuple[Chart, ...]

    def field(self, name: str, rows: str | None = None) -> Field | None:
        within = self.field(rows).fields if rows and self.field(rows) else self.fields  # type: ignore[union-attr]
        return next((f for f in within if f.name == name), None)

    def rule(self, field: str, rows: str | None) -> Rule | None:
        """The rule with thresholds that applies to the field, if there is one."""
        return next(
            (r for r in self.rules if r.kind == "above" and (r.field, r.rows) == (field, rows)),
            None,
        )

    @property
    def key(self) -> tuple[Field, ...]:
        """The figures to read from afar: the bar's, or the first; of a table, its totals."""
        if self.card.kind == "table":
            return self.card.lines
        if self.card.kind != "figures":
            return ()
        return (self.card.bar,) if self.card.bar else self.card.lines[:1]

    @property
    def traced(self) -> tuple[Field, ...]:
        """What has its course drawn beside it, although no chart shows it."""
        return tuple(f for f in self.key if f.history and not self.chart_of(f.name, None))

    def chart_of(self, field: str, rows: str | None) -> Chart | None:
        """The chart that shows the field, if there is one."""
        shown = (
            c for c in self.charts if c.rows == rows and any(s.name == field for s in c.series)
        )
        return next(shown, None)


@dataclass(slots=True, frozen=True)
class Catalogue:
    """`ranges`: how far back each of the collector's records reaches, in seconds, least first."""

    title: str
    metrics: tuple[Metric, ...]
    fingerprint: str
    ranges: tuple[int, ...] = ()


def parse(reply: dict[str, Any]) -> Catalogue:
    """The catalogue in a reply to `describe`."""
    metrics = tuple(filter(None, (_metric(m) for m in _dicts(reply.get("metrics")))))
    ranges = tuple(sorted({int(s) for s in map(_seconds, _dicts(reply.get("history"))) if s}))
    digest = hashlib.sha256(repr((metrics, ranges)).encode()).hexdigest()[:16]
    return Catalogue(_text(reply.get("title")), metrics, digest, ranges)


def _seconds(kept: dict[str, Any]) -> float | None:
    """How far back one of the collector's records reaches, if that makes sense."""
    seconds = _number(kept.get("seconds"))
    return seconds if seconds is not None and 1 <= seconds <= _MAX_RANGE_SECONDS else None


def _metric(given: dict[str, Any]) -> Metric | None:
    name, state = _text(given.get("name")), _text(given.get("state"))
    if not name or not state:
        return None
    fields = _fields(given.get("fields"))
    title = _text(given.get("title")) or name
    return Metric(
        name=name,
        title=title,
        event=_text(given.get("event")),
        state=state,
        interval=min(max(_number(given.get("interval")) or 1.0, 0.1), 86400.0),
        fields=fields,
        rules=tuple(_rule(r) for r in _dicts(given.get("rules"))),
        card=_card(given.get("card"), fields, title),
        charts=tuple(filter(None, (_chart(c, fields) for c in _dicts(given.get("charts"))))),
    )


def _fields(given: Any) -> tuple[Field, ...]:
    return tuple(
        Field(
            name=name,
            kind=_text(f.get("kind")),
            doc=_text(f.get("doc")),
            unit=_text(f.get("unit")) or None,
            history=f.get("history") is True,
            advice=_text(f.get("advice")),
            called=_text(f.get("label")),
            fields=_fields(f.get("fields")),
        )
        for f in _dicts(given)
        if (name := _text(f.get("name")))
    )


def _rule(given: dict[str, Any]) -> Rule:
    return Rule(
        kind=_text(given.get("kind")),
        field=_text(given.get("field")),
        rows=_text(given.get("rows")) or None,
        warning=_number(given.get("warning")),
        critical=_number(given.get("critical")),
        advice=_text(given.get("advice")),
    )


def _card(given: Any, fields: tuple[Field, ...], title: str) -> Card:
    card = given if isinstance(given, dict) else {}
    kind, title = _text(card.get("kind")), _text(card.get("title")) or title
    lines = _pick(card.get("lines"), fields)
    if kind == "table":
        rows = _one(card.get("rows"), fields)
        if rows is not None:
            columns = _pick(card.get("columns"), rows.fields)[:_MAX_COLUMNS]
            bar = _one(card.get("bar"), rows.fields)
            return Card(kind, title, lines=lines, rows=rows, columns=columns, bar=bar)
    elif kind == "flags":
        now, since_boot = _pick(card.get("now"), fields), _pick(card.get("since_boot"), fields)
        return Card(kind, title, lines=lines, now=now, since_boot=since_boot)
    elif kind in ("figures", "facts"):
        return Card(kind, title, lines=lines, bar=_one(card.get("bar"), fields))
    plain = tuple(f for f in fields if f.kind != "rows")
    return Card("figures", title, lines=lines or plain)  # a kind of card we do not know


def _chart(given: dict[str, Any], fields: tuple[Field, ...]) -> Chart | None:
    rows = _one(given.get("rows"), fields)
    series = tuple(
        f for f in _pick(given.get("series"), rows.fields if rows else fields) if f.history
    )
    if _text(given.get("kind")) != "lines" or not series:
        return None
    bounds = given.get("range")
    low, high = (*bounds, None, None)[:2] if isinstance(bounds, list | tuple) else (None, None)
    low, high = _number(low), _number(high)
    return Chart(
        kind="lines",
        title=_text(given.get("title")),
        series=series,
        rows=rows.name if rows else None,
        range=(low, high) if low is not None and high is not None and low < high else None,
        stacked=given.get("stacked") is True,
    )


def _pick(names: Any, fields: tuple[Field, ...]) -> tuple[Field, ...]:
    found = (_one(name, fields) for name in (names if isinstance(names, list | tuple) else ()))
    return tuple(filter(None, found))


def _one(name: Any, fields: tuple[Field, ...]) -> Field | None:
    return next((f for f in fields if f.name == name), None)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [v for v in value if isinstance(v, dict)] if isinstance(value, list | tuple) else []
