"""Recent history in compact arrays: every sample for minutes, ten-second figures for an hour."""

import math
import threading
from array import array
from collections.abc import Iterator
from dataclasses import dataclass

FINE_SECONDS = 300.0
COARSE_SECONDS = 3600.0
BUCKET_SECONDS = 10.0
_MAX_FINE = 3000  # samples, however short the interval
_MAX_COLUMNS = 2000  # per metric, however many interfaces come and go
_GAP_INTERVALS = 3
_NAN = math.nan


def _doubles() -> "array[float]":
    return array("d")


class _Columns:
    """Parallel arrays: a time, and per column a figure or NaN."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.t = _doubles()
        self.forgot = False
        self.columns: dict[str, array[float]] = {}

    def append(self, t: float, values: dict[str, float]) -> None:
        self.t.append(t)
        length = len(self.t)
        columns = self.columns
        for name, column in columns.items():
            column.append(values.get(name, _NAN))
        if len(values) > len(columns) or not values.keys() <= columns.keys():
            for name in values.keys() - columns.keys():
                if len(columns) < _MAX_COLUMNS:
                    columns[name] = array("d", [_NAN]) * (length - 1)
                    columns[name].append(values[name])
        if length >= self.capacity + self.capacity // 4 + 1:
            self._trim(length - self.capacity)

    def _trim(self, count: int) -> None:
        """Forgets the oldest, and the columns that have nothing left."""
        self.forgot = True
        del self.t[:count]
        for name, column in list(self.columns.items()):
            del column[:count]
            if all(map(math.isnan, column)):
                del self.columns[name]


@dataclass(slots=True, frozen=True)
class Points:
    """Columns of equal length; `t` in seconds since 1970, NaN where there is no figure.

    `resolution` is the seconds that a point covers, or None where it is one sample.
    """

    t: list[float]
    low: list[float]
    mean: list[float]
    high: list[float]
    resolution: float | None

    def as_json(self) -> dict[str, list[float | None]]:
        return {
            "t": [round(t, 3) for t in self.t],
            "min": [_figure(v) for v in self.low],
            "avg": [_figure(v) for v in self.mean],
            "max": [_figure(v) for v in self.high],
        }


def _figure(value: float) -> float | None:
    return None if value != value else round(value, 3)


class MetricHistory:
    """One metric's recent past.

    It takes 8 bytes a figure: at 1 Hz at most 375 samples and 3 x 450 ten-second figures a
    series, 13.8 kB. Times are the events' own; where the wall clock went back, what it said
    before that and would now be in the future is left out of a reply.
    """

    def __init__(self, interval: float) -> None:
        self.interval = interval
        self._fine = _Columns(max(min(math.ceil(FINE_SECONDS / interval), _MAX_FINE), 10))
        slots = math.ceil(COARSE_SECONDS / max(BUCKET_SECONDS, interval))
        self._low, self._mean, self._high = (_Columns(slots) for _ in range(3))
        self._bucket: int | None = None  # the ten seconds that are under way
        self._begun = 0  # how many of the newest samples are in it
        self._lock = threading.Lock()  # held for an append or a copy, never while calling out

    def append(self, t: float, values: dict[str, float]) -> None:
        """Adds a sample; an empty `values` marks a moment without figures."""
        bucket = int(t // BUCKET_SECONDS)
        with self._lock:
            if bucket != self._bucket:
                self._close_bucket()
                self._bucket, self._begun = bucket, 0
            self._fine.append(t, values)
            self._begun += 1

    def _close_bucket(self) -> None:
        """Ten-second figures of each column, from the samples that are still there at its end."""
        if self._bucket is None:
            return
        t, low, mean, high = self._bucket * BUCKET_SECONDS, {}, {}, {}
        for name in self._fine.columns:
            figures = self._under_way(name)
            if figures is not None:
                low[name], mean[name], high[name] = figures
        for columns, values in ((self._low, low), (self._mean, mean), (self._high, high)):
            columns.append(t, values)

    def _under_way(self, name: str) -> tuple[float, float, float] | None:
        """Smallest, mean and largest of a column in the bucket that is under way."""
        column = self._fine.columns.get(name)
        if column is None or not self._begun:
            return None
        known = [v for v in column[-self._begun :] if not math.isnan(v)]
        return (min(known), sum(known) / len(known), max(known)) if known else None

    def names(self) -> set[str]:
        with self._lock:
            return {*self._fine.columns, *self._mean.columns}

    def reaches(self, start: float, *, first: bool) -> bool:
        """Whether it has all that there was from a time on.

        Args:
            first: whether there was nothing before its first sample.
        """
        with self._lock:
            if first and not self._mean.forgot:
                return True
            oldest = self._mean.t[:1] or self._fine.t[:1]
            return bool(oldest) and oldest[0] <= start

    def query(self, name: str, start: float | None, end: float, points: int) -> Points:
        """The series from `start` (None: from the first) to `end`, at most `points` points.

        Every sample, unless ten-second figures reach further back towards `start`; either is
        merged further where there would be too many points.
        """
        with self._lock:
            fine = _rows(self._fine, (self._fine,) * 3, name)
            coarse = _rows(self._mean, (self._low, self._mean, self._high), name)
            last = self._under_way(name)
            if last is not None and self._bucket is not None:
                coarse.append((self._bucket * BUCKET_SECONDS, *last))
        fine, coarse = (
            [
                row
                for row in _ascending(rows)
                if (start is None or row[0] >= start) and row[0] <= end
            ]
            for rows in (fine, coarse)
        )
        step = max(BUCKET_SECONDS, self.interval)
        if coarse and (not fine or coarse[0][0] + step <= fine[0][0]):
            return _merge(list(_with_gaps(coarse, step)), points, step, step)
        return _merge(list(_with_gaps(fine, self.interval)), points, None, self.interval)


_Row = tuple[float, float, float, float]


def _rows(times: _Columns, parts: tuple[_Columns, ...], name: str) -> list[_Row]:
    nothing = array("d", [_NAN]) * len(times.t)
    low, mean, high = (part.columns.get(name, nothing) for part in parts)
    return list(zip(times.t, low, mean, high, strict=False))


def _ascending(rows: list[_Row]) -> list[_Row]:
    """Without the rows whose time a later row denies: the wall clock went back between them."""
    kept: list[_Row] = []
    limit = math.inf
    for row in reversed(rows):
        if row[0] < limit:
            limit = row[0]
            kept.append(row)
    kept.reverse()
    return kept


def _with_gaps(rows: list[_Row], step: float) -> Iterator[_Row]:
    last = None
    for row in rows:
        if last is not None and row[0] - last >= _GAP_INTERVALS * step:
            yield (last + step, _NAN, _NAN, _NAN)
        yield row
        last = row[0]


def _merge(rows: list[_Row], points: int, resolution: float | None, step: float) -> Points:
    """Joins neighbours, equally many each, until there are few enough."""
    if len(rows) > points:
        each = math.ceil(len(rows) / points)
        rows = [_join(rows[i : i + each]) for i in range(0, len(rows), each)]
        resolution = step * each
    t, low, mean, high = (list(c) for c in zip(*rows, strict=True)) if rows else ([], [], [], [])
    return Points(t, low, mean, high, resolution)


def _join(rows: list[_Row]) -> _Row:
    known = [row for row in rows if row[2] == row[2]]
    if not known:
        return (rows[0][0], _NAN, _NAN, _NAN)
    mean = sum(row[2] for row in known) / len(known)
    return (rows[0][0], min(r[1] for r in known), mean, max(r[3] for r in known))
