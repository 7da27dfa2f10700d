"""Lines of text for a terminal: wrapped, aligned, coloured where it may be, and always escaped."""

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from health_wire.terminal import escape, shorten, width

# ECMA-48, Select Graphic Rendition.
_STYLES = {
    "critical": "1;31",
    "warning": "1;33",
    "healthy": "1;32",
    "unknown": "1;35",
    "title": "1",
    "quiet": "2",
}
_GAP = 2
_LONGEST_CELL = 36


@dataclass(slots=True, frozen=True)
class Part:
    """Words in a style; what is in `text` cannot leave it."""

    text: str
    style: str = ""


class Paper:
    """Takes lines from top to bottom; `columns` is how wide they should be."""

    def __init__(self, columns: int, *, colour: bool) -> None:
        self.lines: list[str] = []
        self.columns = columns
        self._colour = colour

    def line(self, *parts: Part | str) -> None:
        """A line as long as it is."""
        self.lines.append("".join(map(self._painted, parts)).rstrip(" "))

    def wrapped(self, text: str, *, indent: int = 0, first: Part | None = None) -> None:
        """A text over as many lines as it needs, with `first` in front of it."""
        begin = first.text if first else ""
        room = max(self.columns, indent + 20)
        # An escape is a word: none is torn apart.
        lines = textwrap.wrap(
            escape(begin + text), room, subsequent_indent=" " * indent, break_long_words=False,
            break_on_hyphens=False,
        ) or [""]  # fmt: skip
        for number, line in enumerate(lines):
            head = escape(begin)
            if first and number == 0 and line.startswith(head):
                self.line(first, line[len(head) :])
            else:
                self.line(line)

    def pairs(self, pairs: Iterable[tuple[str, Part]]) -> None:
        """Labels with their values, in as many columns as there is room for."""
        known = [(escape(label), Part(escape(p.text), p.style)) for label, p in pairs]
        short = [(label, p) for label, p in known if width(p.text) <= _LONGEST_CELL]
        labels = max((width(label) for label, _ in known), default=0)
        if short:
            values = max(width(p.text) for _, p in short)
            whole = labels + values + 2 * _GAP
            beside = max((self.columns - _GAP) // (whole + _GAP), 1)
            for start in range(0, len(short), beside):
                parts: list[Part | str] = []
                for label, value in short[start : start + beside]:
                    parts += [" " * _GAP, _left(label, labels), " " * _GAP]
                    parts += [value, " " * (values - width(value.text) + _GAP)]
                self.line(*parts)
        for label, value in known:
            if width(value.text) > _LONGEST_CELL:
                begin = f"{'':{_GAP}}{_left(label, labels)}{'':{_GAP}}"
                self.wrapped(value.text, indent=len(begin), first=Part(begin))

    def table(
        self, head: Sequence[str], rows: Sequence[Sequence[Part]], numeric: Sequence[bool]
    ) -> None:
        """Rows in aligned columns; those on the right that find no room are left out."""
        cells = [[Part(shorten(escape(p.text), _LONGEST_CELL), p.style) for p in r] for r in rows]
        heads = [shorten(escape(text), _LONGEST_CELL) for text in head]
        wide = [
            max(width(text), *(width(row[n].text) for row in cells)) if cells else width(text)
            for n, text in enumerate(heads)
        ]
        shown, taken = 0, 0
        while shown < len(wide) and (shown < 2 or taken + wide[shown] + _GAP <= self.columns):
            taken += wide[shown] + _GAP
            shown += 1
        for row in [[Part(text, "quiet") for text in heads], *cells]:
            parts: list[Part | str] = []
            for n, cell in enumerate(row[:shown]):
                room = " " * (wide[n] - width(cell.text))
                parts += [" " * _GAP, room, cell] if numeric[n] else [" " * _GAP, cell, room]
            self.line(*parts)

    def _painted(self, part: Part | str) -> str:
        if isinstance(part, str):
            return escape(part)
        code = _STYLES.get(part.style) if self._colour else None
        text = escape(part.text)
        return f"\x1b[{code}m{text}\x1b[0m" if code else text


def _left(text: str, columns: int) -> str:
    return text + " " * (columns - width(text))
