"""The index is a projection: whatever came and went, it is what the segments are."""

import random
import sqlite3
from pathlib import Path

import pytest
from health_archive import segments
from health_archive.index import Index, forget

from tests.health_archive.kept import DAY, FIRST, HOUR, Kept, days


def updated(folder: Path, path: Path | None = None) -> Index:
    index = Index(path or folder / "index", folder / "history")
    list(index.update())
    return index


def anew(folder: Path) -> list[str]:
    index = updated(folder, folder / "another")
    dump = list(index.dump())
    index.close()
    forget(folder / "another")
    return dump


def test_an_index_kept_up_to_date_is_the_same_as_one_made_anew(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "history")
    index = updated(tmp_path)
    assert list(index.dump()) == []
    for day in range(4):
        for hour in (0, 6, 18):
            kept.add(FIRST + day * DAY + hour * HOUR)
            assert len(list(index.update())) == 1
            assert list(index.update()) == []
            assert list(index.dump()) == anew(tmp_path)
    index.close()


def test_a_year_makes_no_row_for_a_sample(tmp_path: Path) -> None:
    days(tmp_path / "history", 5)
    index = updated(tmp_path)
    db = sqlite3.connect(tmp_path / "index")
    count = "SELECT count(*) FROM"
    counts = [db.execute(f"{count} {t}").fetchone()[0] for t in ("segments", "edges", "days")]
    db.close()
    index.close()
    assert counts == [20, 2 * 4 * 2, 3 * 3], "by segment and metric; by day and series"


def test_whatever_comes_and_goes_in_any_order_it_is_the_same(tmp_path: Path) -> None:
    chance = random.Random(5)
    kept = Kept(tmp_path / "history")
    times = [FIRST + day * DAY + hour * HOUR for day in range(5) for hour in (1, 9, 17)]
    chance.shuffle(times)
    index = updated(tmp_path)
    for number, time in enumerate(times):
        kept.add(time)
        if number % 3 == 2:  # the clock went back, and somebody cleans up
            there = segments.list_segments(tmp_path / "history")
            segments.remove_segment(chance.choice(there))
        if number % 2:
            list(index.update())
    list(index.update())
    assert list(index.dump()) == anew(tmp_path)
    for segment in segments.list_segments(tmp_path / "history"):  # the oldest first
        segments.remove_segment(segment)
        list(index.update())
        assert list(index.dump()) == anew(tmp_path)
    assert list(index.dump()) == []
    index.close()


def test_a_segment_that_was_written_anew_is_taken_anew(tmp_path: Path) -> None:
    kept = days(tmp_path / "history", 3)
    index = updated(tmp_path)
    before = list(index.dump())
    kept.add(FIRST + DAY, samples=30)
    assert list(index.update()) == ["2026-01-02/00-00-00"]
    assert list(index.dump()) == anew(tmp_path) != before
    index.close()


def test_text_under_way_is_not_in_it(tmp_path: Path) -> None:
    kept = days(tmp_path / "history", 1)
    kept.add(FIRST + DAY, end=False)
    index = updated(tmp_path)
    assert not [line for line in index.dump() if "2026-01-02" in line]
    index.close()


def test_what_was_done_by_then_stays(tmp_path: Path) -> None:
    days(tmp_path / "history", 2)
    index = Index(tmp_path / "index", tmp_path / "history")
    steps = index.update()
    assert [next(steps), next(steps)] == ["2026-01-01/00-00-00", "2026-01-01/06-00-00"]
    steps.close()
    index.close()
    index = Index(tmp_path / "index", tmp_path / "history")
    assert len(list(index.update())) == 6
    assert list(index.dump()) == anew(tmp_path)
    index.close()


def test_a_step_that_fails_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    days(tmp_path / "history", 3, per_day=1)
    index = Index(tmp_path / "index", tmp_path / "history")
    steps = index.update()
    next(steps)
    before = list(index.dump())
    with monkeypatch.context() as patched:
        patched.setattr(Index, "_arrange", lambda self: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            next(steps)
    assert list(index.dump()) == before
    list(index.update())
    assert list(index.dump()) == anew(tmp_path)
    index.close()


@pytest.mark.parametrize("content", [b"", b"no database at all" * 500, b"SQLite format 3\0" * 300])
def test_a_damaged_index_is_made_anew(tmp_path: Path, content: bytes) -> None:
    days(tmp_path / "history", 1)
    (tmp_path / "index").write_bytes(content)
    index = updated(tmp_path)
    assert list(index.dump()) == anew(tmp_path)
    index.close()


@pytest.mark.parametrize("change", ["PRAGMA user_version = 99", "DROP TABLE days"])
def test_an_index_of_another_form_is_made_anew(tmp_path: Path, change: str) -> None:
    days(tmp_path / "history", 1)
    updated(tmp_path).close()
    db = sqlite3.connect(tmp_path / "index")
    db.execute(change)
    db.close()
    index = updated(tmp_path)
    assert list(index.dump()) == anew(tmp_path)
    index.close()


def test_an_index_that_cannot_be_opened_is_not_thrown_away(tmp_path: Path) -> None:
    (tmp_path / "index").mkdir()
    with pytest.raises(sqlite3.OperationalError):
        Index(tmp_path / "index", tmp_path)
    assert (tmp_path / "index").is_dir()


def test_a_damaged_segment_is_taken_with_its_damage(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "history")
    path = kept.add(FIRST).columns_path
    content = path.read_bytes()
    path.write_bytes(content[:-3])
    index = updated(tmp_path)
    (line,) = index.dump()
    assert "the file ends 3 bytes before its block does" in line
    index.close()


def test_it_knows_how_far_it_is_behind(tmp_path: Path) -> None:
    kept = days(tmp_path / "history", 2)
    index = Index(tmp_path / "index", kept.folder)
    assert (index.newest(), index.behind()) == (None, 8)
    steps = index.update()
    first = next(steps)
    assert (index.newest(), index.behind()) == (first, 7)
    list(steps)
    kept.add(FIRST + 2 * DAY, end=False)
    assert index.behind() == 0, "what is under way is not waited for"
    index.close()


def test_day_by_day_it_comes_to_be_the_same(tmp_path: Path) -> None:
    kept = days(tmp_path / "history", 4)
    (tmp_path / "history/notes").mkdir()
    index = Index(tmp_path / "index", kept.folder)
    steps = list(index.update_by_day())
    assert [step for step in steps if step] == [s.name for s in segments.list_segments(kept.folder)]
    assert steps.count("") == 5
    assert list(index.dump()) == anew(tmp_path)
    for segment in segments.list_segments(kept.folder, "2026-01-02", "2026-01-02"):
        segments.remove_segment(segment)
    assert len([step for step in index.update_by_day() if step]) == 4
    assert list(index.dump()) == anew(tmp_path)
    index.close()


def test_of_some_days_alone(tmp_path: Path) -> None:
    kept = days(tmp_path / "history", 4)
    index = Index(tmp_path / "index", kept.folder)
    assert len(list(index.update(since="2026-01-02", until="2026-01-03"))) == 8
    assert len(list(index.update(since="2026-01-03"))) == 4, "and nothing is forgotten"
    assert len(list(index.update())) == 4
    assert list(index.dump()) == anew(tmp_path)
    index.close()
