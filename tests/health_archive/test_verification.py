"""Whatever is done to a file of a record is found."""

import random
from pathlib import Path

import pytest
from health_archive import segments
from health_archive.coverage import Hole
from health_archive.verification import Flaw, Verified, is_accounted_for

from tests.health_archive.test_coverage import A, B, Record


@pytest.fixture
def record(tmp_path: Path) -> Record:
    return Record(tmp_path)


def verified(record: Record) -> Verified:
    found = Verified()
    for segment in segments.list_segments(record.folder / "history"):
        found.add(segment)
    return found


def test_a_whole_record_has_no_flaw(record: Record) -> None:
    record.add(A, 1, 2, 3)
    record.add(A, 4, 5, ended=False)
    found = verified(record)
    assert (found.segments, found.lines, found.flaws) == (2, 7, [])
    (epoch,) = found.epochs()
    assert (epoch.runs, epoch.holes) == ([(1, 5)], [])


def test_any_byte_that_changes_in_columns_is_found_and_its_events_are_missing(
    record: Record,
) -> None:
    record.add(A, 1, 2, 3)
    path = record.add(A, *range(4, 30)).columns_path
    record.add(A, 30, 31)
    whole, chance = path.read_bytes(), random.Random(1)
    for at in chance.sample(range(len(whole)), 60):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])
        found = verified(record)
        assert found.flaws, at
        assert all(flaw.path == path and flaw.lost for flaw in found.flaws)
        for epoch in found.epochs():
            assert all(hole.cause == "damage" for hole in epoch.holes)
            assert not any(is_accounted_for(hole) for hole in epoch.holes)


def test_every_way_to_cut_columns_short_is_found(record: Record) -> None:
    path = record.add(A, *range(1, 30)).columns_path
    whole = path.read_bytes()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        assert verified(record).flaws, size


def test_where_the_text_is_there_as_well_nothing_is_lost(record: Record) -> None:
    segment = segments.end_segment(record.add(A, *range(1, 30), ended=False))
    content = segment.columns_path.read_bytes()
    segment.columns_path.write_bytes(content[:-3])
    found = verified(record)
    (flaw,) = found.flaws
    assert (flaw.path, flaw.lost) == (segment.columns_path, False)
    (epoch,) = found.epochs()
    assert epoch.runs == [(1, 29)]


def test_a_text_that_is_another_than_its_columns_hold_is_found(record: Record) -> None:
    segment = segments.end_segment(record.add(A, *range(1, 30), ended=False))
    text = segment.text_path.read_bytes()
    segment.text_path.write_bytes(text.replace(b'"seq":7', b'"seq":8'))
    (flaw,) = verified(record).flaws
    assert (flaw.path, flaw.lost) == (segment.text_path, False)
    segment.text_path.write_bytes(text + text[-10:])
    (flaw,) = verified(record).flaws
    assert (flaw.damage.offset, flaw.damage.size, flaw.lost) == (len(text), 10, True)


def test_a_text_that_ends_within_a_line_is_found(record: Record) -> None:
    segment = record.add(A, 1, 2, 3, ended=False)
    text = segment.text_path.read_bytes()
    segment.text_path.write_bytes(text[:-5])
    (flaw,) = verified(record).flaws
    assert isinstance(flaw, Flaw)
    assert flaw.damage.reason == "the last line is cut off"


def test_one_that_is_removed_meanwhile_is_passed_over(record: Record) -> None:
    gone = record.add(A, 1, 2, 3)
    segments.remove_segment(gone)
    found = Verified()
    found.add(gone)
    assert found == Verified()


def test_a_hole_that_has_a_cause_is_accounted_for(record: Record) -> None:
    record.add(A, 1, 2, (3, "runtime.shutdown", {}))
    record.add(B, 1, 2)
    record.add(B, 5)
    first, second = verified(record).epochs()
    assert [is_accounted_for(hole) for hole in first.holes] == [True]
    assert second.holes == [Hole(3, 4, second.holes[0].start, second.holes[0].end, "unknown")]
    assert not is_accounted_for(second.holes[0])
