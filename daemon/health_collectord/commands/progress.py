"""How far long work is, on a terminal; elsewhere nothing."""

import sys
from time import monotonic
from types import TracebackType
from typing import Self

_EVERY = 0.2  # seconds
_CLEAR = "\r\x1b[K"  # ECMA-48: the line's begin, and nothing from there on


class Progress:
    """A line on standard error while it is entered, gone when it is left.

    Args:
        what: is done, such as ``verified``.
        total: how much there is.
        unit: of that.
    """

    def __init__(self, what: str, total: int, unit: str = "segments") -> None:
        self._what, self._total, self._unit = what, total, unit
        self._shown = sys.stderr is not None and sys.stderr.isatty()
        self._due = 0.0
        self.done = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self._write(_CLEAR)

    def step(self) -> None:
        """So much more is done."""
        self.done += 1
        if self._shown and monotonic() >= self._due:
            self._due = monotonic() + _EVERY
            self._write(f"{_CLEAR}{self}, {self.done * 100 // max(self._total, 1)} %")

    def __str__(self) -> str:
        return f"{self._what} {self.done} of {self._total} {self._unit}"

    def _write(self, text: str) -> None:
        if self._shown:
            sys.stderr.write(text)
            sys.stderr.flush()
