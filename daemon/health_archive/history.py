"""What figures were: any window, at most so many points, and true extremes at every zoom."""

import json
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from operator import mul
from pathlib import Path

from health_archive import minutes
from health_archive.index import connect
from health_archive.minutes import HOUR, MINUTE, Rows, Stretches, joined, merged, read_alone
from health_archive.numbers import DamagedSegment
from health_archive.segments import Segment, list_segments, segment_name
from health_archive.series import Samples, read_contents, read_lines

_GAP = 3  # intervals without a figure are one
_SAMPLES_UP_TO = 2 * HOUR  # longer windows are of minutes, and the longest of hours
_MINUTES_UP_TO = 45 * 24 * HOUR
_MOST_PENDING = 12  # segments; while an index is made anew, not all of a window is known
_DAY = 24 * HOUR


@dataclass(slots=True)
class Points:
    """Columns of equal length.

    Attributes:
        t: in seconds since 1970, of a sample, or where the interval begins that a point covers.
        low, mean, high: None where there is a gap.
        resolution: the seconds that a point covers, or None where each is a sample.
    """

    t: list[float]
    low: list[float | None]
    mean: list[float | None]
    high: list[float | None]
    resolution: float | None

    def add(
        self, at: int, low: float | None = None, mean: float | None = None,
        high: float | None = None,
    ) -> None:  # fmt: skip
        """A point at a time in milliseconds, with figures in thousandths."""
        self.t.append(at / 1000)
        self.low.append(None if low is None else low / 1000)
        self.mean.append(None if mean is None else round(mean) / 1000)
        self.high.append(None if high is None else high / 1000)


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
        that; of neighbours, as many become one as it takes.

        Args:
            names: as ``system.load.load1``.
            start, end: in milliseconds since 1970; what happened at either is in it.
            points: at most so many, 2 or more.

        Raises:
            OSError: a segment cannot be read.
            sqlite3.Error: the index cannot be.
        """
        wanted = _Wanted(names)
        window = end - start
        unit = 1 if window <= _SAMPLES_UP_TO else MINUTE if window <= _MINUTES_UP_TO else HOUR
        find = self._samples if unit == 1 else self._rows
        rows = find(wanted, start, end, unit)
        return {
            name: _thinned(rows.get(name, Rows()), unit, start, end, max(points, 2))
            for name in names
        }

    def _samples(self, wanted: "_Wanted", start: int, end: int, _: int) -> dict[str, Rows]:
        found: dict[str, list[tuple[int, int]]] = {}
        for segment in self._overlapping(start, end):
            for name, samples in _samples_of(segment, wanted):
                inside = [
                    (time, figure)
                    for time, figure in zip(samples.times, samples.figures, strict=True)
                    if figure is not None and start <= time <= end
                ]
                found.setdefault(name, []).extend(inside)
        rows = {}
        for name, those in found.items():
            those.sort()
            at, known = [t for t, _ in those], [f for _, f in those]
            rows[name] = Rows(at, [1] * len(at), known, known, known)
        return rows

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
            for name, samples in _samples_of(segment, wanted):
                take(name, stretches.rows([samples]))
        return {name: _together(parts) for name, parts in found.items()}

    def _edges(self, wanted: "_Wanted", start: int, end: int) -> Iterator[tuple[str, Rows]]:
        span = (segment_name(start - _DAY), segment_name(end))
        for metric, blob in self._db.execute(
            "SELECT metric, minutes FROM edges WHERE segment >= ? AND segment <= ?", span
        ):
            series = wanted.metrics.get(metric)
            if series is not None:
                with suppress(DamagedSegment):
                    for rest, rows in minutes.unpack(blob, series).items():
                        yield f"{metric}.{rest}", rows

    def _overlapping(self, start: int, end: int) -> list[Segment]:
        """Segments that may have something of a window, in the order of their names."""
        found = []
        for name, facts in self._db.execute(
            "SELECT name, facts FROM segments WHERE name >= ? AND name <= ? ORDER BY name",
            (segment_name(start - _DAY), segment_name(end)),
        ):
            known = json.loads(facts)
            last = known["last_time"]
            if last is None or max(last, known["first_time"]) >= start:
                found.append(Segment(self._folder, name))
        return found + self._pending(start, end)

    def _pending(self, start: int, end: int) -> list[Segment]:
        """The newest segments that the index does not have yet."""
        (newest,) = self._db.execute("SELECT max(name) FROM segments").fetchone()
        since = "" if newest is None else newest
        since = max(since, segment_name(start - _DAY))
        found = list_segments(self._folder, since[:10])
        return [s for s in found if s.name > since and s.begin <= end][-_MOST_PENDING:]


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


def _samples_of(segment: Segment, wanted: _Wanted) -> Iterator[tuple[str, Samples]]:
    rests = set().union(*wanted.metrics.values())

    def no(_: str) -> bool:
        return False

    try:
        content = segment.columns_path.read_bytes()
    except FileNotFoundError:
        lines = _lines_of(segment, wanted)
        contents = read_lines(lines, wanted.metrics.__contains__, no, rests.__contains__)
    else:
        contents = read_contents(
            content, wanted.metrics.__contains__, no, rests.__contains__, False
        )
    for metric, series in contents.series.items():
        for rest in wanted.metrics[metric] & series.keys():
            for samples in series[rest]:
                yield f"{metric}.{rest}", samples


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
    return all(a < b for a, b in pairwise(at))


def _thinned(rows: Rows, unit: int, start: int, end: int, points: int) -> Points:
    at = rows.at
    step = _interval(at)
    gap_from = _GAP * step
    few = len(at) + sum([b - a >= gap_from for a, b in pairwise(at)]) <= points
    width = 1 if few else _width(start // unit, end // unit, points)
    if unit == 1 and width > 1:
        width = _width(start // 1000, end // 1000, points) * 1000
    result = Points([], [], [], [], None if unit == 1 and few else width * unit / 1000)
    buckets = [a // width for a in at]
    begins = [0, *(i for i, (a, b) in enumerate(pairwise(buckets), 1) if a != b)] if at else []
    samples = unit == 1
    for begin, finish in pairwise([*begins, len(at)]):
        bucket = buckets[begin]
        if begin and at[begin] - at[begin - 1] >= gap_from and bucket > buckets[begin - 1] + 1:
            gap = at[begin - 1] + step if width == 1 else (buckets[begin - 1] + 1) * width
            result.add(gap * unit)
        means = rows.mean[begin:finish]
        if samples:
            mean = sum(means) / len(means)
        else:
            count = rows.count[begin:finish]
            mean = sum(map(mul, means, count)) / sum(count)
        low, high = min(rows.low[begin:finish]), max(rows.high[begin:finish])
        result.add(bucket * width * unit, low, mean, high)
    return result


def _interval(at: list[int]) -> int:
    """What lies between two rows, mostly."""
    steps = sorted([b - a for a, b in pairwise(at)])
    return max(steps[(len(steps) - 1) // 2], 1) if steps else 1


def _width(first: int, last: int, points: int) -> int:
    """How many become one, so that there are few enough, counted from 1970 on."""
    width = -(-(last - first + 1) // points)
    while last // width - first // width + 1 > points:
        width += 1
    return width
