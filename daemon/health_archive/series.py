"""A segment's figures by series, and its other events, without making all of its lines again.

A series is a number of an event that changes the state: ``system.load.load1``, and in a list of
objects with keys ``system.cpu.usage.cores[0].user``, as the wire names them. A metric is the
event's state path, the rest is the series' name. Figures are whole thousandths.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from health_wire.tree import state_path

from health_archive.columns import Damage, read_tables
from health_archive.lines import Record, parse, whole_lines
from health_archive.shapes import FINE, SEQUENCED, TIMED, Table, Tables
from health_archive.texts import Texts, shortened, thousandths

HEARTBEAT = "collector.heartbeat"  # changes no state, but tells the monotonic time
_MOST = 20_000  # series of a segment; what comes after them has none
_MARK = "\ue000"  # begins what stands for a column in a template's JSON
_marks = re.compile(r"\ue000|\\ue000", re.IGNORECASE).search

Wanted = Callable[[str], bool]


@dataclass(slots=True, frozen=True)
class Samples:
    """Some of a series' samples: times in milliseconds since 1970, and figures or None."""

    times: Sequence[int]
    figures: Sequence[int | None]


class UnreadSamples(Samples):
    """The same, of which the figures are read when somebody looks: most nobody does."""

    __slots__ = ("_column", "_figures")

    def __init__(self, times: Sequence[int], column: Texts) -> None:
        for name, value in (("times", times), ("_column", column), ("_figures", None)):
            object.__setattr__(self, name, value)

    _column: Texts | None
    _figures: Sequence[int | None] | None

    @property
    def figures(self) -> Sequence[int | None]:
        if self._figures is None:
            assert self._column is not None
            found = _thousandths(self._column.figures())
            object.__setattr__(
                self, "_figures", [None] * len(self.times) if found is None else found
            )
            object.__setattr__(self, "_column", None)
        assert self._figures is not None
        return self._figures


@dataclass(slots=True)
class Contents:
    """What was read of a segment.

    Attributes:
        series: by metric and name; the samples are of one template each, and in order within it.
        events: those that were wanted whole.
        times: of all lines that have one, in the lines' order.
        placed: places in the order, and these lines' times; each pair of one template's lines.
        lines: how many there are.
        damages: what cannot be read.
    """

    series: dict[str, dict[str, list[Samples]]] = field(default_factory=dict)
    events: list[Record] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    placed: list[tuple[list[int], list[int]]] = field(default_factory=list)
    lines: int = 0
    damages: list[Damage] = field(default_factory=list)
    _count: int = 0

    def add(self, metric: str, name: str, samples: Samples) -> None:
        those = self.series.setdefault(metric, {})
        if name not in those:
            if self._count >= _MOST:
                return
            self._count += 1
        those.setdefault(name, []).append(samples)


def read_contents(
    segment: bytes,
    metric: Wanted,
    whole: Wanted,
    series: Wanted = lambda _: True,
    placed: bool = True,
    later: bool = False,
) -> Contents:
    """Reads a segment as columns.

    Args:
        segment: the file's content.
        metric: which state paths' figures are wanted.
        whole: the names of which events are wanted with all that they say.
        series: which series of these metrics are, by the rest of their names.
        placed: whether places are wanted, those of events as well.
        later: whether figures are read only when somebody looks at them.
    """
    reading = _Reading(metric, whole, series, placed, later)
    for part in read_tables(segment):
        if isinstance(part, Damage):
            reading.contents.damages.append(part)
        elif isinstance(part, Tables):
            reading.take(part)
        else:
            reading.take_lines(whole_lines(part))
    reading.contents.events.sort(key=lambda record: record.seq or 0)
    return reading.contents


def read_lines(
    lines: Iterable[bytes | Damage], metric: Wanted, whole: Wanted, series: Wanted = lambda _: True
) -> Contents:
    """The same of lines as they are."""
    reading = _Reading(metric, whole, series)
    for part in lines:
        if isinstance(part, Damage):
            reading.contents.damages.append(part)
        else:
            reading.take_lines((part,))
    reading.finish()
    return reading.contents


class _Reading:
    def __init__(
        self,
        metric: Wanted,
        whole: Wanted,
        series: Wanted,
        placed: bool = True,
        later: bool = False,
    ) -> None:
        self._placed, self._later = placed, later
        self.contents = Contents()
        self._metric, self._whole, self._series = metric, whole, series
        self._single: dict[tuple[str, str], Samples] = {}
        self._places: tuple[list[int], list[int]] = ([], [])
        self.contents.placed.append(self._places)

    def take(self, tables: Tables) -> None:
        contents = self.contents
        times, seqs = tables.times.read(), tables.seqs.read() if self._placed else []
        contents.times += times
        contents.lines += len(tables.order)
        own_times = _own(tables, times, TIMED)
        own_seqs = _own(tables, seqs, SEQUENCED) if self._placed else [[] for _ in own_times]
        for table, those, places in zip(tables.tables, own_times, own_seqs, strict=True):
            usual = table.flags & (TIMED | SEQUENCED) == TIMED | SEQUENCED
            if usual and self._placed:
                contents.placed.append((places, those))
            known = _skeleton(table) if usual and not table.flags & FINE else None
            if known is None:
                self._take_rows(table, those, places, with_figures=True)
                continue
            name, data = known
            if self._whole(name):
                self._take_rows(table, those, places, with_figures=False)
            path = HEARTBEAT if name == HEARTBEAT else state_path(name)
            if path is None or not self._metric(path):
                continue
            for series, value in leaves(data):
                if isinstance(value, int) and self._series(series):
                    if self._later:
                        contents.add(path, series, UnreadSamples(those, table.columns[value]))
                        continue
                    figures = _thousandths(table.columns[value].figures())
                    if figures is not None:
                        contents.add(path, series, Samples(those, figures))
        self.finish()

    def _take_rows(
        self, table: Table, times: list[int], seqs: list[int], with_figures: bool
    ) -> None:
        """Line by line, where values are not all numbers, or the event is wanted whole."""
        begin = '{"time":"' if table.flags & TIMED else ""
        end = '":0}' if table.flags & SEQUENCED else ""
        for number, row in enumerate(table.rows()):
            line = f"{begin}{row}{end}".encode("latin-1")
            try:
                if not begin:
                    record = parse(line)
                else:
                    found = json.loads(line)
                    record = Record(times[number], found["name"], found["data"], found.get("seq"))
                if seqs:
                    record = Record(record.time, record.name, record.data, seqs[number])
            except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
                continue
            if not begin or not end:
                self._place(record)
            self._take_record(record, with_figures)

    def _place(self, record: Record) -> None:
        if type(record.seq) is int:
            self._places[0].append(record.seq)
            self._places[1].append(record.time)

    def take_lines(self, lines: Iterable[bytes]) -> None:
        contents = self.contents
        for line in lines:
            contents.lines += 1
            try:
                record = parse(line)
            except ValueError:
                continue
            contents.times.append(record.time)
            self._place(record)
            self._take_record(record, with_figures=True)

    def _take_record(self, record: Record, with_figures: bool) -> None:
        if self._whole(record.name):
            self.contents.events.append(record)
        if not with_figures:
            return
        path = HEARTBEAT if record.name == HEARTBEAT else state_path(record.name)
        if path is None or not self._metric(path):
            return
        for series, value in leaves(record.data):
            if self._series(series) and type(value) in (int, float):
                samples = self._single.setdefault((path, series), Samples([], []))
                assert isinstance(samples.times, list)
                assert isinstance(samples.figures, list)
                samples.times.append(record.time)
                samples.figures.append(thousandths(repr(value)))

    def finish(self) -> None:
        for (path, series), samples in self._single.items():
            self.contents.add(path, series, samples)
        self._single = {}


def _own(tables: Tables, numbers: list[int], flag: int) -> list[list[int]]:
    """Of each table that has the flag, its lines' numbers, in order."""
    own: list[list[int]] = [[] for _ in tables.tables]
    has = [table.flags & flag for table in tables.tables]
    if all(has):
        for table, number in zip(tables.order, numbers, strict=True):
            own[table].append(number)
    else:
        rest = iter(numbers)
        for table in tables.order:
            if has[table]:
                own[table].append(next(rest))
    return own


def _skeleton(table: Table) -> tuple[str, Any] | None:
    """A template's name and data, with the places of columns for numbers; None if it is no JSON."""
    texts = [text.encode("latin-1").decode("utf-8", "replace") for text in table.literals]
    if any(map(_marks, texts)):
        return None  # somebody writes of it
    first, *literals = texts
    text = "".join(f'":"{_MARK}{i}"{literal}' for i, literal in enumerate(literals))
    end = '":0}' if table.flags & SEQUENCED else ""
    try:
        record = json.loads(f'{{"time":"{first}{text}{end}', object_pairs_hook=_columns)
        return (record["name"], record["data"]) if isinstance(record["name"], str) else None
    except (ValueError, LookupError, TypeError, RecursionError):
        return None


def _columns(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return {key: _column(value) for key, value in pairs}


def _column(value: Any) -> Any:
    """The column that a text stands for; true and false are numbers to Python, and no figures."""
    if isinstance(value, str) and value.startswith(_MARK):
        return int(value[len(_MARK) :])
    return None if isinstance(value, int | float) else value


def leaves(data: Any) -> Iterator[tuple[str, Any]]:
    """Every value that could be a figure, under its series' name."""
    if not isinstance(data, dict):
        return
    for key, value in data.items():
        if not isinstance(value, list):
            yield key, value
            continue
        for row in value:
            match row:
                case {"key": str(name)}:
                    for inner, figure in row.items():
                        yield f"{key}[{name}].{inner}", figure


def _thousandths(found: tuple[int, list[int | None]] | None) -> Sequence[int | None] | None:
    if found is None:
        return None
    places, numbers = found
    if places == 3:
        return numbers
    if places < 3 and None not in numbers:
        scale = 10 ** (3 - places)
        return [n * scale for n in numbers if n is not None]
    return [n if n is None else shortened(n, places) for n in numbers]
