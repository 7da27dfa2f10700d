"""Whole numbers and texts as bytes that compress well: the lowest layer of FORMAT.md.

A block has two parts: the head says how to read, the body has the columns' numbers, of each
column all lowest bytes together, then all second ones, and so on.
"""

from collections import Counter
from collections.abc import Sequence
from itertools import accumulate
from math import gcd, log2
from operator import sub
from struct import pack, unpack

RAW, STEPS, LINE = range(3)
_BIGGEST = 1 << 61  # so that steps, and steps between differences, fit in eight bytes


class DamagedSegment(Exception):
    """What was read is no segment, or not as it was written; the text says where and how."""


class Column:
    """The shortest way to write some numbers: themselves, or the steps from one to the next.

    Attributes:
        bits: about how much it will take, beyond what says how to read it.

    Raises:
        OverflowError: a number is too large, of more than 61 bits.
    """

    __slots__ = ("base", "bits", "kind", "planes", "scale")

    def __init__(self, numbers: Sequence[int]) -> None:
        low, high = min(numbers), max(numbers)
        if low <= -_BIGGEST or high >= _BIGGEST:
            raise OverflowError("a number of more than 61 bits")
        self.kind, self.base, self.bits = LINE, numbers[0], 0.0
        self.planes: list[bytes] = []
        steps = list(map(sub, numbers[1:], numbers))
        self.scale = steps[0] if steps else 0
        if steps.count(self.scale) == len(steps):
            return
        scale, raw = _divided([n - low for n in numbers] if low else list(numbers))
        self.kind, self.base, self.scale = RAW, low, scale
        self.planes, self.bits = _planes(raw)
        scale, steps = _divided(steps)
        planes, bits = _planes([n << 1 if n >= 0 else ~(n << 1) for n in steps])
        if bits < self.bits:
            self.kind, self.base, self.scale = STEPS, numbers[0], scale
            self.planes, self.bits = planes, bits


class Writer:
    """Makes a block's content."""

    def __init__(self) -> None:
        self._head = bytearray()
        self._body: list[bytes] = []

    def number(self, number: int) -> None:
        """A whole number of at least 0: seven bits a byte, lowest first."""
        while number > 127:
            self._head.append(number & 127 | 128)
            number >>= 7
        self._head.append(number)

    def signed(self, number: int) -> None:
        """Any whole number: 0, -1, 1, -2 are written as 0, 1, 2, 3."""
        self.number(_unsigned(number))

    def text(self, text: str) -> None:
        """Latin-1: one byte for each character."""
        self.number(len(text))
        self._head += text.encode("latin-1")

    def numbers(self, numbers: Sequence[int]) -> None:
        """A column; how many they are has to be known to who reads it.

        Raises:
            OverflowError: as `Column`.
        """
        if numbers:
            self.column(Column(numbers))

    def column(self, column: Column) -> None:
        self.number(column.kind | len(column.planes) << 2)
        self.signed(column.base)
        self.signed(column.scale)
        self._body += column.planes

    def content(self) -> bytes:
        size = Writer()
        size.number(len(self._head))
        return b"".join((size._head, self._head, *self._body))


class Reader:
    """Reads what `Writer` made, in the same order.

    Raises:
        DamagedSegment: from each method: what it should read is not there.
    """

    def __init__(self, content: bytes) -> None:
        self._bytes = content
        self._at = 0
        self._end = len(content)
        self._body = self._end = self.number() + self._at
        if self._body > len(content):
            raise DamagedSegment("a head that is longer than its block")

    def number(self) -> int:
        at = self._at
        if at < self._end and (number := self._bytes[at]) < 128:  # nearly all
            self._at = at + 1
            return number
        number = shift = 0
        while True:
            if self._at >= self._end or shift > 63:
                raise DamagedSegment("a number that does not end")
            byte = self._bytes[self._at]
            self._at += 1
            number |= (byte & 127) << shift
            if byte < 128:
                return number
            shift += 7

    def signed(self) -> int:
        return _signed(self.number())

    def bytes(self) -> bytes:
        size = self.number()
        if size > self._end - self._at:
            raise DamagedSegment("a text that is longer than its head")
        self._at += size
        return self._bytes[self._at - size : self._at]

    def text(self) -> str:
        return self.bytes().decode("latin-1")

    def numbers(self, count: int) -> list[int]:
        return self.later(count).read()

    def later(self, count: int) -> "Numbers":
        """The next numbers, for whoever wants them: most are passed over."""
        if not count:
            return Numbers(LINE, 0, 0, 0, 0, b"")
        described = self.number()
        kind, width = described & 3, described >> 2
        base, scale = self.signed(), self.signed()
        if kind > LINE:
            raise DamagedSegment(f"a column of a kind that is not known: {kind}")
        begin = self._body
        if kind != LINE:
            self._body += width * (count - (kind == STEPS))
            if not 1 <= width <= 8 or self._body > len(self._bytes):
                raise DamagedSegment("a column that is longer than its block")
        return Numbers(kind, width, base, scale, count, self._bytes[begin : self._body])

    def finish(self) -> None:
        """Makes sure that all was read."""
        if self._at != self._end or self._body != len(self._bytes):
            raise DamagedSegment("more in a block than its text")


class Numbers:
    """A column as it is stored."""

    __slots__ = ("_base", "_kind", "_planes", "_scale", "_width", "count")

    def __init__(
        self, kind: int, width: int, base: int, scale: int, count: int, planes: bytes
    ) -> None:
        self._kind, self._width, self._base, self._scale = kind, width, base, scale
        self.count, self._planes = count, planes

    def read(self) -> list[int]:
        base, scale = self._base, self._scale
        if self._kind == LINE:
            return [base + i * scale for i in range(self.count)] if scale else [base] * self.count
        numbers = self._unpacked()
        if self._kind == RAW:
            return (
                [base + scale * n for n in numbers] if scale != 1 else [base + n for n in numbers]
            )
        # `_signed`, without a call for each.
        steps = [(n >> 1) ^ -(n & 1) for n in numbers]
        if scale != 1:
            steps = [scale * n for n in steps]
        return list(accumulate(steps, initial=base))

    def _unpacked(self) -> Sequence[int]:
        planes, width = self._planes, self._width
        if width == 1:
            return planes
        count = len(planes) // width
        size, code = _room(width)
        whole = bytearray(size * count)
        for i in range(width):
            whole[i::size] = planes[i * count : (i + 1) * count]
        return unpack(f"<{count}{code}", whole)


def _unsigned(number: int) -> int:
    return number << 1 if number >= 0 else (-number << 1) - 1


def _signed(number: int) -> int:
    return -(number + 1 >> 1) if number & 1 else number >> 1


def _divided(numbers: list[int]) -> tuple[int, list[int]]:
    """The largest number that all are multiples of (they are not all 0), and how often."""
    scale = gcd(*numbers)
    return scale, numbers if scale == 1 else [n // scale for n in numbers]


def _planes(numbers: list[int]) -> tuple[list[bytes], float]:
    """The bytes of numbers that are none below 0, and about how many bits they take."""
    width = (max(numbers).bit_length() + 7) // 8
    if width == 1:
        planes = [bytes(numbers)]
    else:
        size, code = _room(width)
        whole = pack(f"<{len(numbers)}{code}", *numbers)
        planes = [whole[i::size] for i in range(width)]
    return planes, sum(map(_entropy, planes))


def _room(width: int) -> tuple[int, str]:
    """The size that `struct` has for so many bytes, and its letter."""
    return (2, "H") if width == 2 else (4, "I") if width <= 4 else (8, "Q")


def _entropy(plane: bytes) -> float:
    n = len(plane)
    return n * log2(n) - sum([c * log2(c) for c in Counter(plane).values()])
