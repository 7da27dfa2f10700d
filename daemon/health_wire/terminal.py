"""What a machine or another host says, as people may be shown it: on terminals and in logs.

A mount point or a host's name can hold whatever its owner likes: newlines that forge lines of a
log, escape sequences that a terminal obeys, characters that turn the direction of the text.
"""

import json
import logging
import re
from typing import Any

# Within JSON: what escape() does not leave as it is, and JSON does.
_RAW = re.compile("[^ -~]")


def escape(text: str) -> str:
    r"""The text with everything written out that is not seen: ``\n``, ``\x1b``, ``\u202e``.

    That is control characters (C0, DEL, C1), format characters such as bidi overrides, line and
    paragraph separators, lone surrogates, and code points that are assigned to nothing (the
    Unicode standard's categories C and Z, but for the space).
    """
    return text if text.isprintable() else "".join(map(_escaped, text))


def _escaped(character: str) -> str:
    return character if character.isprintable() else repr(character)[1:-1]


def escape_json(text: str) -> str:
    r"""JSON that says the same, with what `escape` would write out as ``\u001b``."""
    return text if text.isprintable() else _RAW.sub(_escaped_in_json, text)


def _escaped_in_json(match: re.Match[str]) -> str:
    character = match[0]
    return character if character.isprintable() else json.dumps(character)[1:-1]


def to_json(value: Any, encoding: str | None = "utf-8") -> str:
    """Compact JSON for a terminal; in ASCII where its encoding is not UTF-8."""
    wide = (encoding or "").lower().replace("-", "") == "utf8"
    return escape_json(json.dumps(value, ensure_ascii=not wide, separators=(",", ":")))


def shorten(text: str, most: int) -> str:
    """At most that many characters of the text, an ellipsis for the rest."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def width(text: str) -> int:
    """How many columns a terminal gives to a printable text (Unicode Standard Annex 11)."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width  # a megabyte that a collector needs not

    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)


class LogFormatter(logging.Formatter):
    """A record in one line; a traceback's lines are indented, so that none passes for a record.

    Args:
        begin: what every record begins with.
        prefixed: put the journal's priority in front (man 3 sd-daemon).
    """

    def __init__(self, begin: str = "", *, prefixed: bool = False) -> None:
        super().__init__("%(message)s")
        self._begin = begin
        self._prefixed = prefixed

    def format(self, record: logging.LogRecord) -> str:
        prefix = ""
        if self._prefixed and record.levelno >= logging.WARNING:
            prefix = "<3>" if record.levelno >= logging.ERROR else "<4>"
        lines = [prefix + self._begin + escape(record.getMessage())]
        if record.exc_info:
            told = self.formatException(record.exc_info)
            lines += [f"{prefix}  {escape(line)}" for line in told.split("\n")]
        return "\n".join(lines)
