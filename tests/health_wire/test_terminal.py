"""What others say, shown so that a terminal and a log stay whole."""

import json
import logging
import sys
from typing import Any

import pytest
from health_wire.terminal import LogFormatter, escape, escape_json, shorten, to_json, width
from hypothesis import given
from hypothesis import strategies as st

HOSTILE = [
    "\n", "\r", "\t", "\x00", "\x1b[2J", "\x7f", "\x85", "\x9b31m", "\u200e", "\u202e", "\u2066",
    "\u2028", "\u2029", "\ufeff", "\U000e0041", "\udcff", "\ue000",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_what_is_not_seen_is_written_out(text: str) -> None:
    shown = escape(f"a{text}b")
    assert shown.isprintable()
    assert shown.startswith("a\\")
    assert json.loads(escape_json(json.dumps(text, ensure_ascii=False))) == text
    assert escape_json(json.dumps(text, ensure_ascii=False)).isprintable()


def test_what_is_seen_stays_as_it_is() -> None:
    for text in ("", "/media/写真", "48 °C", "é", "a\\n", "👍", "'\""):
        assert escape(text) == text


@given(st.text())
def test_any_text_is_one_printable_line(text: str) -> None:
    assert escape(text).isprintable()
    assert escape(escape(text)) == escape(text)
    assert json.loads(to_json(text)) == text
    assert json.loads(to_json(text, "iso8859-1")) == text
    assert to_json(text).isprintable()
    assert to_json(text, None).isprintable()
    assert to_json(text, "latin-1").isascii()
    escape(text).encode()


def test_text_is_shortened_and_measured() -> None:
    assert [shorten("abcdef", most) for most in (7, 6, 3)] == ["abcdef", "abcdef", "ab…"]
    assert [width(text) for text in ("abc", "°C", "写真", "e\u0301")] == [3, 2, 4, 1]


def record(message: str, *args: Any, level: int = logging.INFO, exc: Any = None) -> Any:
    return logging.LogRecord("test", level, __file__, 1, message, args, exc)


@pytest.mark.parametrize(
    ("level", "line"),
    [(logging.INFO, ""), (logging.WARNING, "<4>"), (logging.CRITICAL, "<3>")],
)
def test_a_log_line_cannot_be_forged(level: int, line: str) -> None:
    told = record("%s came", "x\nHealthy: all\x1b[2J", level=level)
    assert LogFormatter(prefixed=True).format(told) == rf"{line}x\nHealthy: all\x1b[2J came"
    assert LogFormatter("it: ").format(told) == r"it: x\nHealthy: all\x1b[2J came"


def test_a_tracebacks_lines_are_indented() -> None:
    try:
        raise ValueError("x\n<6>Healthy: all checks passed\x1b")
    except ValueError:
        told = LogFormatter().format(record("failed", exc=sys.exc_info()))
    first, *rest = told.split("\n")
    assert first == "failed"
    assert all(line.startswith("  ") and line.isprintable() for line in rest)
    assert "  <6>Healthy: all checks passed\\x1b" in rest
