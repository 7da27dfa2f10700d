"""Figures of minutes and hours: what they are made of, and how they are stored (FORMAT.md)."""

import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from struct import Struct
from typing import cast

from health_archive.frames import inflate
from health_archive.numbers import DamagedSegment, Reader, Writer
from health_archive.series import Samples

MINUTE, HOUR = 60_000, 3_600_000
_MOST = 64 << 20  # of a blob when inflated
_SIZE = Struct("<I")
_WIDE = 40  # bits of the lower part of what is too large for a column


@dataclass(slots=True)
class Rows:
    """Figures of stretches of equal length, ascending: in whole thousandths.

    Attributes:
        at: which minutes, or hours, since 1970.
        count: of the samples that had a figure, at least 1.
        low, mean, high: of these.
    """

    at: list[int] = field(default_factory=list)
    count: list[int] = field(default_factory=list)
    low: list[int] = field(default_factory=list)
    mean: list[int] = field(default_factory=list)
    high: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.at)

    def add(self, at: int, count: int, low: int, mean: int, high: int) -> None:
        self.at.append(at)
        self.count.append(count)
        self.low.append(low)
        self.mean.append(mean)
        self.high.append(high)

    def extend(self, other: "Rows") -> None:
        self.at += other.at
        self.count += other.count
        self.low += other.low
        self.mean += other.mean
        self.high += other.high

    def part(self, begin: int, end: int) -> "Rows":
        return Rows(
            self.at[begin:end], self.count[begin:end], self.low[begin:end],
            self.mean[begin:end], self.high[begin:end],
        )  # fmt: skip


class Stretches:
    """Makes rows of samples; what is worked out for a template's times serves all its series."""

    def __init__(self, length: int = MINUTE) -> None:
        self._length = length
        self._borders: dict[int, tuple[Sequence[int], list[tuple[int, int, int]]]] = {}

    def rows(self, samples: Iterable[Samples]) -> Rows:
        found: dict[int, list[tuple[int, int, int, int]]] = {}
        for each in samples:
            gaps = None in each.figures
            for at, begin, end in self._of(each.times):
                part = cast(Sequence[int], each.figures[begin:end])
                known = [f for f in part if f is not None] if gaps else part
                if known:
                    row = (len(known), min(known), sum(known), max(known))
                    found.setdefault(at, []).append(row)
        rows = Rows()
        for at in sorted(found):
            parts = found[at]
            count, total = sum(row[0] for row in parts), sum(row[2] for row in parts)
            low, high = min(row[1] for row in parts), max(row[3] for row in parts)
            rows.add(at, count, low, _divided(total, count), high)
        return rows

    def _of(self, times: Sequence[int]) -> list[tuple[int, int, int]]:
        """Stretches, and where in the times each begins and ends."""
        kept = self._borders.get(id(times))
        if kept is None or kept[0] is not times:
            borders, begin = [], 0
            for at, group in groupby(times, key=lambda time: time // self._length):
                end = begin + sum(1 for _ in group)
                borders.append((at, begin, end))
                begin = end
            kept = self._borders[id(times)] = (times, borders)
        return kept[1]


def _divided(total: int, count: int) -> int:
    return (2 * total + count) // (2 * count)


def merged(rows: Rows, ratio: int = HOUR // MINUTE) -> Rows:
    """Rows of stretches that are so many times as long; rows of the same one become one."""
    found: dict[int, list[int]] = {}
    for i, at in enumerate(rows.at):
        count, low, high = rows.count[i], rows.low[i], rows.high[i]
        total = rows.mean[i] * count
        those = found.get(at // ratio)
        if those is None:
            found[at // ratio] = [count, low, total, high]
        else:
            those[0] += count
            those[1] = min(those[1], low)
            those[2] += total
            those[3] = max(those[3], high)
    result = Rows()
    for at in sorted(found):
        count, low, total, high = found[at]
        result.add(at, count, low, _divided(total, count), high)
    return result


def pack(series: dict[str, Rows]) -> bytes:
    """A metric's figures of a segment."""
    writer = Writer()
    writer.number(len(series))
    for name in sorted(series):
        writer.text(name.encode("utf-8", "surrogatepass").decode("latin-1"))
        each = Writer()
        _write(each, series[name])
        writer.text(each.content().decode("latin-1"))
    return _packed(writer)


def unpack(blob: bytes, wanted: Collection[str] | None = None) -> dict[str, Rows]:
    """The same again, of the series that are wanted (None: of all).

    Raises:
        DamagedSegment: it is not what `pack` made.
    """
    reader = _reader(blob)
    found = {}
    for _ in range(reader.number()):
        name = reader.bytes().decode("utf-8", "surrogatepass")
        content = reader.bytes()
        if wanted is None or name in wanted:
            each = Reader(content)
            found[name] = _read(each)()
            each.finish()
            if wanted is not None and len(found) == len(wanted):
                return found
    reader.finish()
    return found


def join(parts: dict[str, Rows]) -> bytes:
    """A series' figures of a day, from its segments'; by the name of each, in their order."""
    writer = Writer()
    writer.number(len(parts))
    whole = Rows()
    for name in sorted(parts):
        writer.text(name)
        writer.number(len(parts[name]))
        whole.extend(parts[name])
    _write(writer, whole)
    return _packed(writer)


def joined(blob: bytes) -> Rows:
    """A series' figures of a day.

    Raises:
        DamagedSegment: it is not what `join` made.
    """
    return _joined(blob)[1]


def split(blob: bytes) -> Iterator[tuple[str, Rows]]:
    """What `join` was given.

    Raises:
        DamagedSegment: as `joined`.
    """
    sizes, rows = _joined(blob)
    begin = 0
    for name, size in sizes:
        yield name, rows.part(begin, begin + size)
        begin += size


def alone(rows: Rows) -> bytes:
    """A series' figures by themselves."""
    writer = Writer()
    _write(writer, rows)
    return _packed(writer)


def read_alone(blob: bytes) -> Rows:
    """
    Raises:
        DamagedSegment: it is not what `alone` made.
    """
    return _read(_reader(blob))()


def _joined(blob: bytes) -> tuple[list[tuple[str, int]], Rows]:
    reader = _reader(blob)
    sizes = [(reader.text(), reader.number()) for _ in range(reader.number())]
    rows = _read(reader)()
    if sum(size for _, size in sizes) != len(rows):
        raise DamagedSegment("parts that are not all of a day's figures")
    return sizes, rows


def _write(writer: Writer, rows: Rows) -> None:
    writer.number(len(rows))
    writer.numbers(rows.at)
    writer.numbers(rows.count)
    _write_wide(writer, rows.low)
    _write_wide(writer, [m - low for m, low in zip(rows.mean, rows.low, strict=True)])
    _write_wide(writer, [h - m for h, m in zip(rows.high, rows.mean, strict=True)])


def _write_wide(writer: Writer, numbers: list[int]) -> None:
    wide = any(abs(number) >> 60 for number in numbers)
    writer.number(wide)
    if wide:
        writer.numbers([number >> _WIDE for number in numbers])
        numbers = [number & (1 << _WIDE) - 1 for number in numbers]
    writer.numbers(numbers)


def _read(reader: Reader) -> Callable[[], Rows]:
    """The next rows, for whoever wants them."""
    size = reader.number()
    if size > _MOST:
        raise DamagedSegment(f"figures of {size} stretches")
    at, count = reader.later(size), reader.later(size)
    low, above, rest = (_read_wide(reader, size) for _ in range(3))

    def rows() -> Rows:
        lows = low()
        means = [a + b for a, b in zip(lows, above(), strict=True)]
        highs = [a + b for a, b in zip(means, rest(), strict=True)]
        return Rows(at.read(), count.read(), lows, means, highs)

    return rows


def _read_wide(reader: Reader, size: int) -> Callable[[], list[int]]:
    upper = reader.later(size) if reader.number() else None
    lower = reader.later(size)
    if upper is None:
        return lower.read
    return lambda: [(a << _WIDE) + b for a, b in zip(upper.read(), lower.read(), strict=True)]


def _packed(writer: Writer) -> bytes:
    content = writer.content()
    return _SIZE.pack(len(content)) + zlib.compress(content, 6)


def _reader(blob: bytes) -> Reader:
    if len(blob) < _SIZE.size:
        raise DamagedSegment("no figures")
    (size,) = _SIZE.unpack_from(blob)
    if size > _MOST:
        raise DamagedSegment(f"figures of {size} bytes")
    return Reader(inflate(blob[_SIZE.size :], size))
