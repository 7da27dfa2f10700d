"""Any moment of a record in its segments, and words for where there is none."""

from pathlib import Path

import pytest
from health_archive import segments
from health_archive.moments import NotRecorded, moment_of
from health_wire import tree

from tests.health_archive.test_checkpoints import BEGIN, Live, checkpoint, event

DAY = 86_400_000
NAME = "2026-01-01/12-00-00"


def write(folder: Path, name: str, lines: list[bytes], *, end: bool = False) -> None:
    path = folder / f"{name}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(lines))
    if end:
        segment = segments.find_segment(folder, name)
        assert segment is not None
        segments.remove_text(segments.end_segment(segment))


@pytest.fixture
def record(tmp_path: Path) -> Path:
    """12:00:01 to 12:00:05, of which 3 is in the next second's middle; 12:00:10 to 12:00:12."""
    live = Live()
    lines = [checkpoint(0).line()]
    for seq in range(1, 6):
        lines.append(event(seq, "a.updated", {"n": seq}, BEGIN + seq * 1000 + 500))
        live.apply(lines[-1])
    write(tmp_path, NAME, lines, end=True)
    later = [checkpoint(5, live.state, time=BEGIN + 10_250).line()]
    later += [event(seq, "b.updated", seq, BEGIN + seq * 1000 + 4250) for seq in range(6, 9)]
    write(tmp_path, "2026-01-01/12-00-10", later)
    return tmp_path


@pytest.mark.parametrize(
    ("milliseconds", "seq", "state"),
    [
        (1500, 1, {"a": {"n": 1}}), (2499, 1, {"a": {"n": 1}}), (2500, 2, {"a": {"n": 2}}),
        (8499, 5, {"a": {"n": 5}}),
        (10_250, 6, {"a": {"n": 5}, "b": 6}), (12_300, 8, {"a": {"n": 5}, "b": 8}),
        (15_249, 8, {"a": {"n": 5}, "b": 8}),
    ],
)  # fmt: skip
def test_the_state_is_the_one_after_the_last_event_until_then(
    record: Path, milliseconds: int, seq: int, state: object
) -> None:
    moment = moment_of(record, BEGIN + milliseconds)
    assert (moment.seq, moment.whole) == (seq, True)
    assert moment.state == tree.freeze(state)


@pytest.mark.parametrize(
    ("milliseconds", "said"),
    [
        (-DAY * 400, "the record begins at 2026-01-01T12:00:00.000Z"),
        (-1, "the record begins at 2026-01-01T12:00:00.000Z"),
        (8500, "nothing was recorded after 2026-01-01T12:00:05.500Z until 2026-01-01T12:00:10"),
        (10_249, "nothing was recorded after 2026-01-01T12:00:05.500Z$"),
        (15_250, "nothing was recorded after 2026-01-01T12:00:12.250Z$"),
        (DAY * 3, "nothing was recorded after the segment that began at 2026-01-01T12:00:10.000Z"),
        (10**15, "nothing was recorded after the segment that began at 2026-01-01T12:00:10.000Z"),
    ],
)
def test_where_there_is_none_it_is_said_what_there_is(
    record: Path, milliseconds: int, said: str
) -> None:
    with pytest.raises(NotRecorded, match=said):
        moment_of(record, BEGIN + milliseconds)


@pytest.mark.parametrize("made", [False, True])
def test_of_an_empty_record_too(tmp_path: Path, made: bool) -> None:
    folder = tmp_path / "history"
    if made:
        folder.mkdir()
    with pytest.raises(NotRecorded, match="nothing has been recorded yet"):
        moment_of(folder, BEGIN)


def test_where_the_clock_went_back_the_last_time_counts(record: Path) -> None:
    lines = [checkpoint(8, tree.freeze({"c": 1}), time=BEGIN + 1000).line()]
    lines += [event(9, "c.updated", 2, BEGIN + 1600)]
    write(record, "2026-01-01/12-00-01", lines)
    assert moment_of(record, BEGIN + 1700).state == {"c": 2}


def test_files_that_are_no_segments_do_not_matter(record: Path) -> None:
    (record / "2026-01-02").write_text("a file of a day's name")
    (record / "notes").mkdir()
    (record / "2026-01-01/12-00-11.txt").write_text("a stranger's")
    assert moment_of(record, BEGIN + 12_300).seq == 8
    with pytest.raises(NotRecorded, match="began at 2026-01-01T12:00:10"):
        moment_of(record, BEGIN + 3 * DAY)
