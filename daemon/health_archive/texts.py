"""Columns of texts, most of them numbers: the middle layer of FORMAT.md."""

import re
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from operator import add, sub

from health_archive.numbers import Column, DamagedSegment, Numbers, Reader, Writer

CONSTANT, CHOICE, MIXED, NUMBERS = range(4)  # NUMBERS + N: with at most N decimal places
_MOST_PLACES = 9
_MOST_DIGITS = 18
_BIGGEST = 1 << 53  # from there on several have the same quotient, and a figure would be another
_is_number = re.compile(r"-?[0-9]{1,18}(?:\.[0-9]{1,9})?").fullmatch
_is_plain = re.compile(r"-?[0-9]+(?:\.[0-9]+)?").fullmatch

_NEAR = 8  # columns back that one may be told from
_SAMPLE = 24  # numbers, twice, by which a column is chosen for that
_WORTH = 0.8  # of its own steps: where they become that small it is looked at more closely


class _Scaled(dict[str, int]):
    """Decimals as whole numbers, where Python writes the quotient as it stood there."""

    def __init__(self, places: int) -> None:
        super().__init__()
        self._places, self._scale = places, 10**places

    def __missing__(self, text: str) -> int:
        whole, _, places = text.partition(".")
        number = int(whole + places.ljust(self._places, "0"))
        if (
            len(places) > self._places
            or abs(number) >= _BIGGEST
            or repr(number / self._scale) != text
        ):
            raise ValueError(text)
        self[text] = number
        return number


class _Quotients(dict[int, str]):
    """The other way round."""

    def __init__(self, places: int) -> None:
        super().__init__()
        self._scale = 10**places

    def __missing__(self, number: int) -> str:
        text = self[number] = repr(number / self._scale)
        return text


class _Numbers:
    """A column of numbers, and some of its steps."""

    __slots__ = ("numbers", "steps")

    def __init__(self, numbers: list[int]) -> None:
        half = len(numbers) // 2
        some = numbers[:_SAMPLE] + numbers[half : half + _SAMPLE]
        self.numbers = numbers
        self.steps = list(map(sub, some[1:], some))


class TextsWriter:
    """Writes a block's columns; what was worked out for one serves the others."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._scaled = [_Scaled(places) for places in range(_MOST_PLACES + 1)]
        self._before: deque[_Numbers] = deque(maxlen=_NEAR)  # the nearest first

    def begin(self) -> None:
        """From here on come the columns of another template."""
        self._before.clear()

    def write(self, texts: Sequence[str]) -> None:
        """A column of at least one text, none of them empty, of Latin-1 characters."""
        if texts.count(texts[0]) == len(texts):
            self._writer.number(CONSTANT)
            self._writer.text(texts[0])
        elif (found := self._numbers(texts)) is not None:
            self._write_numbers(*found)
        elif not self._write_mixed(texts):
            self._writer.number(CHOICE)
            self._write_choice(texts)

    def _numbers(self, texts: Sequence[str]) -> tuple[int, list[int]] | None:
        """The most decimal places, and the numbers without their points.

        None where one is no number, or would not be read the same.
        """
        with suppress(ValueError):
            numbers = list(map(int, texts))
            few = max(map(len, texts)) <= _MOST_DIGITS
            return (0, numbers) if few and list(map(str, numbers)) == list(texts) else None
        with suppress(ValueError, OverflowError):
            return 1, list(map(self._scaled[1].__getitem__, texts))
        with suppress(ValueError, OverflowError, IndexError):
            places = max([len(text) - text.index(".") - 1 for text in texts])
            return places, list(map(self._scaled[places].__getitem__, texts))
        return None

    def _write_numbers(self, places: int, numbers: list[int]) -> None:
        """Alone, or as what is left when an earlier column is taken off or added."""
        this = _Numbers(numbers)
        column, relation = Column(numbers), 0
        if (nearer := self._related(this)) is not None:
            other = self._before[nearer >> 1].numbers
            left = Column(list(map(add if nearer & 1 else sub, numbers, other)))
            if left.bits < column.bits:
                column, relation = left, nearer + 1
        self._before.appendleft(this)
        self._writer.number(NUMBERS + places)
        self._writer.number(relation)
        self._writer.column(column)

    def _related(self, this: _Numbers) -> int | None:
        """The earlier column that leaves least: twice its place, and one more to add it."""
        least, found = _WORTH * sum(map(abs, this.steps)), None
        for place, other in enumerate(self._before):
            for plus, how in enumerate((sub, add)):
                much = sum(map(abs, map(how, this.steps, other.steps)))
                if much < least:
                    least, found = much, 2 * place + plus
        return found

    def _write_mixed(self, texts: Sequence[str]) -> bool:
        """Whether most are numbers and some are not, such as null; only then they are written."""
        numeric = [text for text in texts if _is_number(text)]
        if not len(texts) <= 2 * len(numeric) < 2 * len(texts):
            return False
        found = self._numbers(numeric)
        if found is None:
            return False
        self._writer.number(MIXED)
        self._write_choice(["" if _is_number(text) else text for text in texts])
        places, numbers = found
        self._writer.number(places)
        self._writer.numbers(numbers)
        return True

    def _write_choice(self, texts: Sequence[str]) -> None:
        distinct = {text: i for i, text in enumerate(dict.fromkeys(texts))}
        self._writer.number(len(distinct))
        for text in distinct:
            self._writer.text(text)
        self._writer.numbers(list(map(distinct.__getitem__, texts)))


class Texts:
    """A column as it is stored.

    Attributes:
        count: how many texts.
    """

    def __init__(self, count: int) -> None:
        self.count = count

    def read(self) -> list[str]:
        """
        Raises:
            DamagedSegment: they are not there.
        """
        raise NotImplementedError

    def figures(self) -> tuple[int, list[int | None]] | None:
        """Decimal places, and numbers without their points; None for a text that is none.

        None where there is no number at all.

        Raises:
            DamagedSegment: as `read`.
        """
        return _figures(self.read())


class _Constant(Texts):
    def __init__(self, count: int, text: str) -> None:
        super().__init__(count)
        self._text = text

    def read(self) -> list[str]:
        return [self._text] * self.count

    def figures(self) -> tuple[int, list[int | None]] | None:
        found = _figures([self._text])
        return found and (found[0], found[1] * self.count)


class _Choice(Texts):
    def __init__(self, distinct: list[str], which: Numbers) -> None:
        super().__init__(which.count)
        self._distinct, self._which = distinct, which

    def read(self) -> list[str]:
        which = self._which.read()
        if which and not 0 <= min(which) <= max(which) < len(self._distinct):
            raise DamagedSegment(f"a text that is not among {len(self._distinct)}")
        return list(map(self._distinct.__getitem__, which))


class _Mixed(Texts):
    def __init__(self, texts: list[str], numeric: "_Figures") -> None:
        super().__init__(len(texts))
        self._others, self._numeric = texts, numeric

    def read(self) -> list[str]:
        numeric = iter(self._numeric.read())
        return [text or next(numeric) for text in self._others]

    def figures(self) -> tuple[int, list[int | None]] | None:
        places, numbers = self._numeric.places, iter(self._numeric.numbers())
        if all(thousandths(text) is None for text in set(self._others)):
            return places, [None if text else next(numbers) for text in self._others]
        return 3, [  # numbers that were too large, or written with an exponent
            thousandths(text) if text else shortened(next(numbers), places) for text in self._others
        ]


class _Figures(Texts):
    """Numbers, alone or with what was told from an earlier column."""

    def __init__(self, places: int, stored: Numbers, quotients: _Quotients) -> None:
        super().__init__(stored.count)
        self.places = places
        self._stored, self._quotients = stored, quotients
        self._other: _Figures | None = None
        self._plus = False
        self._numbers: list[int] | None = None

    def relate(self, other: "_Figures", plus: bool) -> None:
        self._other, self._plus = other, plus

    def numbers(self) -> list[int]:
        if self._numbers is None:
            self._numbers = self._stored.read()
            if self._other is not None:
                how = sub if self._plus else add
                self._numbers = list(map(how, self._numbers, self._other.numbers()))
        return self._numbers

    def read(self) -> list[str]:
        if not self.places:
            return list(map(str, self.numbers()))
        return list(map(self._quotients.__getitem__, self.numbers()))

    def figures(self) -> tuple[int, list[int | None]] | None:
        return self.places, list(self.numbers())


class TextsReader:
    """Reads what `TextsWriter` wrote."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._quotients = [_Quotients(places) for places in range(_MOST_PLACES + 1)]
        self._before: deque[_Figures] = deque(maxlen=_NEAR)

    def begin(self) -> None:
        """From here on come the columns of another template."""
        self._before.clear()

    def read(self, count: int) -> Texts:
        """The next column, of so many texts.

        Raises:
            DamagedSegment: it is not there, or none.
        """
        kind = self._reader.number()
        if kind == CONSTANT:
            return _Constant(count, self._reader.text())
        if kind == CHOICE:
            return self._choice(count)
        if kind == MIXED:
            others = self._choice(count).read()
            places = self._reader.number()
            return _Mixed(others, self._figures(places, others.count("")))
        relation = self._reader.number()
        found = self._figures(kind - NUMBERS, count)
        if relation:
            place, plus = divmod(relation - 1, 2)
            if place >= len(self._before):
                raise DamagedSegment("a column that is told from one that is not there")
            found.relate(self._before[place], bool(plus))
        self._before.appendleft(found)
        return found

    def _figures(self, places: int, count: int) -> _Figures:
        if places > _MOST_PLACES:
            raise DamagedSegment(f"a column of texts of a kind that is not known ({places})")
        return _Figures(places, self._reader.later(count), self._quotients[places])

    def _choice(self, count: int) -> _Choice:
        size = self._reader.number()
        if size > count:
            raise DamagedSegment(f"{size} texts to choose {count} from")
        distinct = [self._reader.text() for _ in range(size)]
        return _Choice(distinct, self._reader.later(count))


def _figures(texts: list[str]) -> tuple[int, list[int | None]] | None:
    """As `Texts.figures`, in thousandths."""
    found = [thousandths(text) for text in texts]
    return (3, found) if any(number is not None for number in found) else None


_LARGEST = 1 << 98  # thousandths; `minutes` packs what is below


def thousandths(text: str) -> int | None:
    """A number as JSON writes it, rounded; None for what is none, or larger than is kept."""
    try:
        if "e" in text or "E" in text:
            found = round(float(text) * 1000)
        elif _is_plain(text):
            whole, _, places = text.partition(".")
            found = shortened(int(whole + places), len(places))
        else:
            return None
    except (ValueError, OverflowError):
        return None
    return found if abs(found) < _LARGEST else None


def shortened(number: int, places: int) -> int:
    """A number without its point, of so many decimal places, in thousandths: half goes up."""
    scale: int = 10 ** abs(places - 3)
    if places <= 3:
        return number * scale
    return (2 * number + scale) // (2 * scale)
