"""What the black box has beyond the segments comes back, once, and says so."""

import json
import os
from pathlib import Path

import pytest
from health_archive import recovery, segments
from health_archive.black_box import BlackBox, read_black_box
from health_archive.checkpoints import state_at
from health_archive.columns import Damage
from health_archive.recovery import Recovered, recover
from health_wire.tree import FrozenDict

from tests.health_archive.made import EPOCH
from tests.health_archive.test_checkpoints import BEGIN, checkpoint, event
from tests.health_archive.test_segments import NAME, found, put

LINES = [checkpoint(0).line(), *(event(seq, "a.updated", {"b": seq}) for seq in range(1, 31))]


def box_of(folder: Path, *records: tuple[str, list[bytes]], epoch: str = EPOCH) -> Path:
    box = BlackBox(folder / "box", 64 * 4096)
    for name, lines in records:
        box.write(name, epoch, lines)
    box.close()
    return folder / "box"


@pytest.fixture
def box(tmp_path: Path) -> Path:
    return box_of(tmp_path, (NAME, LINES[:11]), (NAME, LINES[11:21]), (NAME, LINES[21:]))


def note(events: int, damaged: int) -> bytes:
    return recovery_line(31 - events, 30, events, damaged)


def recovery_line(first: int, last: int, events: int, damaged: int) -> bytes:
    data = {"epoch": EPOCH, "first_seq": first, "last_seq": last, "events": events}
    line = {"time": "2026-01-01T12:00:30.000Z", "name": "collector.record.recovered",
            "data": {**data, "damaged_bytes": damaged}}  # fmt: skip
    return json.dumps(line, separators=(",", ":")).encode() + b"\n"


def lines_of(folder: Path, name: str = NAME) -> list[bytes | Damage]:
    return list(found(folder, name).lines())


def test_a_text_cut_off_at_any_byte_is_completed(tmp_path: Path, box: Path) -> None:
    text = b"".join(LINES)
    for cut in range(len(b"".join(LINES[:29])), len(text) - 1):
        put(tmp_path, NAME, text[:cut])
        whole = text[:cut].count(b"\n")
        events, damaged = 31 - whole, cut - text[:cut].rfind(b"\n") - 1
        assert recover(tmp_path, box) == [Recovered(NAME, EPOCH, whole, 30, events, damaged)]
        assert lines_of(tmp_path) == [*LINES, note(events, damaged)]
        assert recover(tmp_path, box) == [], "again it changes nothing"
    assert sorted(os.listdir(tmp_path / "2026-01-01")) == ["12-00-00.jsonl"]


def test_a_whole_text_stays_as_it_is(tmp_path: Path, box: Path) -> None:
    segment = put(tmp_path, NAME, b"".join(LINES))
    before = segment.text_path.stat()
    assert recover(tmp_path, box) == []
    assert segment.text_path.stat() == before


def test_zeros_where_lines_were_are_replaced(tmp_path: Path, box: Path) -> None:
    text = b"".join(LINES[:15])
    put(tmp_path, NAME, text + bytes(4096))
    assert recover(tmp_path, box) == [Recovered(NAME, EPOCH, 15, 30, 16, 4096)]
    assert lines_of(tmp_path) == [*LINES, note(16, 4096)]


def test_a_hole_within_is_filled(tmp_path: Path, box: Path) -> None:
    put(tmp_path, NAME, b"".join(LINES[:12] + LINES[14:]))
    assert recover(tmp_path, box) == [Recovered(NAME, EPOCH, 12, 13, 2, 0)]
    assert lines_of(tmp_path) == [*LINES, recovery_line(12, 13, 2, 0)]


def test_a_segment_whose_file_never_reached_the_disk_is_made_anew(
    tmp_path: Path, box: Path
) -> None:
    assert recover(tmp_path / "history", box) == [Recovered(NAME, EPOCH, 1, 30, 30, 0)]
    assert lines_of(tmp_path / "history") == [*LINES, note(30, 0)]
    moment = state_at(LINES, BEGIN + 10**6)
    assert moment is not None
    assert moment.state == FrozenDict(a={"b": 30})


def test_an_empty_file_is_completed(tmp_path: Path, box: Path) -> None:
    put(tmp_path, NAME, b"")
    recover(tmp_path, box)
    assert lines_of(tmp_path) == [*LINES, note(30, 0)]


def test_what_ended_is_not_touched_nor_what_was_removed_long_ago(tmp_path: Path) -> None:
    names = [f"2026-01-01/12-{minute}0-00" for minute in range(5)]
    box = box_of(tmp_path, *((name, [event(i, "a", 1)]) for i, name in enumerate(names, 1)))
    ended = segments.end_segment(put(tmp_path, names[4], b""))
    assert [each.segment for each in recover(tmp_path, box)] == [names[3]]
    assert [s.name for s in segments.list_segments(tmp_path)] == [names[3], names[4]]
    assert found(tmp_path, names[4]) == ended


def test_the_ring_torn_at_any_byte_gives_what_is_whole(tmp_path: Path, box: Path) -> None:
    whole = box.read_bytes()
    end = len(whole.rstrip(b"\0"))
    for at in range(2 * 4096, end, 11):
        if whole[at] == 0:
            continue
        box.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        put(tmp_path, NAME, b"".join(LINES[:11]))
        recover(tmp_path, box)
        kept = LINES[11:21] if at >= 3 * 4096 else LINES[21:]
        assert lines_of(tmp_path)[:-1] == [*LINES[:11], *kept]


def test_another_start_of_the_same_second_is_not_mixed_in(tmp_path: Path) -> None:
    box = box_of(tmp_path, (NAME, LINES[1:]), epoch="1" * 32)
    put(tmp_path, NAME, b"".join(LINES[:5]))
    assert recover(tmp_path, box) == []
    assert lines_of(tmp_path) == LINES[:5]


def test_lines_without_a_place_stay_after_what_they_followed(tmp_path: Path) -> None:
    said = b'{"time":"2026-01-01T12:00:02.500Z","name":"collector.x","data":{}}\n'
    lines = [*LINES[:3], said, *LINES[3:6]]
    box = box_of(tmp_path, (NAME, lines))
    put(tmp_path, NAME, b"".join(lines[:5]))
    recover(tmp_path, box)
    assert lines_of(tmp_path)[:-1] == lines


def test_no_box_and_a_strangers_name_are_nothing(tmp_path: Path) -> None:
    assert recover(tmp_path, tmp_path / "box") == []
    box = box_of(tmp_path, ("../../../../../tmp/", LINES), ("x" * 19, LINES))
    assert len(list(read_black_box(box))) == 2
    assert recover(tmp_path / "history", box) == []
    assert not (tmp_path / "history").exists()


def test_the_line_is_named_as_it_is_written() -> None:
    assert recovery.NAME == "collector.record.recovered"
