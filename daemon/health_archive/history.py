"""What figures were: any window, at most so many points, and true extremes at every zoom."""

import re
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import chain, compress, islice
from operator import gt, lt
from pathlib import Path
from typing import Any

from health_archive import minutes
from health_archive.index import connect
from health_archive.minutes import HOUR, MINUTE, Rows, Stretches, joined, merged, read_alone
from health_archive.numbers import DamagedSegment
from health_archive.segments import Segment, list_segments, segment_name
from health_archive.series import Contents, Samples, read_contents, read_lines
from health_archive.thinning import Points, Thinning

_SAMPLES_UP_TO = 2 * HOUR  # longer windows are of minutes, and the longest of hours
_MINUTES_UP_TO = 45 * 24 * HOUR
MOST_PENDING = 12  # segments; while an index is made anew, not all of a window is known
_MOST_READ = 16  # segments of which what was read is kept: some more than two hours have
_MOST_EDGES = 8192  # a kilobyte each: of 28 series, all that two days have
_LEAST = 48
_DAY = 24 * HOUR
_LAST_TIME = "max(json_extract(facts, '$.first_time'), json_extract(facts, '$.last_time'))"


class History:
    """Answers from a record and its index. For one thread at a time.

    Args:
        folder: the record's.
        index: the index's file.

    Raises:
        sqlite3.Error: the index cannot be opened.
    """

    def __init__(self, folder: Path, index: Path) -> None:
        self._folder = folder
        self._db = connect(index)
        self._edges_read: OrderedDict[tuple[str, str, str], Rows] = OrderedDict()
        self._read: OrderedDict[str, tuple[int, Contents]] = OrderedDict()

    def close(self) -> None:
        self._db.close()

    def series(self) -> list[str]:
        """The names of all series that the index has figures of."""
        found = {
            f"{metric}.{series}"
            for metric, series in self._db.execute("SELECT DISTINCT metric, series FROM days")
        }
        for metric, blob in self._db.execute("SELECT metric, minutes FROM edges"):
            with suppress(DamagedSegment):
                found.update(f"{metric}.{series}" for series in minutes.unpack(blob))
        return sorted(found)

    def query(
        self, names: Sequence[str], start: int, end: int, points: int = 1000
    ) -> dict[str, Points]:
        """Series in a window; one that is not known has no points.

        Every sample up to two hours, figures of minutes up to 45 days, figures of hours beyond
        that, and coarser ones where these are enough for two thirds of the points; of
        neighbours, as many become one as it takes.

        Args:
            names: as ``system.load.load1``.
            start, end: in milliseconds since 1970; what happened at either is in it.
            points: at most so many.

        Raises:
            OSError: a segment cannot be read.
            sqlite3.Error: the index cannot be.
        """
        wanted = _Wanted(names)
        unit = unit_of(end - start, points)
        thinning = Thinning(unit, start, end, points)
        if unit == 1:
            found = {
                name: thinning.of_samples(at, figures)
                for name, at, figures in self._samples(wanted, start, end)
            }
        else:
            rows = self._rows(wanted, start, end, unit)
            found = {name: thinning.of_rows(each) for name, each in rows.items()}
        none = thinning.of_rows(Rows())
        return {name: found.get(name, none) for name in names}

    def _samples(
        self, wanted: "_Wanted", start: int, end: int
    ) -> Iterator[tuple[str, list[int], list[int]]]:
        """Each series' samples in the order of their times."""
        found: dict[str, list[Samples]] = {}
        for segment in self._overlapping(start, end):
            for name, samples in self._samples_of(segment, wanted):
                found.setdefault(name, []).append(_known(samples))
        orders: dict[tuple[int, ...], _Order] = {}
        for name, parts in found.items():
            times = [part.times for part in parts]
            key = tuple(map(id, times))
            order = orders.get(key)
            if order is None:
                order = orders[key] = _Order(times, start, end)
            if order.at:
                yield name, order.at, order.of([part.figures for part in parts])

    def _rows(self, wanted: "_Wanted", start: int, end: int, unit: int) -> dict[str, Rows]:
        first, last = start // unit, end // unit
        found: dict[str, list[Rows]] = {}

        def take(name: str, rows: Rows) -> None:
            rows = rows if _ascends(rows.at) else merged(rows, 1)  # the clock may have gone back
            begin, finish = bisect_left(rows.at, first), bisect_right(rows.at, last)
            if begin < finish:
                found.setdefault(name, []).append(rows.part(begin, finish))

        days = segment_name(start - _DAY)[:10], segment_name(end + _DAY)[:10]
        for name, (metric, series) in wanted.parts.items():
            form, read = ("hours", read_alone) if unit == HOUR else ("minutes", joined)
            for (blob,) in self._db.execute(
                f"SELECT {form} FROM days WHERE metric = ? AND series = ? AND day BETWEEN ? AND ?"
                " ORDER BY day",
                (metric, series, *days),
            ):
                with suppress(DamagedSegment):
                    take(name, read(blob))
        for name, rows in self._edges(wanted, start, end):
            take(name, merged(rows) if unit == HOUR else rows)
        stretches = Stretches(unit)
        for segment in self._pending(start, end):
            for name, samples in self._samples_of(segment, wanted):
                take(name, stretches.rows([samples]))
        return {name: _together(parts) for name, parts in found.items()}

    def _edges(self, wanted: "_Wanted", start: int, end: int) -> Iterator[tuple[str, Rows]]:
        span = (segment_name(start - _DAY), segment_name(end))
        metrics = ", ".join("?" * len(wanted.metrics))
        for segment, metric in self._db.execute(
            "SELECT segment, metric FROM edges WHERE segment >= ? AND segment <= ?"
            f" AND metric IN ({metrics})",
            (*span, *wanted.metrics),
        ):
            with suppress(DamagedSegment):
                for rest, rows in self._edge(segment, metric, wanted.metrics[metric]):
                    yield f"{metric}.{rest}", rows

    def _edge(self, segment: str, metric: str, rests: set[str]) -> Iterator[tuple[str, Rows]]:
        """A segment's figures, which do not change any more."""
        kept = self._edges_read
        missing = {rest for rest in rests if (segment, metric, rest) not in kept}
        if missing:
            row = self._db.execute(
                "SELECT minutes FROM edges WHERE segment = ? AND metric = ?", (segment, metric)
            ).fetchone()
            found = {} if row is None else minutes.unpack(row[0], missing)
            while len(kept) >= _MOST_EDGES:
                kept.popitem(last=False)
            kept.update({(segment, metric, rest): found.get(rest, Rows()) for rest in missing})
        for rest in rests:
            rows = kept.get((segment, metric, rest))
            if rows:
                yield rest, rows

    def _samples_of(self, segment: Segment, wanted: "_Wanted") -> Iterator[tuple[str, Samples]]:
        contents = self._contents(segment, wanted)
        for metric, rests in wanted.metrics.items():
            series = contents.series.get(metric, {})
            for rest in rests & series.keys():
                for samples in series[rest]:
                    yield f"{metric}.{rest}", samples

    def _contents(self, segment: Segment, wanted: "_Wanted") -> Contents:
        """All of an ended segment, for who asks for more of it next; of another what is wanted."""
        path = segment.columns_path
        try:
            size = path.stat().st_size
            known = self._read.get(segment.name)
            if known is None or known[0] != size:
                known = (
                    size,
                    read_contents(path.read_bytes(), _all, _none, placed=False, later=True),
                )
                self._read[segment.name] = known
                if len(self._read) > _MOST_READ:
                    self._read.popitem(last=False)
            self._read.move_to_end(segment.name)
            return known[1]
        except FileNotFoundError:
            rests = set().union(*wanted.metrics.values())
            lines = _lines_of(segment, wanted)
            return read_lines(lines, wanted.metrics.__contains__, _none, rests.__contains__)

    def _overlapping(self, start: int, end: int) -> list[Segment]:
        """Segments that may have something of a window, in the order of their names."""
        found = []
        for name, last in self._db.execute(
            f"SELECT name, {_LAST_TIME} FROM segments WHERE name >= ? AND name <= ? ORDER BY name",
            (segment_name(start - _DAY), segment_name(end)),
        ):
            if last is None or last >= start:
                found.append(Segment(self._folder, name))
        return found + self._pending(start, end)

    def _pending(self, start: int, end: int) -> list[Segment]:
        """The newest segments that the index does not have yet."""
        (newest,) = self._db.execute("SELECT max(name) FROM segments").fetchone()
        since = "" if newest is None else newest
        since = max(since, segment_name(start - _DAY))
        found = list_segments(self._folder, since[:10])
        return [s for s in found if s.name > since and s.begin <= end][-MOST_PENDING:]


def unit_of(window: int, points: int) -> int:
    """Of which figures a window is made: of samples (1), minutes or hours, in milliseconds.

    What is at a window's ends counts as a whole one: that has to be a small part.
    """
    most = window // max(2 * points // 3, _LEAST)
    for unit, up_to in ((HOUR, _MINUTES_UP_TO), (MINUTE, _SAMPLES_UP_TO)):
        if most >= unit or window > up_to:
            return unit
    return 1


def _all(_: str) -> bool:
    return True


def _none(_: str) -> bool:
    return False


class _Order:
    """Times as they follow each other, and those in a window: the same for many series."""

    def __init__(self, times: list[Sequence[int]], start: int, end: int) -> None:
        at = list(chain.from_iterable(times))
        self._places: list[int] | None = None
        if any(map(gt, at, islice(at, 1, None))):
            self._places = sorted(range(len(at)), key=at.__getitem__)
            at = [at[place] for place in self._places]
        self._inside = slice(bisect_left(at, start), bisect_right(at, end))
        self.at = at[self._inside]

    def of(self, parts: list[Sequence[int | None]]) -> list[Any]:
        """Figures in this order."""
        figures = list(chain.from_iterable(parts))
        if self._places is not None:
            figures = [figures[place] for place in self._places]
        return figures[self._inside]


def _known(samples: Samples) -> Samples:
    """Those that have a figure."""
    if None not in samples.figures:
        return samples
    has = [figure is not None for figure in samples.figures]
    return Samples(list(compress(samples.times, has)), list(compress(samples.figures, has)))


class _Wanted:
    """Which series are asked for.

    Attributes:
        parts: the metric and the rest of each name.
        metrics: of each metric, the rests.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.parts = {name: _parts(name) for name in names}
        self.metrics: dict[str, set[str]] = {}
        for metric, rest in self.parts.values():
            self.metrics.setdefault(metric, set()).add(rest)


def _parts(name: str) -> tuple[str, str]:
    """``a.b.c`` is c of a.b, and ``a.b.rows[x.y].c`` is rows[x.y].c of a.b."""
    metric = name.partition("[")[0].rpartition(".")[0]
    return metric, name[len(metric) + 1 :]


def _lines_of(segment: Segment, wanted: _Wanted) -> Iterator[bytes]:
    """Lines that look as if they were of these metrics: to read all takes too long."""
    looks = re.compile(b"|".join(re.escape(metric.encode()) for metric in wanted.metrics)).search
    with suppress(FileNotFoundError):
        for part in segment.lines():
            if isinstance(part, bytes) and looks(part, 0, 200):
                yield part


def _together(parts: list[Rows]) -> Rows:
    whole = Rows()
    for part in sorted(parts, key=lambda part: part.at[0]):
        whole.extend(part)
    return whole if _ascends(whole.at) else merged(whole, 1)


def _ascends(at: list[int]) -> bool:
    return all(map(lt, at, islice(at, 1, None)))
