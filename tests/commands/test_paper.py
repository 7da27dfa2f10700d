"""Text for a terminal: aligned, and never more than text."""

import re

import pytest
from health_collectord.commands.paper import Paper, Part
from health_wire.terminal import width
from hypothesis import given
from hypothesis import strategies as st

HOSTILE = "x\n\x1b[2J\x9b31m\u202e\u2028"
STYLE = re.compile(r"\x1b\[[0-9;]+m")


def test_colours_are_the_papers_alone() -> None:
    paper = Paper(80, colour=True)
    paper.line(Part("Warning", "warning"), f": {HOSTILE}", Part(HOSTILE, "quiet"))
    paper.wrapped(HOSTILE, first=Part(HOSTILE, "title"))
    paper.pairs([(HOSTILE, Part(HOSTILE, "critical"))])
    paper.table([HOSTILE], [[Part(HOSTILE, "warning")]], [False])
    for line in paper.lines:
        assert STYLE.sub("", line).isprintable(), line
    assert paper.lines[0].startswith("\x1b[1;33mWarning\x1b[0m: x\\n\\x1b[2J")


def test_without_colour_there_is_none() -> None:
    paper = Paper(80, colour=False)
    paper.line(Part("Warning", "warning"), ": ", Part("x", "critical"))
    assert paper.lines == ["Warning: x"]


def test_pairs_stand_in_as_many_columns_as_there_is_room_for() -> None:
    pairs = [("User", Part("12 %")), ("I/O wait", Part("0 %")), ("Idle", Part("88 %"))]
    wide, narrow = Paper(44, colour=False), Paper(30, colour=False)
    wide.pairs(pairs)
    narrow.pairs([*pairs, ("Model", Part("a " * 30))])
    assert wide.lines == ["  User      12 %    I/O wait  0 %", "  Idle      88 %"]
    assert narrow.lines == [
        "  User      12 %",
        "  I/O wait  0 %",
        "  Idle      88 %",
        *["  Model     a a a a a a a a a a", "            a a a a a a a a a a"],
        "            a a a a a a a a a a",
    ]


def test_a_table_leaves_out_the_columns_that_find_no_room() -> None:
    rows = [[Part("/"), Part("9 %"), Part("ext4")], [Part("/写真"), Part("91.2 %"), Part("exfat")]]
    wide, narrow = Paper(80, colour=False), Paper(20, colour=False)
    for paper in (wide, narrow):
        paper.table(["Mount", "Used", "File system"], rows, [False, True, False])
    assert wide.lines == [
        "  Mount    Used  File system",
        "  /         9 %  ext4",
        "  /写真  91.2 %  exfat",
    ]
    assert narrow.lines == ["  Mount    Used", "  /         9 %", "  /写真  91.2 %"]


def test_a_long_name_is_shortened() -> None:
    paper = Paper(80, colour=False)
    paper.table(["Mount", "Used"], [[Part("/a" * 100), Part("9 %")]], [False, True])
    assert paper.lines[1] == f"  {'/a' * 17}/…   9 %"


@given(st.text(max_size=200), st.integers(20, 200), st.booleans())
def test_any_text_stays_within_its_lines(text: str, columns: int, colour: bool) -> None:
    paper = Paper(columns, colour=colour)
    paper.wrapped(text, indent=4, first=Part("Title: ", "title"))
    paper.table([text, "b"], [[Part(text), Part(text, "warning")]], [False, True])
    paper.pairs([(text, Part(text)), ("b", Part(text))])
    assert all(STYLE.sub("", line).isprintable() for line in paper.lines)


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_lines_are_as_wide_as_they_should_be(columns: int) -> None:
    paper = Paper(columns, colour=False)
    paper.wrapped("word " * 100, indent=12, first=Part("  critical  ", "critical"))
    paper.pairs([(f"Label {n}", Part(f"{n} %")) for n in range(20)])
    paper.table(["head"] * 40, [[Part("cell")] * 40], [True] * 40)
    assert max(width(line) for line in paper.lines) <= columns
    assert width(paper.lines[0]) > columns - 12
