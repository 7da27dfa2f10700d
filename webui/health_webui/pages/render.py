"""What the templates show of a collector: its catalogue filled with the values of its state.

All texts that come from a collector are untrusted; the templates escape every one of them.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from health_webui.following.catalogue import Card, Chart, Field, Metric
from health_webui.following.fleet import Follower, rows_of, value_at
from health_webui.pages.units import format_number
from health_webui.words import words

NOT_KNOWN = words("not_known")
MOST_ROWS = 200  # of a table
MOST_ROWS_IN_ALL = 1000  # of a page
_STATES = {
    status: words(f"state.{status}") for status in ("waiting", "unavailable", "denied", "failing")
}
# The verdicts' shapes, 16 units wide and high; a difference in form, not in colour alone.
SHAPES = {
    "healthy": '<path d="M8 0a8 8 0 1 1 0 16A8 8 0 0 1 8 0ZM4 8l3 3.2 5.2-6-1.5-1.2L7 8.2 5.4 6.6Z"'
    ' fill-rule="evenodd"/>',
    "warning": '<path d="M8 .5 16 15H0ZM7 5v5.2h2V5Zm0 6.4v2h2v-2Z" fill-rule="evenodd"/>',
    "critical": '<path d="M4.7 0h6.6L16 4.7v6.6L11.3 16H4.7L0 11.3V4.7ZM7 3.5v6h2v-6Zm0 7.2v2.1h2'
    'v-2.1Z" fill-rule="evenodd"/>',
    "unknown": '<path d="M8 0a8 8 0 1 1 0 16A8 8 0 0 1 8 0Zm0 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2ZM7 '
    '11h2v2H7Zm-2-5a3 3 0 1 1 4 2.8V10H7V7.5h1A1.4 1.4 0 1 0 6.7 6Z" fill-rule="evenodd"/>',
    "stale": '<path d="M0 0h16v16H0Zm2 2v12h12V2Zm2 5h8v2H4Z" fill-rule="evenodd"/>',
}
# For the favicon, which knows no colour scheme: seen on light and on dark tabs. In the page a
# shape has its state's colour from the style sheet.
_COLOURS = {
    "healthy": "#00946b",
    "warning": "#c77700",
    "critical": "#d55e00",
    "unknown": "#7f7f7f",
    "stale": "#7f7f7f",
}


@dataclass(slots=True, frozen=True)
class Value:
    """A value's text, and whether it is one. `hidden`: there is nothing to say at all."""

    text: str
    known: bool = True
    hidden: bool = False


@dataclass(slots=True, frozen=True)
class MetricView:
    """A metric with its newest sample, None where there is none, and its status in words.

    `most` is how many of its rows are drawn.
    """

    metric: Metric
    sample: Any
    status: str
    reason: str
    most: int = MOST_ROWS

    @property
    def words(self) -> str:
        words = _STATES.get(self.status, "")
        return f"{words}: {self.reason}" if words and self.reason else words

    @property
    def card(self) -> Card:
        return self.metric.card

    def value(self, field: Field) -> Value:
        return value(field, self.sample, optional=self.card.kind == "facts")

    @property
    def key(self) -> tuple[Field, ...]:
        """The figures to read from afar: the bar's, or the first; of a table, its totals."""
        return self.metric.key

    @property
    def lines(self) -> tuple[Field, ...]:
        return tuple(f for f in self.card.lines if f not in self.key)

    @property
    def trend(self) -> Field | None:
        """The rows' figure whose course is shown beside it: what a chart draws and no bar shows."""
        card = self.card
        if card.kind != "table" or card.bar or card.rows is None:
            return None
        rows = card.rows.name
        return next((c for c in card.columns if self.metric.chart_of(c.name, rows)), None)

    def range_of(self, field: Field, rows: str | None) -> tuple[float, float] | None:
        """Between what its course is drawn, where that is fixed."""
        chart = self.metric.chart_of(field.name, rows)
        return (0.0, 100.0) if field.unit == "percent" else chart.range if chart else None

    @property
    def charts(self) -> list[tuple[str, list[str], bool]]:
        """Each chart's title, lines' names, and whether its place is left out, as in chart.js.

        The names are those that need no rows. A chart without a figure says nothing, and one row by
        itself repeats what the chart of the whole says.
        """
        known = [(chart, self._lines(chart)) for chart in self.metric.charts]
        whole = {c.series[0].form for c, lines in known if lines and not c.rows}
        return [
            (
                chart.title or self.metric.title,
                [] if chart.rows else [f.label for f in self._known(chart)],
                not lines or bool(chart.rows and lines == 1 and chart.series[0].form in whole),
            )
            for chart, lines in known
        ]

    def _lines(self, chart: Chart) -> int:
        """How many lines the newest sample gives a chart."""
        if not chart.rows:
            return len(self._known(chart))
        rows = [row for _, row in rows_of(self.sample, chart.rows)]
        told = [row for row in rows if any(row.get(f.name) is not None for f in chart.series)]
        return len(told) * len(chart.series)

    def _known(self, chart: Chart) -> list[Field]:
        return [field for field in chart.series if value_of(field, self.sample) is not None]

    @property
    def pairs(self) -> list[tuple[str, Field | None, Field | None]]:
        """Flags by their labels: what holds now beside the same since boot."""
        now = {f.label: f for f in self.card.now}
        since = {f.label: f for f in self.card.since_boot}
        return [(label, now.get(label), since.get(label)) for label in now | since]

    def folded(self) -> frozenset[str]:
        """The columns in which no row has anything to say."""
        rows = self.rows()
        return frozenset(
            column.name
            for column in self.card.columns
            if rows and all(row.get(column.name) is None for row in rows)
        )

    def raised(self, field: Field | None) -> bool:
        return field is not None and value_of(field, self.sample) is True

    def rows(self) -> list[dict[str, Any]]:
        """The rows that are drawn."""
        return self._all()[: self.most]

    @property
    def left_out(self) -> int:
        """How many rows are not."""
        return max(len(self._all()) - self.most, 0)

    def _all(self) -> list[dict[str, Any]]:
        rows = self.card.rows
        return [row for _, row in rows_of(self.sample, rows.name)] if rows else []


def views(follower: Follower) -> list[MetricView]:
    """The metrics in the catalogue's order, what hardly ever changes last."""
    found = []
    left = MOST_ROWS_IN_ALL
    for metric in follower.catalogue.metrics if follower.catalogue else ():
        view = _view(follower, metric, min(MOST_ROWS, left))
        left -= len(view.rows())
        found.append(view)
    return sorted(found, key=lambda view: view.card.kind == "facts")


def _view(follower: Follower, metric: Metric, most: int) -> MetricView:
    state = follower.client.state
    sample = value_at(state, metric.state)
    if not isinstance(sample, dict):
        sample = None
    told = value_at(state, f"collector.metrics.{metric.name}")
    told = told if isinstance(told, dict) else {}
    status = told.get("status")
    if not isinstance(status, str) or status not in _STATES:
        status = "ok" if sample is not None else "waiting"
    reason = told.get("reason")
    return MetricView(metric, sample, status, reason if isinstance(reason, str) else "", most)


def value_of(field: Field, sample: Any) -> Any:
    return sample.get(field.name) if isinstance(sample, dict) else None


def value(field: Field, sample: Any, *, optional: bool = False) -> Value:
    """A field's value in words. A missing text says nothing, as does anything `optional`."""
    given = value_of(field, sample)
    text = _TEXTS.get(field.kind, _plain)(field, given)
    if text is not None:
        return Value(text)
    return Value(NOT_KNOWN, known=False, hidden=optional or field.kind == "text")


def _number(field: Field, given: Any) -> str | None:
    if isinstance(given, bool) or not isinstance(given, int | float):
        return None
    return format_number(given, field.unit)


def _flag(_: Field, given: Any) -> str | None:
    return words("yes" if given else "no") if isinstance(given, bool) else None


def utc(given: Any) -> str | None:
    """A time in UTC: the browser, which knows the reader's zone, writes it anew."""
    try:
        return f"{datetime.fromisoformat(given).astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    except (TypeError, ValueError, OverflowError):
        return None


def moment(given: str) -> Markup:
    """A time of this machine's own, which the browser writes anew in the reader's zone."""
    return Markup('<time datetime="{}">{}</time>').format(given, utc(given) or given)


def _time(_: Field, given: Any) -> str | None:
    return utc(given)


def _rows(_: Field, given: Any) -> str | None:
    return str(len(given)) if isinstance(given, list | tuple) else None


def _plain(_: Field, given: Any) -> str | None:
    return str(given) if given is not None else None


_TEXTS = {"gauge": _number, "flag": _flag, "time": _time, "rows": _rows, "text": _plain}


def percentage(field: Field, sample: Any) -> float | None:
    """How much of a bar is filled, 0 to 100; None where it is not known."""
    given = value_of(field, sample)
    if isinstance(given, bool) or not isinstance(given, int | float):
        return None
    return round(min(max(given, 0.0), 100.0), 1)


def level(metric: Metric, field: Field, rows: str | None, sample: Any) -> str:
    """``critical``, ``warning`` or nothing: how the bar is coloured."""
    rule, filled = metric.rule(field.name, rows), percentage(field, sample)
    if rule is None or filled is None:
        return ""
    for name, threshold in (("critical", rule.critical), ("warning", rule.warning)):
        if threshold is not None and filled >= threshold:
            return name
    return ""


def favicon(status: str) -> Markup:
    """The verdict's shape as a data: address."""
    image = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="-1 -1 18 18" '
        f'fill="{_COLOURS[status]}">{SHAPES[status]}</svg>'
    )
    return Markup("data:image/svg+xml,") + Markup(quote(image, safe="/:=' "))


def shapes() -> Markup:
    """The shapes as symbols, for ``<use href="#shape-warning">`` and the script's favicon."""
    symbols = (
        f'<symbol id="shape-{name}" viewBox="0 0 16 16" data-icon="{_COLOURS[name]}"'
        f' fill="var(--{name})">{path}</symbol>'
        for name, path in SHAPES.items()
    )
    return Markup("".join(symbols))
