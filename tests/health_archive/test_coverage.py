"""What is there, what is missing, and why."""

from pathlib import Path
from typing import Any

import pytest
from health_archive import segments
from health_archive.coverage import Epoch, Hole, covered
from health_archive.index import Index

from tests.health_archive.test_checkpoints import BEGIN, checkpoint, event
from tests.health_archive.test_segments import put

A, B = "a" * 32, "b" * 32
EVER = (0, 10**14)


class Record:
    """Segments of ten minutes each; the time of an event is its number in all the record."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._number = 0

    def add(self, epoch: str | None, *events: int | tuple[int, str, Any], boot: str = "x",
            ended: bool = True) -> segments.Segment:  # fmt: skip
        name = segments.segment_name(BEGIN + 60_000 * self._number)
        self._number += 1
        lines = []
        first = events[0] if isinstance(events[0], int) else events[0][0]
        if epoch is not None:
            time = BEGIN + 1000 * (first - 1)
            lines.append(checkpoint(first - 1, epoch=epoch, boot_id=boot, time=time).line())
        for each in events:
            seq, named, data = (each, "system.a.updated", {}) if isinstance(each, int) else each
            lines.append(event(seq, named, data))
        segment = put(self.folder / "history", name, b"".join(lines))
        return segments.remove_text(segments.end_segment(segment)) if ended else segment

    def told(self, start: int = EVER[0], end: int = EVER[1]) -> list[Epoch]:
        index = Index(self.folder / "index", self.folder / "history")
        list(index.update())
        index.close()
        return covered(self.folder / "index", self.folder / "history", start, end)


@pytest.fixture
def record(tmp_path: Path) -> Record:
    return Record(tmp_path)


def at(seq: int) -> int:
    return BEGIN + 1000 * seq


def test_nothing_is_missing_where_nothing_is(record: Record) -> None:
    assert record.told() == []
    record.add(A, 1, 2, 3)
    record.add(A, 4, 5)
    assert record.told() == [Epoch(A, "x", at(0), at(5), [(1, 5)])]


def test_the_segment_under_way_counts(record: Record) -> None:
    record.add(A, 1, 2, 3)
    record.add(A, 4, 5, ended=False)
    (epoch,) = record.told()
    assert (epoch.runs, epoch.holes) == ([(1, 5)], [])


def test_a_hole_that_nothing_explains_is_of_unknown_cause(record: Record) -> None:
    record.add(A, 1, 2, 5, 6)
    record.add(A, 9)
    (epoch,) = record.told()
    assert epoch.runs == [(1, 2), (5, 6), (9, 9)]
    assert epoch.holes == [
        Hole(3, 4, at(2), at(5), "unknown"),
        Hole(7, 8, at(6), at(9), "unknown"),
    ]


def test_what_a_full_disk_cost_is_told_with_its_error(record: Record) -> None:
    record.add(A, 1, 2, (3, "collector.sink.degraded", {"sink": "jsonl", "error": "No space left"}))
    record.add(A, 10, (11, "collector.sink.recovered", {"sink": "jsonl", "lost": 6}))
    (epoch,) = record.told()
    assert epoch.holes == [Hole(4, 9, at(3), at(10), "write_failed", "No space left")]


def test_a_folder_that_was_removed_is_told_as_that(record: Record) -> None:
    error = "12-00-00.jsonl: was removed while recording"
    record.add(None, 7, (8, "collector.sink.degraded", {"sink": "jsonl", "error": error}))
    record.add(A, 9, (10, "collector.sink.recovered", {"sink": "jsonl", "lost": 6}))
    (epoch,) = record.told()
    assert epoch.holes == [Hole(1, 6, None, at(7), "write_failed", error)]


def test_where_writing_failed_to_the_end_that_is_why_the_end_is_missing(record: Record) -> None:
    record.add(A, 1, (2, "collector.sink.degraded", {"sink": "jsonl", "error": "Read-only"}))
    record.add(B, 10, boot="x")
    first, _ = record.told()
    assert first.holes == [Hole(3, None, at(2), at(9), "write_failed", "Read-only")]


def test_a_start_without_a_clock_comes_after_the_one_before_it(record: Record) -> None:
    """It begins in 1970 and jumps to now: that is no hole, and it is not the first."""
    record.add(A, 1, 2, 3)
    record.add(B, 100, 101, boot="y")
    early = segments.segment_name(10_000)
    lines = [checkpoint(0, epoch=B, boot_id="y", time=10_000).line()]
    lines += [event(n, "system.a.updated", {}, 10_000 + 1000 * n) for n in range(1, 100)]
    segments.end_segment(put(record.folder / "history", early, b"".join(lines)))
    for window in (EVER, (at(0), at(200))):
        first, second = record.told(*window)
        assert (first.epoch, second.epoch) == (A, B)
        assert [hole.cause for hole in first.holes] == ["restart"]
        assert (second.runs, second.holes) == ([(1, 101)], [])


def test_a_clock_that_goes_back_a_year_and_forward_again_leaves_no_hole(record: Record) -> None:
    record.add(A, 1, 2, 3)
    a_year_back = BEGIN - 365 * 86_400_000
    lines = [checkpoint(3, epoch=A, boot_id="x", time=a_year_back).line()]
    lines += [event(n, "system.a.updated", {}, a_year_back + 1000 * n) for n in (4, 5, 6)]
    name = segments.segment_name(a_year_back)
    segments.end_segment(put(record.folder / "history", name, b"".join(lines)))
    record.add(A, 7, 8)
    (epoch,) = record.told()
    assert (epoch.runs, epoch.holes) == ([(1, 8)], [])


def test_what_retention_took_is_told(record: Record) -> None:
    first = record.add(A, 1, 2)
    record.add(A, 3, 4)
    segments.remove_segment(first)
    (epoch,) = record.told()
    assert (epoch.runs, epoch.holes) == ([(3, 4)], [Hole(1, 2, None, at(3), "retention")])


def test_what_damage_cost_is_told(record: Record) -> None:
    record.add(A, 1, 2)
    path = record.add(A, 3, 4).columns_path
    record.add(A, 5, 6)
    path.write_bytes(path.read_bytes()[:-1])
    (epoch,) = record.told()
    assert epoch.runs == [(1, 2), (5, 6)]
    reason = "the file ends 1 bytes before its block does"
    assert epoch.holes == [Hole(3, 4, at(2), at(5), "damage", reason)]


def test_dropped_samples_are_told_though_they_never_had_a_place(record: Record) -> None:
    record.add(A, 1, (2, "collector.events.dropped", {"count": 7}))
    (epoch,) = record.told()
    assert epoch.holes == [Hole(None, None, at(2), at(2), "dropped", count=7)]


SHUTDOWN = "runtime.shutdown"


@pytest.mark.parametrize(
    ("last", "boot", "then", "hole"),
    [
        ((4, SHUTDOWN, {}), "x", 5, Hole(None, None, at(4), at(99), "shutdown")),
        ((4, SHUTDOWN, {}), "y", 5, Hole(None, None, at(4), at(99), "shutdown")),
        (4, "x", 5, Hole(5, None, at(4), at(99), "crash")),
        (4, "y", 5, Hole(5, None, at(4), at(99), "restart")),
        (
            4, "y", (101, "system.restart.updated", {"cause": "power lost"}),
            Hole(5, None, at(4), at(99), "restart", "power lost"),
        ),
    ],
)  # fmt: skip
def test_why_an_epoch_ended(record: Record, last: Any, boot: str, then: Any, hole: Hole) -> None:
    record.add(A, 1, 2, 3, last)
    record.add(B, 100, then if isinstance(then, tuple) else 101, boot=boot)
    first, second = record.told()
    assert (first.epoch, second.epoch) == (A, B)
    assert first.holes == [hole]
    assert first.shutdown == (hole.cause == "shutdown")


def test_epochs_without_checkpoints_are_told_apart(record: Record) -> None:
    record.add(None, 1, 2, 3)
    record.add(None, 4, 5)
    record.add(None, 1, 2)
    first, second = record.told()
    assert (first.epoch, first.runs, second.runs) == (None, [(1, 5)], [(1, 2)])
    assert [hole.cause for hole in first.holes] == ["unknown"]


def test_what_goes_on_with_a_checkpoint_is_one_epoch(record: Record) -> None:
    """After an error a file begins with what waited, and the next one with a checkpoint."""
    record.add(None, 5, 6)
    record.add(A, 7, 8)
    (epoch,) = record.told()
    assert (epoch.epoch, epoch.runs) == (A, [(5, 8)])


def test_only_what_a_window_touches_is_told(record: Record) -> None:
    record.add(A, 1, 2, (3, SHUTDOWN, {}))
    record.add(B, 10, 11)
    assert [epoch.epoch for epoch in record.told(at(9), at(20))] == [A, B]
    assert [epoch.epoch for epoch in record.told(at(10), at(20))] == [B]
    assert [epoch.epoch for epoch in record.told(0, at(1))] == [A]
    assert record.told(at(12), at(20)) == []


def test_two_copies_of_events_are_one(record: Record) -> None:
    record.add(A, 1, 2, 3)
    record.add(A, 3, 4)
    assert record.told()[0].runs == [(1, 4)]


def test_a_window_of_a_long_epoch_is_told_by_what_touches_it(record: Record) -> None:
    for seq in range(1, 40):
        record.add(A, 60 * seq, 60 * seq + 1)
    (epoch,) = record.told(at(60 * 20), at(60 * 21))
    assert epoch.runs[0][0] > 60 * 15
    assert epoch.runs[-1][1] < 60 * 25
    assert (60 * 20, 60 * 20 + 1) in epoch.runs
    assert "retention" not in {hole.cause for hole in epoch.holes}
    (epoch,) = record.told(at(0), at(120))
    assert epoch.holes[0] == Hole(1, 59, None, at(60), "retention")
