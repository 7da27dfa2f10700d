"""Segments on a disk: what is ours, both forms, and what is left after anything."""

import os
from pathlib import Path
from typing import Any

import pytest
from health_archive import columns, segments
from health_archive.columns import Damage
from health_archive.segments import Segment, SegmentError

from tests.health_archive.test_columns import lines

NAME = "2026-01-01/12-00-00"


def put(folder: Path, name: str, text: bytes) -> Segment:
    path = folder / f"{name}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text)
    return found(folder, name)


def found(folder: Path, name: str = NAME) -> Segment:
    segment = segments.find_segment(folder, name)
    assert segment is not None
    return segment


def all_of(segment: Segment) -> bytes:
    parts = list(segment.read())
    assert not [part for part in parts if isinstance(part, Damage)]
    return b"".join(part for part in parts if isinstance(part, bytes))


def test_a_segment_goes_from_text_to_columns(tmp_path: Path) -> None:
    text = lines(1, 500)
    segment = put(tmp_path, NAME, text)
    ended = segments.end_segment(segment)
    assert ended == found(tmp_path)
    assert ended.text == len(text)
    assert ended.columns is not None
    assert ended.columns < len(text) / 10
    assert ended.columns_path.stat().st_mode & 0o777 == 0o640
    assert all_of(ended) == text
    only = segments.remove_text(ended)
    assert only == found(tmp_path)
    assert os.listdir(tmp_path / "2026-01-01") == ["12-00-00.events"]
    assert all_of(only) == text
    assert list(only.lines()) == text.splitlines(keepends=True)
    segments.remove_segment(only)
    assert os.listdir(tmp_path) == []


def test_a_large_segment_takes_no_more_memory_than_its_blocks(tmp_path: Path) -> None:
    text = b"".join(b'{"a":%d,"b":"%s"}\n' % (i, b"x" * 5000) for i in range(1000))
    segment = segments.end_segment(put(tmp_path, NAME, text))
    assert len(list(columns.read(segment.columns_path.read_bytes()))) == 5
    assert all_of(segment) == text


@pytest.mark.parametrize("text", [b"", b"\n", b"no record", b"\x00" * 5000])
def test_any_text_can_be_ended(tmp_path: Path, text: bytes) -> None:
    segment = segments.remove_text(segments.end_segment(put(tmp_path, NAME, text)))
    assert columns.decode(segment.columns_path.read_bytes()) == text


def test_only_our_own_files_are_segments(tmp_path: Path) -> None:
    assert segments.list_segments(tmp_path / "nowhere") == []
    put(tmp_path, "2026-01-02/00-00-00", b"")
    segments.end_segment(put(tmp_path, NAME, b"x\n"))
    day = tmp_path / "2026-01-01"
    for name in ("notes.txt", "12-00-00.jsonl.gz", "24-00-00.jsonl", "12-60-00.events", "x.jsonl",
                 ".12-00-00.jsonl", "12-00-00-1.jsonl"):  # fmt: skip
        (day / name).write_bytes(b"a stranger's")
    (day / "13-00-00.jsonl").symlink_to(day / "12-00-00.jsonl")
    (day / "13-10-00.jsonl").mkdir()
    (tmp_path / "2026-02-30").mkdir()
    (tmp_path / "2026-02-30" / "12-00-00.jsonl").write_bytes(b"a stranger's")
    (tmp_path / "2026-01-03").symlink_to(day)
    (tmp_path / "12-00-00.jsonl").write_bytes(b"a stranger's")
    names = [segment.name for segment in segments.list_segments(tmp_path)]
    assert names == [NAME, "2026-01-02/00-00-00"]
    for name in ("../x", "2026-01-01/13-00-00", "2026-01-01/13-10-00", "2026-02-30/12-00-00", ""):
        assert segments.find_segment(tmp_path, name) is None
    assert segments.find_segment(tmp_path, NAME) == segments.list_segments(tmp_path)[0]


def test_removing_a_segment_leaves_strangers_alone(tmp_path: Path) -> None:
    segment = segments.end_segment(put(tmp_path, NAME, b"x\n"))
    (tmp_path / "2026-01-01" / "notes.txt").write_text("mine")
    segments.remove_segment(segment)
    assert os.listdir(tmp_path / "2026-01-01") == ["notes.txt"]


def test_names_are_times(tmp_path: Path) -> None:
    assert Segment(tmp_path, NAME).begin == 1767268800000


def test_a_segment_that_grows_is_not_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    segment = put(tmp_path, NAME, lines(1, 100))
    sync = os.fsync

    def and_grow(fd: int) -> None:
        sync(fd)
        with segment.text_path.open("ab") as text:
            text.write(b"more\n")

    monkeypatch.setattr(os, "fsync", and_grow)
    with pytest.raises(SegmentError, match="it still grows"):
        segments.end_segment(segment)
    assert os.listdir(tmp_path / "2026-01-01") == ["12-00-00.jsonl"]


def test_text_stays_where_columns_do_not_give_it(tmp_path: Path) -> None:
    segment = segments.end_segment(put(tmp_path, NAME, lines(1, 100)))
    put(tmp_path, NAME, lines(1, 101))
    with pytest.raises(SegmentError, match="grew after it ended"):
        segments.remove_text(segment)
    put(tmp_path, NAME, lines(2, 101))
    with pytest.raises(SegmentError, match="do not give its text"):
        segments.remove_text(segment)
    assert all_of(segments.remove_text(segments.end_segment(segment))) == lines(2, 101)


def test_text_stays_where_a_bit_of_its_columns_has_changed(tmp_path: Path) -> None:
    segment = segments.end_segment(put(tmp_path, NAME, lines(1, 20)))
    whole = segment.columns_path.read_bytes()
    for place in range(len(whole)):
        changed = bytearray(whole)
        changed[place] ^= 1 << place % 8
        segment.columns_path.write_bytes(changed)
        with pytest.raises(SegmentError):
            segments.remove_text(segment)
    segment.columns_path.write_bytes(whole)
    assert segments.remove_text(segment).text is None


def test_a_wrong_encoder_would_not_cost_the_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    segment = put(tmp_path, NAME, lines(1, 100))
    right = columns.encode_file

    def wrong(file: Any, size: int) -> Any:
        *parts, last = right(file, size)
        yield from (*parts, last[:-1] + b"x")

    monkeypatch.setattr(columns, "encode_file", wrong)
    with pytest.raises(SegmentError, match=f"{NAME}: a block that cannot be inflated"):
        segments.end_segment(segment)
    assert os.listdir(tmp_path / "2026-01-01") == ["12-00-00.jsonl"]


def test_what_was_half_written_is_tidied_away(tmp_path: Path) -> None:
    put(tmp_path, NAME, b"x\n")
    day = tmp_path / "2026-01-01"
    (day / ".12-00-00.events.new").write_bytes(b"half")
    (day / ".bashrc.new").write_bytes(b"a stranger's")
    segments.tidy_folder(tmp_path)
    assert sorted(os.listdir(day)) == [".bashrc.new", "12-00-00.jsonl"]


def test_a_torn_last_line_is_told_in_either_form(tmp_path: Path) -> None:
    text = lines(1, 20)
    for cut in range(len(lines(1, 18)), len(text)):
        segment = put(tmp_path, NAME, text[:cut])
        whole = text[:cut].rfind(b"\n") + 1
        torn = [] if whole == cut else [Damage(whole, cut - whole, "the last line is cut off")]
        assert list(segment.read()) == [text[:whole], *torn]
    ended = segments.remove_text(segments.end_segment(segment))
    assert list(ended.read()) == [text[:whole], *torn]


def test_columns_cut_off_anywhere_give_what_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(columns, "BLOCK_SIZE", 3000)
    text = lines(1, 101)
    segment = segments.end_segment(put(tmp_path, NAME, text))
    whole = segment.columns_path.read_bytes()
    for size in range(0, len(whole), 7):
        segment.columns_path.write_bytes(whole[:size])
        assert all_of(segment) == text, "the text is still there"
    segment.text_path.unlink()
    for size in range(len(whole)):
        segment.columns_path.write_bytes(whole[:size])
        *kept, damage = segment.read()
        assert isinstance(damage, Damage)
        assert text.startswith(b"".join(part for part in kept if isinstance(part, bytes)))


def test_a_changed_byte_in_the_columns_costs_nothing_while_there_is_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(columns, "BLOCK_SIZE", 3000)
    text = lines(1, 101)
    segment = segments.end_segment(put(tmp_path, NAME, text))
    whole = bytearray(segment.columns_path.read_bytes())
    whole[-10] ^= 1
    segment.columns_path.write_bytes(whole)
    assert all_of(segment) == text
    segment.text_path.unlink()
    *kept, damage = segment.read()
    assert isinstance(damage, Damage)
    assert damage.extent is not None
    assert damage.extent.last_seq == 100
    assert len(kept) == 2


def test_a_line_without_an_end_takes_bounded_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "_LONGEST_LINE", 2 << 20)
    text = b"x" * (5 << 20) + b"\n" + lines(1, 5)
    parts = list(put(tmp_path, NAME, text).read())
    damages = [part for part in parts if isinstance(part, Damage)]
    assert damages[0].reason == "no end of a line"
    assert isinstance(parts[-1], bytes)
    assert parts[-1].endswith(lines(1, 5))


def test_a_segment_that_is_gone_is_an_error(tmp_path: Path) -> None:
    segment = put(tmp_path, NAME, b"x\n")
    segment.text_path.unlink()
    with pytest.raises(FileNotFoundError):
        list(segment.read())


def test_a_full_disk_leaves_the_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    segment = put(tmp_path, NAME, lines(1, 100))

    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        segments.end_segment(segment)
    assert os.listdir(tmp_path / "2026-01-01") == ["12-00-00.jsonl"]
