"""As many points as are wanted, of as many rows as there are, and true extremes at every zoom."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import mul, sub

from health_archive.minutes import Rows

_GAP = 3  # intervals without a figure are one


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


@dataclass(slots=True, frozen=True)
class _Frame:
    """What becomes of rows at certain times, whatever their figures.

    Attributes:
        at: the rows' times.
        t: the points'.
        cuts: which rows become a point, of each that is no gap; None: every row is one.
        gaps: where among the points one is put in that has no figures.
    """

    at: Sequence[int]
    t: list[float]
    resolution: float | None
    cuts: list[slice] | None
    gaps: list[int]

    def placed(self, figures: list[float]) -> list[float | None]:
        found: list[float | None] = [*figures]
        for place in self.gaps:
            found.insert(place, None)
        return found


class Thinning:
    """Makes points of a window's rows.

    What is worked out for some times serves all series that have samples at these.

    Args:
        unit: of the rows' times, in milliseconds; 1: the rows are samples.
        start, end: of the window, in milliseconds since 1970.
        points: at most so many.
    """

    def __init__(self, unit: int, start: int, end: int, points: int) -> None:
        self._unit, self._start, self._end, self._points = unit, start, end, points
        self._frames: list[_Frame] = []

    def of_samples(self, at: Sequence[int], figures: Sequence[int]) -> Points:
        """Of samples in the order of their times, in thousandths."""
        frame = self._frame(at)
        if frame.cuts is None:
            same = frame.placed([f / 1000 for f in figures])
            return Points(frame.t, same, same, same, frame.resolution)
        parts = [figures[cut] for cut in frame.cuts]
        means = [round(sum(part) / len(part)) / 1000 for part in parts]
        return Points(
            frame.t,
            frame.placed([low / 1000 for low in map(min, parts)]),
            frame.placed(means),
            frame.placed([high / 1000 for high in map(max, parts)]),
            frame.resolution,
        )

    def of_rows(self, rows: Rows) -> Points:
        """Of rows that ascend."""
        frame = self._frame(rows.at)
        low, mean, high = rows.low, rows.mean, rows.high
        if frame.cuts is not None:
            count, total = rows.count, list(map(mul, rows.mean, rows.count))
            low = [min(low[cut]) for cut in frame.cuts]
            mean = [round(sum(total[cut]) / sum(count[cut])) for cut in frame.cuts]
            high = [max(high[cut]) for cut in frame.cuts]
        low_, mean_, high_ = (
            frame.placed([figure / 1000 for figure in figures]) for figures in (low, mean, high)
        )
        return Points(frame.t, low_, mean_, high_, frame.resolution)

    def _frame(self, at: Sequence[int]) -> _Frame:
        for known in self._frames:
            if known.at is at or known.at == at:
                return known
        frame = self._made(at)
        self._frames.append(frame)
        return frame

    def _made(self, at: Sequence[int]) -> _Frame:
        unit, start, end, points = self._unit, self._start, self._end, self._points
        if points == 1 and len(at) > 1:
            covered = (end // unit - start // unit + 1) * unit / 1000
            return _Frame(at, [at[0] * unit / 1000], covered, [slice(len(at))], [])
        steps = list(map(sub, at[1:], at))
        # What lies between two rows, mostly.
        step = max(sorted(steps)[(len(steps) - 1) // 2], 1) if steps else 1
        gaps = [i for i, each in enumerate(steps, 1) if each >= _GAP * step]
        few = len(at) + len(gaps) <= points
        if few:
            width = 1
        elif unit == 1:
            width = _width(start // 1000, end // 1000, points) * 1000
        else:
            width = _width(start // unit, end // unit, points)
        buckets = [a // width for a in at] if width > 1 else at
        begins = [0, *(i for i, (a, b) in enumerate(pairwise(buckets), 1) if a != b)] if at else []
        t = [buckets[i] * width * unit / 1000 for i in begins]
        places = {begin: place for place, begin in enumerate(begins)} if gaps else {}
        put: list[int] = []
        for i in reversed(gaps):
            before = buckets[i - 1]
            if buckets[i] > before + 1:
                put.append(places[i])
                gap = at[i - 1] + step if width == 1 else (before + 1) * width
                t.insert(places[i], gap * unit / 1000)
        return _Frame(
            at,
            t,
            None if unit == 1 and few else width * unit / 1000,
            None if len(begins) == len(at) else [slice(*p) for p in pairwise([*begins, len(at)])],
            put,
        )


def _width(first: int, last: int, points: int) -> int:
    """How many become one, so that there are few enough, counted from 1970 on."""
    width = -(-(last - first + 1) // points)
    while last // width - first // width + 1 > points:
        width += 1
    return width
