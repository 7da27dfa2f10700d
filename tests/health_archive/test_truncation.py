"""Files that end within their last two records, at any byte: all before is read, the rest told."""

from pathlib import Path

import pytest
from health_archive import BlackBox, columns, read_black_box, recover, segments
from health_archive.columns import Damage
from health_archive.facts import facts_of, is_notable
from health_archive.index import Index
from health_archive.series import HEARTBEAT, read_lines

from tests.health_archive.kept import days
from tests.health_archive.test_checkpoints import BEGIN, checkpoint, event
from tests.health_archive.test_segments import put

EPOCH = "a" * 32
NAME = "2026-01-01/12-00-00"
LINES = [checkpoint(0, epoch=EPOCH).line()] + [
    event(n, "system.a.updated", {"load": n / 4, "words": "x" * (n % 7)}, BEGIN + 1000 * n)
    for n in range(1, 41)
]


def cuts(size: int, last_two: int) -> range:
    """Every size from that of all but the last two records to that of the whole."""
    return range(size - last_two, size + 1)


def runs(segment: segments.Segment) -> list[list[int]]:
    facts = facts_of(read_lines(segment.lines(), HEARTBEAT.__eq__, is_notable))
    return [run[:2] for run in facts.runs]


def test_a_text(tmp_path: Path) -> None:
    whole = b"".join(LINES)
    for size in cuts(len(whole), len(LINES[-1]) + len(LINES[-2])):
        segment = put(tmp_path, NAME, whole[:size])
        read = list(segment.lines())
        there = whole[:size].count(b"\n")
        assert read[:there] == LINES[:there]
        damages = [each for each in read[there:] if isinstance(each, Damage)]
        assert sum(each.size for each in damages) == size - sum(map(len, LINES[:there]))
        assert runs(segment) == [[1, there - 1]]


def test_columns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "BLOCK_SIZE", 1000)
    text = b"".join(LINES)
    segment = segments.remove_text(segments.end_segment(put(tmp_path, NAME, text)))
    whole = segment.columns_path.read_bytes()
    blocks = [part for part in columns.read(whole) if isinstance(part, columns.Block)]
    assert len(blocks) > 3
    starts = [n for n in range(len(whole)) if whole.startswith(b"\x89BLK", n)]
    assert len(starts) == len(blocks)
    for size in cuts(len(whole), len(whole) - starts[-2])[:-1]:
        segment.columns_path.write_bytes(whole[:size])
        read = list(segment.read())
        there = sum(start <= size for start in starts[-1:]) + len(blocks) - 2
        assert b"".join(p for p in read if isinstance(p, bytes)) == b"".join(
            block.text for block in blocks[:there]
        )
        assert any(isinstance(part, Damage) for part in read), "what is missing is said"
        last = max(block.extent.last_seq for block in blocks[:there])
        assert runs(segment) == [[1, last]]


def test_a_black_box(tmp_path: Path) -> None:
    path = tmp_path / "box"
    box = BlackBox(path, 1 << 16)
    for first in range(1, 41, 10):
        box.write(NAME, EPOCH, LINES[first : first + 10])
    box.sync()
    box.close()
    whole = path.read_bytes()
    starts = [n for n in range(0, len(whole), 4096) if whole.startswith(b"\x89REC", n)]
    ends = [at + 95 + int.from_bytes(whole[at + 83 : at + 87], "little") for at in starts]
    assert len(starts) == 4
    for size in (*range(starts[2], ends[2] + 1), *range(starts[3], ends[3] + 1)):
        path.write_bytes(whole[:size])
        there = sum(size >= end for end in ends)
        kept = list(read_black_box(path))
        assert b"".join(each.lines for each in kept) == b"".join(LINES[1 : 1 + 10 * there])
    path.write_bytes(whole[: ends[3] - 1])
    [recovered] = recover(tmp_path / "history", path)
    assert (recovered.first_seq, recovered.last_seq) == (1, 30)
    again = BlackBox(path, 1 << 16)
    again.write(NAME, EPOCH, LINES[-1:])
    again.close()
    assert [each.lines for each in read_black_box(path)] == [LINES[-1]], "made anew"


def test_an_index(tmp_path: Path) -> None:
    """It is made anew, and the same; its last pages are cut at their beginnings and within."""
    path, folder = tmp_path / "index", tmp_path / "history"
    days(folder, 3)
    index = Index(path, folder)
    list(index.update())
    same = list(index.dump())
    index.close()
    whole = path.read_bytes()
    pages = int.from_bytes(whole[16:18], "big")
    sizes = {*cuts(len(whole), 2 * pages)[:: pages // 16], 0, 1, 99, 100, pages, len(whole) - 1}
    for size in sorted(sizes):
        path.write_bytes(whole[:size])
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        index = Index(path, folder)
        list(index.update())
        assert list(index.dump()) == same, size
        index.close()


def test_what_was_being_written_is_nothing(tmp_path: Path) -> None:
    """A file is there whole or not at all: what was half written has another name, and goes."""
    segment = put(tmp_path, NAME, b"".join(LINES))
    ended = segments.end_segment(segment)
    whole = ended.columns_path.read_bytes()
    new = ended.columns_path.with_name(f".{ended.columns_path.name}.new")
    ended.columns_path.unlink()
    for size in range(0, len(whole) + 1, 7):
        new.write_bytes(whole[:size])
        [found] = segments.list_segments(tmp_path)
        assert (found.text, found.columns) == (len(b"".join(LINES)), None)
        segments.tidy_folder(tmp_path)
        assert not new.exists()
