"""Recorded events by time and by place, page by page: all of them, each once."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from health_archive.events import Found, Place, Wanted, events_by_seq, events_by_time
from health_archive.index import Index
from health_archive.lines import Record, parse
from health_archive.segments import list_segments

from tests.health_archive.kept import DAY, FIRST, HOUR, Kept, days
from tests.health_archive.test_checkpoints import BEGIN, EPOCH, checkpoint, event
from tests.health_archive.test_moments import NAME, write


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    folder = tmp_path_factory.mktemp("record")
    kept = days(folder / "history", 3)
    index = Index(folder / "index", kept.folder)
    list(index.update())
    index.close()
    kept.add(FIRST + 3 * DAY)  # not in the index
    kept.add(FIRST + 3 * DAY + HOUR, end=False)  # under way
    return kept


def recorded(kept: Kept) -> list[Record]:
    """All that is an event, read without what is tested here."""
    lines = (line for segment in list_segments(kept.folder) for line in segment.lines())
    records = [parse(line) for line in lines if isinstance(line, bytes)]
    return [record for record in records if record.seq is not None]


def by_seq(kept: Kept, wanted: Wanted, after: Place | None = None) -> Iterator[Found]:
    found = events_by_seq(kept.folder, kept.folder.parent / "index", wanted, after)
    assert found is not None
    return found


def events(found: Iterator[Found]) -> list[Record]:
    return [each.record for each in found if each.record is not None]


WINDOWS = [
    (0, 1 << 62), (FIRST, FIRST + HOUR), (FIRST + 5 * HOUR, FIRST + DAY + 7 * HOUR),
    (FIRST + 200_000, FIRST + 400_000), (FIRST + 3 * DAY + HOUR, 1 << 62), (0, 5),
    (FIRST + HOUR, FIRST + 2 * HOUR),
]  # fmt: skip


@pytest.mark.parametrize("names", [(), ("system.load",), ("system.n", "health."), ("x",)])
@pytest.mark.parametrize(("start", "end"), WINDOWS)
def test_of_a_window(kept: Kept, start: int, end: int, names: tuple[str, ...]) -> None:
    found = events(events_by_time(kept.folder, Wanted(names, start, end), None))
    assert found == [
        record
        for record in recorded(kept)
        if start <= record.time <= end and (not names or record.name.startswith(names))
    ]


@pytest.mark.parametrize(
    ("first", "last"), [(1, 1 << 62), (1, 1), (20, 55), (250, 1 << 60), (95, 101)]
)
def test_of_places_in_the_order(kept: Kept, first: int, last: int) -> None:
    found = events(by_seq(kept, Wanted(epoch=EPOCH, first_seq=first, last_seq=last)))
    assert found == [r for r in recorded(kept) if first <= (r.seq or 0) <= last]
    assert found


@pytest.mark.parametrize(("epoch", "first"), [("other", 1), (EPOCH, 10**6)])
def test_where_there_are_none(kept: Kept, epoch: str, first: int) -> None:
    index, wanted = kept.folder.parent / "index", Wanted(epoch=epoch, first_seq=first)
    found = events_by_seq(kept.folder, index, wanted, None)
    assert found is None or events(found) == []


def test_from_wherever_one_goes_on_the_rest_follows(kept: Kept) -> None:
    for ask in (
        lambda after: events_by_time(kept.folder, Wanted(), after),
        lambda after: by_seq(kept, Wanted(epoch=EPOCH), after),
    ):
        whole = list(ask(None))
        for number in range(0, len(whole), 29):
            rest = list(ask(whole[number].place))
            assert events(iter(rest)) == events(iter(whole[number + 1 :]))
            assert whole[number].place <= rest[0].place


def test_each_says_which_start_it_is_of(tmp_path: Path) -> None:
    write(tmp_path, NAME, [event(7, "a.updated", {}), event(8, "b", {})])  # of version 1.0.0
    started = event(1, "collector.started", {"epoch": "f"}, BEGIN + 60_000)
    write(tmp_path, "2026-01-01/12-01-00", [started, event(2, "b", {}, BEGIN + 61_000)])
    lines = [checkpoint(2, time=BEGIN + 120_000, epoch="g").line()]
    write(tmp_path, "2026-01-01/12-02-00", [*lines, event(3, "b", {}, BEGIN + 121_000)])
    found = events_by_time(tmp_path, Wanted(), None)
    assert [each.epoch for each in found if each.record] == [None, None, "f", "f", "g"]


def test_what_was_never_on_the_wire_is_no_event(tmp_path: Path) -> None:
    lines = [
        checkpoint(0).line(),
        b'{"time":"2026-01-01T12:00:00.000Z","name":"collector.record.recovered","data":{}}\n',
        event(1, "a", {"n": 1}), b"noise\n", event(2, "b", [1]), event(3, "b", "text"),
        event(4, "b", {"x": "\xff"}).replace("\xff".encode(), b"\xff"), b"\0" * 50 + b"\n",
        event(5, "n" * 300, {}), event(6, "b", None),
        event(7, "b", {"nan": 0}).replace(b"0}", b"NaN}"),
        event(8, "b", {"torn": 1})[:-9],
    ]  # fmt: skip
    write(tmp_path, NAME, lines)
    assert [r.seq for r in events(events_by_time(tmp_path, Wanted(), None))] == [1, 6]


def test_the_way_through_much_that_is_not_wanted_is_told(tmp_path: Path) -> None:
    write(tmp_path, NAME, [event(n, "a", {}, BEGIN + n) for n in range(1, 1700)])
    found = list(events_by_time(tmp_path, Wanted(("b",)), None))
    assert [each.place.lines for each in found] == [500, 1000, 1500, 1699]
    assert json.dumps([each.record for each in found]) == "[null, null, null, null]"


def test_of_no_record_there_is_nothing(tmp_path: Path) -> None:
    assert list(events_by_time(tmp_path / "missing", Wanted(), None)) == []
