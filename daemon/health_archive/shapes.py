"""Lines as templates and columns: what stays from line to line apart from what changes.

The upper layer of FORMAT.md. Text is Latin-1 throughout: one character for each byte.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import repeat

from health_archive.numbers import DamagedSegment, Numbers, Reader, Writer
from health_archive.texts import Texts, TextsReader, TextsWriter

# A number after a key; the two characters before it are part of the template all the same.
_JOINT = '":'
_split = re.compile(r'":(-?[0-9][0-9.]*)').split
# All that JSON has for values but objects and lists.
_split_finely = re.compile(
    r'(?<=[:,\[])("(?:[^"\\]++|\\.)*+"|-?[0-9][0-9.eE+-]*|true|false|null)(?=[,\]}])', re.DOTALL
).split
# So many templates may differ in their texts alone; where there are more, texts become columns.
_FEW = 3

TIMED, SEQUENCED, FINE = 1, 2, 4
_TIME = '{"time":"'
_TIME_ENDS = len(_TIME) + 24
_SEQ = ',"seq'
_MOST_DIGITS = 18

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 all of it is UTC
_MILLISECOND = timedelta(milliseconds=1)


class _Times(dict[str, int | None]):
    """Times as milliseconds since 1970; None for what is none, or would not come back the same."""

    def __missing__(self, text: str) -> int | None:
        found = None
        if len(text) == 24 and text.endswith("Z"):
            try:
                found = (datetime.fromisoformat(text[:-1]) - _EPOCH) // _MILLISECOND
            except (ValueError, TypeError):
                found = None
        if found is not None and _time_text(found) != text:
            found = None
        self[text] = found
        return found


def _time_text(milliseconds: int) -> str:
    return f"{(_EPOCH + milliseconds * _MILLISECOND).isoformat(timespec='milliseconds')}Z"


class _TimeTexts(dict[int, str]):
    def __missing__(self, milliseconds: int) -> str:
        try:
            text = self[milliseconds] = f"{_TIME}{_time_text(milliseconds)}"
        except OverflowError:
            raise DamagedSegment(f"not a time: {milliseconds} ms") from None
        return text


# What a template is known by: its flags, and the texts around its values.
_Key = tuple[int | str, ...]


class Lines:
    """A block's lines, taken apart.

    Args:
        text: the block; what follows its last newline is a line as well, if only in part.

    Attributes:
        times: of the lines that begin with one, in milliseconds since 1970.
        seqs: of the lines that end with one.
    """

    def __init__(self, text: str) -> None:
        self.times: list[int] = []
        self.seqs: list[int] = []
        self._order: list[int] = []
        self._templates: dict[_Key, int] = {}
        self._rows: list[list[list[str]]] = []
        lines = text.split("\n")
        self._whole = not lines[-1]
        if self._whole:
            lines.pop()
        self._take_apart(lines)
        if len(self._rows) > _FEW:
            self._merge()

    def __len__(self) -> int:
        return len(self._order)

    def _take_apart(self, lines: Sequence[str]) -> None:
        times = _Times()
        for line in lines:
            flags = 0
            rest = line
            if line.startswith(_TIME):
                time = times[line[len(_TIME) : _TIME_ENDS]]
                if time is not None:
                    flags = TIMED
                    self.times.append(time)
                    rest = line[_TIME_ENDS:]
            parts = _split(rest)
            if len(parts) > 2 and parts[-1] == "}" and parts[-3].endswith(_SEQ):
                seq = parts[-2]
                if seq.isdigit() and len(seq) <= _MOST_DIGITS and (seq[0] != "0" or seq == "0"):
                    flags |= SEQUENCED
                    self.seqs.append(int(seq))
                    del parts[-2:]
            self._add((flags, *parts[::2]), parts[1::2])

    def _add(self, key: _Key, row: list[str]) -> None:
        number = self._templates.get(key)
        if number is None:
            number = self._templates[key] = len(self._rows)
            self._rows.append([])
        self._rows[number].append(row)
        self._order.append(number)

    def _merge(self) -> None:
        """Gives the texts columns of their own where they would make many templates."""
        keys = list(self._templates)
        families: dict[_Key, list[int]] = {}
        for number, key in enumerate(keys):
            families.setdefault(_finely(key, self._rows[number][0])[0], []).append(number)
        if all(len(family) <= _FEW for family in families.values()):
            return
        merged = {n for family in families.values() if len(family) > _FEW for n in family}
        order, rows = self._order, list(map(iter, self._rows))
        self._order, self._templates, self._rows = [], {}, []
        for number in order:
            row = next(rows[number])
            key = keys[number]
            self._add(*(_finely(key, row) if number in merged else (key, row)))

    def write(self, writer: Writer) -> None:
        writer.number(len(self._order))
        writer.number(self._whole)
        writer.number(len(self._rows))
        for flags, *literals in self._templates:
            assert isinstance(flags, int)
            writer.number(flags)
            writer.text(str(literals[0]))
            writer.number(len(literals) - 1)
            for literal in literals[1:]:
                writer.text(str(literal))
        writer.numbers(self._order)
        writer.numbers(self.times)
        writer.numbers(self.seqs)
        columns = TextsWriter(writer)
        for rows in self._rows:
            columns.begin()
            for column in zip(*rows, strict=True):
                columns.write(column)


def _finely(key: _Key, row: list[str]) -> tuple[_Key, list[str]]:
    """A line's template and values anew, with its texts among the values."""
    flags, first, *literals = key
    text = "".join(
        [str(first), *(f"{_JOINT}{v}{lit}" for v, lit in zip(row, literals, strict=True))]
    )
    parts = _split_finely(text)
    assert isinstance(flags, int)
    return (flags | FINE, *parts[::2]), parts[1::2]


class _Room:
    """What is left of a text's size: no forged block takes more than it says."""

    def __init__(self, size: int) -> None:
        self._left = size

    def take(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise DamagedSegment("a text that is longer than its block says")


@dataclass(slots=True, frozen=True)
class Table:
    """The lines of a template.

    Attributes:
        flags: TIMED, SEQUENCED, FINE.
        literals: the texts around the values.
        columns: the values.
        count: how many lines.
    """

    flags: int
    literals: list[str]
    columns: list[Texts]
    count: int
    room: _Room

    def rows(self) -> Iterator[str]:
        """The lines without their times and places.

        Raises:
            DamagedSegment: they are not there, or longer than the block says.
        """
        joint = "" if self.flags & FINE else _JOINT
        *before, last = self.literals
        pieces: list[Iterable[str]] = []
        for literal, column in zip(before, self.columns, strict=True):
            texts = column.read()
            self.room.take(max(sum(map(len, texts)) - self.count, 0))
            pieces += [repeat(literal + joint), texts]
        return map("".join, zip(*pieces, repeat(last, self.count), strict=False))


@dataclass(slots=True, frozen=True)
class Tables:
    """A block's lines by their templates.

    Attributes:
        order: which table each line is of.
        times: of the lines of timed tables, in their order, in milliseconds since 1970.
        seqs: of the lines of sequenced tables, in their order.
    """

    tables: list[Table]
    order: list[int]
    times: Numbers
    seqs: Numbers
    whole: bool

    def text(self) -> str:
        """
        Raises:
            DamagedSegment: as `Table.rows`.
        """
        rows = [(table.flags, table.rows()) for table in self.tables]
        times, seqs = iter(self.times.read()), iter(self.seqs.read())
        time_texts = _TimeTexts()
        lines = []
        for number in self.order:
            flags, those = rows[number]
            line = next(those)
            if flags & TIMED:
                line = time_texts[next(times)] + line
            if flags & SEQUENCED:
                line = f"{line}{_JOINT}{next(seqs)}}}"
            lines.append(line)
        if self.whole:
            lines.append("")
        return "\n".join(lines)


def read(reader: Reader, size: int) -> Tables:
    """What `Lines.write` wrote.

    Args:
        reader: at its beginning.
        size: how long the text is at most, which bounds what it takes to make it.

    Raises:
        DamagedSegment: it is not there, or none, or longer.
    """
    room = _Room(size)
    count, whole = reader.number(), reader.number()
    room.take(count - 1)  # newlines
    templates = [_read_template(reader) for _ in _few(reader.number(), count)]
    order = reader.numbers(count)
    if order and not 0 <= min(order) <= max(order) < len(templates):
        raise DamagedSegment("a line without its template")
    counts = Counter(order)
    flagged = [(flags, counts[number]) for number, (flags, _) in enumerate(templates)]
    timed = sum(n for flags, n in flagged if flags & TIMED)
    sequenced = sum(n for flags, n in flagged if flags & SEQUENCED)
    room.take(timed * _TIME_ENDS + sequenced * len(f"{_JOINT}0}}"))
    times, seqs = reader.later(timed), reader.later(sequenced)
    texts = TextsReader(reader)
    tables = [
        _read_table(texts, flags, literals, counts[number], room)
        for number, (flags, literals) in enumerate(templates)
    ]
    reader.finish()
    return Tables(tables, order, times, seqs, bool(whole))


def _few(count: int, most: int) -> range:
    if count > most:
        raise DamagedSegment(f"{count} templates for {most} lines")
    return range(count)


def _read_template(reader: Reader) -> tuple[int, list[str]]:
    flags = reader.number()
    literals = [reader.text()]
    literals += [reader.text() for _ in range(reader.number())]
    return flags, literals


def _read_table(
    texts: TextsReader, flags: int, literals: list[str], count: int, room: _Room
) -> Table:
    values = len(literals) - 1
    # No value is empty.
    joints = 0 if flags & FINE else len(_JOINT)
    room.take(count * (sum(map(len, literals)) + values * (joints + 1)))
    texts.begin()
    return Table(flags, literals, [texts.read(count) for _ in range(values)], count, room)
