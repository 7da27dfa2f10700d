"""Which segments and lines a window has."""

from pathlib import Path

from health_archive import segments
from health_archive.columns import Damage
from health_archive.windows import (
    Lost,
    Window,
    lines_of,
    lines_or_losses,
    segments_of,
    span_of,
)  # fmt: skip

from tests.health_archive.kept import DAY, FIRST, HOUR, Kept, days
from tests.health_archive.test_checkpoints import event
from tests.health_archive.test_segments import found, put

NAME = "2026-01-01/12-00-00"


def names(kept: Kept, start: int | None, end: int | None) -> list[str]:
    return [segment.name for segment in segments_of(kept.folder, Window(start, end))]


def test_segments_of_a_window(tmp_path: Path) -> None:
    kept = days(tmp_path, 3)  # each of ten minutes, at 0, 6, 12 and 18 h
    assert len(names(kept, None, None)) == 12
    assert names(kept, FIRST + 5 * HOUR, FIRST + 13 * HOUR) == [
        "2026-01-01/06-00-00", "2026-01-01/12-00-00",
    ]  # fmt: skip
    inside = FIRST + 6 * HOUR + 300_000
    assert names(kept, inside, inside + 60_000) == ["2026-01-01/06-00-00"]
    assert names(kept, inside, inside + 1) == []
    assert names(kept, FIRST + 3 * DAY, None) == []
    assert names(kept, None, FIRST) == []
    assert span_of(segments.list_segments(tmp_path)) == (FIRST, kept.load[-1][0])
    assert span_of([]) is None


def test_lines_of_a_window_are_those_that_were_written(tmp_path: Path) -> None:
    lines = [event(seq, "system.a.updated", {"x": seq}) for seq in range(1, 9)]
    text = b"".join(lines[:4]) + b"no record\n" + b"".join(lines[4:])
    for segment in (
        put(tmp_path, NAME, text),
        segments.end_segment(found(put(tmp_path, NAME, text).folder)),
    ):
        start = 1767268800000 + 3000
        assert list(lines_of((segment,), Window())) == text.splitlines(keepends=True)
        assert list(lines_of((segment,), Window(start, start + 3000))) == [
            lines[2], lines[3], b"no record\n", lines[4],
        ]  # fmt: skip


def test_what_comes_after_it_was_listed_is_not_read(tmp_path: Path) -> None:
    segment = put(tmp_path, NAME, b"one\n")
    with segment.text_path.open("ab") as file:
        file.write(b"two\nthr")
    assert list(lines_or_losses(segment)) == [b"one\n"]


def test_what_cannot_be_read_is_told_in_its_place(tmp_path: Path) -> None:
    segment = put(tmp_path, NAME, b"one\ntwo")
    assert list(lines_or_losses(segment)) == [
        b"one\n", Lost(segment.text_path, Damage(4, 3, "the last line is cut off")),
    ]  # fmt: skip
    segments.remove_segment(segment)
    assert list(lines_or_losses(segment)) == [
        Lost(segment.text_path, Damage(0, 7, "it was removed meanwhile"))
    ]
