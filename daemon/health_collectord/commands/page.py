"""What `status` prints: the verdict and what is wrong first, then every metric.

All of it is what a collector sent, and may be anything: what is not understood is left out or
shown in the plainest way, and nothing here raises.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from health_wire.units import format_number

from health_collectord.commands.paper import Paper, Part
from health_collectord.commands.told import (
    at,
    dict_of,
    dicts_of,
    list_of,
    named,
    number_of,
    rows_of,
    text_of,
    time_of,
)

VERDICTS = ("healthy", "warning", "critical", "unknown")
_ENDINGS = ("bytes_per_second", "bits_per_second", "per_second", "bytes", "seconds", "celsius",
            "hertz", "volts", "rpm", "percent")  # fmt: skip


def draw(told: dict[str, Any], paper: Paper) -> None:
    """The page.

    Args:
        told: what one moment of a collector is: `host`, `time`, `version`, `uptime_seconds`,
            `mode`, `health`, `metrics` (of `describe`) and `state`.
    """
    health = dict_of(told.get("health"))
    verdict = verdict_of(health)
    state, metrics = told.get("state"), dicts_of(told.get("metrics"))
    problems = [_Problem(p, metrics, state) for p in dicts_of(health.get("problems"))]
    summary = "; ".join(p.reason for p in problems) or text_of(health.get("summary"))
    paper.wrapped(f": {summary}" if summary else "", first=Part(verdict.capitalize(), verdict))
    now = time_of(told.get("time"))
    for problem in problems:
        problem.draw(paper, now)
    mode = text_of(told.get("mode"))
    replay = f" ({mode})" if mode not in ("", "live") else ""
    up = duration(number_of(told.get("uptime_seconds")) or 0.0)
    paper.line(
        Part(text_of(told.get("host")) or "unnamed", "title"),
        f", collector {text_of(told.get('version'))}{replay} up {up}, {moment(told.get('time'))}",
    )
    _coverage(dict_of(health.get("checks")), paper)
    for metric in metrics:
        _metric(metric, state, now, {p.row for p in problems if p.metric is metric}, paper)
    _record(dict_of(at(state, "collector.self.record")), paper)
    _kernel(dict_of(at(state, "collector.kernel")), paper)


def verdict_of(health: dict[str, Any]) -> str:
    """The status, `unknown` for one that is none."""
    status = health.get("status")
    return status if isinstance(status, str) and status in VERDICTS else "unknown"


class _Problem:
    """A problem with its figure of now: the state's, or else the one that it was told with."""

    def __init__(self, told: dict[str, Any], metrics: list[dict[str, Any]], state: Any) -> None:
        self._told = told
        name, row, rows = (told.get(key) for key in ("metric", "row", "rows"))
        self.row = row if isinstance(row, str) else None
        self.metric = next((m for m in metrics if m.get("name") == name), {})
        within: Any = self.metric
        sample = at(state, text_of(self.metric.get("state")))
        if self.row is not None:
            within = named(dicts_of(self.metric.get("fields")), rows)
            sample = next((r for r in rows_of(sample, rows) if r.get("key") == row), None)
        self._field = named(dicts_of(within.get("fields")), told.get("field"))
        now = number_of(dict_of(sample).get(text_of(told.get("field"))))
        self._value = now if now is not None else number_of(told.get("value"))

    @property
    def reason(self) -> str:
        subject = text_of(self._told.get("subject"))
        if not subject:
            return text_of(self._told.get("reason")) or text_of(self._told.get("field"))
        return subject if self._value is None else f"{subject} {self._figure(self._value)}"

    def draw(self, paper: Paper, now: datetime | None) -> None:
        severity = "critical" if self._told.get("severity") == "critical" else "warning"
        words = [self.reason]
        onset, limit = (number_of(self._told.get(k)) for k in ("value_at_onset", "threshold"))
        if limit is not None:
            words.append(f"limit {self._figure(limit)}")
        since = time_of(self._told.get("since"))
        if onset is not None:
            words.append(f"{self._figure(onset)} when it began")
        if since is not None and now is not None:
            words.append(f"since {moment(since.isoformat())}, {duration(_between(since, now))} ago")
        paper.wrapped("; ".join(words), indent=12, first=Part(f"  {severity:<10}", severity))
        rules = dicts_of(self.metric.get("rules"))
        rule = named([r for r in rules if r.get("rows") == self._told.get("rows")],
                      self._told.get("field"), "field")  # fmt: skip
        if advice := text_of(rule.get("advice")) or text_of(self._field.get("advice")):
            paper.wrapped(advice, indent=12, first=Part(" " * 12))

    def _figure(self, value: float) -> str:
        unit = self._field.get("unit")
        return format_number(value, unit if isinstance(unit, str) else None)


def _coverage(checks: dict[str, Any], paper: Paper) -> None:
    known, total, away = (number_of(checks.get(k)) for k in ("known", "total", "not_applicable"))
    if known is None or total is None:
        return
    apply_ = "does not apply" if away == 1 else "do not apply"
    rest = f"; {away:.0f} {apply_} here" if away else ""
    paper.line(f"{known:.0f} of {total:.0f} check{'' if total == 1 else 's'}{rest}")


def _record(told: dict[str, Any], paper: Paper) -> None:
    kept, since = number_of(told.get("kept_bytes")), text_of(told.get("kept_since"))
    if kept is None or not since:
        return
    paper.line()
    parts = [f": {format_number(kept, 'bytes')} since {since}"]
    if (written := number_of(told.get("written_bytes_per_day"))) is not None:
        parts.append(f"{format_number(written, 'bytes')} written a day")
    if day := text_of(told.get("full_on")):
        parts.append(f"nothing goes before {day}")
    paper.wrapped(", ".join(parts), indent=2, first=Part("Record", "title"))


def _kernel(told: dict[str, Any], paper: Paper) -> None:
    """Why nothing is heard of the kernel, if it is so."""
    status, reason = text_of(told.get("status")), text_of(told.get("reason"))
    if status not in ("", "ok"):
        paper.line()
        rest = f": {status}{f': {reason}' if reason else ''}"
        paper.wrapped(rest, indent=2, first=Part("Kernel messages", "title"))


def _metric(
    metric: dict[str, Any], state: Any, now: datetime | None, wrong: set[str | None], paper: Paper
) -> None:
    paper.line()
    title = text_of(metric.get("title")) or text_of(metric.get("name")) or "?"
    told = dict_of(at(state, f"collector.metrics.{text_of(metric.get('name'))}"))
    status = text_of(told.get("status")) or "waiting"
    if status != "ok":
        reason = text_of(told.get("reason"))
        rest = f": {status}{f': {reason}' if reason else ''}"
        paper.wrapped(rest, indent=2, first=Part(title, "title"))
        return
    since = time_of(told.get("since"))
    known = f" (ok for {duration(_between(since, now))})" if since and now else ""
    paper.line(Part(title, "title"), Part(known, "quiet"))
    data = dict_of(at(state, text_of(metric.get("state"))))
    fields = [f for f in dicts_of(metric.get("fields")) if isinstance(f.get("name"), str)]
    card = dict_of(metric.get("card"))
    if card.get("kind") == "flags":
        fields = _flags(card, fields, data, paper)
    first = [card.get("bar"), *list_of(card.get("lines"))]
    fields.sort(key=lambda f: first.index(f["name"]) if f.get("name") in first else len(first))
    paper.pairs(_pairs(fields, data))
    for field in fields:
        if field.get("kind") == "rows":
            columns = card.get("columns") if card.get("rows") == field.get("name") else None
            _table(field, columns, rows_of(data, field.get("name")), wrong, paper)


def _pairs(fields: list[dict[str, Any]], data: dict[Any, Any]) -> Iterator[tuple[str, Part]]:
    for field in fields:
        value = data.get(field["name"])
        if field.get("kind") != "rows" and value not in (None, ""):
            yield label(field), Part(figure(field, value))


def _flags(
    card: dict[str, Any], fields: list[dict[str, Any]], data: dict[Any, Any], paper: Paper
) -> list[dict[str, Any]]:
    """What holds now beside the same since boot; returns the fields that are none of it."""
    columns = [list_of(card.get("now")), list_of(card.get("since_boot"))]
    rows: dict[str, list[Part]] = {}
    for number, names in enumerate(columns):
        for field in fields:
            if field.get("name") in names:
                value = data.get(field["name"])
                row = rows.setdefault(label(field), [Part(label(field)), Part(""), Part("")])
                row[number + 1] = Part(figure(field, value), "warning" if value is True else "")
    if rows:
        paper.table(["", "Now", "Since boot"], list(rows.values()), [False, False, False])
    return [f for f in fields if not any(f.get("name") in names for names in columns)]


def _table(
    field: dict[str, Any], columns: Any, rows: list[dict[str, Any]], wrong: set[str | None],
    paper: Paper,
) -> None:  # fmt: skip
    """The rows by the card's columns, or else by all; without those where no row knows anything."""
    inner = [f for f in dicts_of(field.get("fields")) if isinstance(f.get("name"), str)]
    if isinstance(columns, list | tuple):
        inner = [f for name in columns for f in inner if f["name"] == name]
    inner = [
        f for f in inner
        if f["name"] != "key" and any(row.get(f["name"]) not in (None, "") for row in rows)
    ]  # fmt: skip
    if not rows:
        return
    cells = []
    for row in rows:
        key = text_of(row.get("key"))
        marked = Part(f"! {key}", "warning") if key in wrong else Part(key)
        cells.append([marked, *(Part(figure(f, row.get(f["name"]))) for f in inner)])
    heads = [label(field), *(label(f) for f in inner)]
    paper.table(heads, cells, [False, *(f.get("kind") == "gauge" for f in inner)])


def label(field: dict[str, Any]) -> str:
    """What a field is called, or its name without its unit: ``available_bytes`` is Available."""
    if called := text_of(field.get("label")):
        return called
    name = text_of(field.get("name"))
    if field.get("kind") == "gauge":
        ending = next((f"_{e}" for e in _ENDINGS if name.endswith(f"_{e}")), "")
        name = name.removesuffix(ending)
    words = name.replace("_", " ").strip()
    return f"{words[:1].upper()}{words[1:]}"


def figure(field: dict[str, Any], value: Any) -> str:
    """A value in words, with its unit."""
    if value is None:
        return "unknown" if field.get("kind") == "flag" else "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    number = number_of(value)
    if number is not None:
        unit = field.get("unit")
        return format_number(number, unit if isinstance(unit, str) else None)
    if field.get("kind") == "time" and time_of(value):
        return moment(value)
    return text_of(value)


def moment(value: Any) -> str:
    """A time to the second: ``2026-01-01 12:00:00 UTC``."""
    time = time_of(value)
    return f"{time:%Y-%m-%d %H:%M:%S} UTC" if time else text_of(value)


def duration(seconds: float) -> str:
    """Roughly how long: one unit, of which there are two at least."""
    whole = max(int(min(seconds, 1e15)), 0)
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if whole >= 2 * length:
            return f"{whole // length} {unit}"
    return f"{whole} s"


def _between(since: datetime, now: datetime) -> float:
    return (now - since).total_seconds()
