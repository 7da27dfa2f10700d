"""Retention: the oldest goes, never the segment under way, never a stranger's file."""

import os
from pathlib import Path

import pytest
from health_archive import segments
from health_archive.shelf import Bounds, Removed, Shelf, free_bytes

GB = 1 << 30
NOW = 1767268800.0  # 2026-01-01 12:00
ANY = Bounds(size=GB, age=400 * 86400, free=0)


def fill(folder: Path, count: int, size: int = 1000, day: str = "2026-01-01") -> list[str]:
    names = [f"{day}/{i // 6:02}-{i % 6}0-00" for i in range(count)]
    for name in names:
        path = folder / f"{name}.events"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * size)
    return names


def there(folder: Path) -> list[str]:
    return [segment.name for segment in segments.list_segments(folder)]


def trimmed(shelf: Shelf, now: float = NOW, under_way: str | None = None) -> list[tuple[str, str]]:
    return [(each.segment.name, each.reason) for each in shelf.trim(now, under_way)]


def shelf(folder: Path, bounds: Bounds = ANY, free: int = GB) -> Shelf:
    return Shelf(folder, bounds, lambda _: free)


def test_within_its_bounds_nothing_goes(tmp_path: Path) -> None:
    names = fill(tmp_path, 20)
    assert trimmed(shelf(tmp_path)) == []
    assert there(tmp_path) == names
    assert trimmed(shelf(tmp_path / "nowhere")) == []


def test_the_size_is_held_and_the_oldest_goes(tmp_path: Path) -> None:
    names = fill(tmp_path, 20)
    kept = shelf(tmp_path, Bounds(15_500, 1e9, 0))
    assert trimmed(kept) == [(name, "size") for name in names[:5]]
    assert there(tmp_path) == names[5:]
    assert kept.size == 15_000
    assert kept.first == "2026-01-01"


def test_both_forms_count_and_go(tmp_path: Path) -> None:
    names = fill(tmp_path, 3)
    (tmp_path / f"{names[0]}.jsonl").write_bytes(b"x" * 5000)
    assert trimmed(shelf(tmp_path, Bounds(7000, 1e9, 0))) == [(names[0], "size")]
    assert not (tmp_path / f"{names[0]}.jsonl").exists()


def test_it_holds_the_size_while_segments_come(tmp_path: Path) -> None:
    kept = shelf(tmp_path, Bounds(10_000, 1e9, 0))
    names = []
    for day in range(1, 8):
        for name in fill(tmp_path, 5, 900, f"2026-01-{day:02}"):
            names.append(name)
            list(kept.trim(NOW, name))
            size = sum(segment.size for segment in segments.list_segments(tmp_path))
            assert size <= 10_000
            assert kept.size == size
    assert there(tmp_path) == names[-11:]
    assert len(list(tmp_path.iterdir())) == 3, "empty days are gone"


def test_age_goes_too_but_not_all_at_once(tmp_path: Path) -> None:
    names = fill(tmp_path, 100)
    kept = shelf(tmp_path, Bounds(GB, 3600.0, 0))
    assert trimmed(kept) == [(name, "age") for name in names[:30]]
    assert len(trimmed(kept)) == 30
    assert trimmed(kept) == [(name, "age") for name in names[60:66]]
    assert there(tmp_path) == names[66:], "12:00 less an hour"


def test_what_a_clock_that_had_yet_to_be_set_named_is_as_old_as_its_file(tmp_path: Path) -> None:
    early = fill(tmp_path, 2, day="1970-01-01")
    old = fill(tmp_path, 2, day="2024-01-01")
    os.utime(tmp_path / f"{early[0]}.events", (100, 100))
    os.utime(tmp_path / f"{early[1]}.events", (NOW - 60, NOW - 60))
    assert trimmed(shelf(tmp_path)) == [(name, "age") for name in (early[0], *old)]
    assert there(tmp_path) == [early[1]]
    assert trimmed(shelf(tmp_path), NOW + 400 * 86400) == [(early[1], "age")]


def test_the_size_is_held_where_the_clock_goes_back(tmp_path: Path) -> None:
    kept = shelf(tmp_path, Bounds(10_000, 1e12, 0))
    for day in ("2026-01-01", "2026-01-02", "2026-01-03"):
        fill(tmp_path, 3, day=day)
    kept.look()
    for number in range(1, 20):
        names = fill(tmp_path, number, day="2025-01-01")
        list(kept.trim(NOW, names[-1]))
        size = sum(segment.size for segment in segments.list_segments(tmp_path))
        assert kept.size == size <= 10_000


def test_the_floor_of_free_space_is_held(tmp_path: Path) -> None:
    names = fill(tmp_path, 10)
    free = [100]

    def tell(_: Path) -> int:
        free[0] += 100
        return free[0]

    kept = Shelf(tmp_path, Bounds(GB, 1e9, 500), tell)
    assert trimmed(kept) == [(name, "free") for name in names[:3]]


def test_the_segment_under_way_stays_whatever_is_too_much(tmp_path: Path) -> None:
    names = fill(tmp_path, 10)
    for under_way in (names[9], names[0]):
        fill(tmp_path, 10)
        kept = shelf(tmp_path, Bounds(0, 0.0, GB), free=0)
        assert len(trimmed(kept, under_way=under_way)) == 9
        assert there(tmp_path) == [under_way]


def test_a_strangers_files_are_neither_counted_nor_removed(tmp_path: Path) -> None:
    fill(tmp_path, 3)
    day = tmp_path / "2026-01-01"
    (day / "notes.txt").write_bytes(b"x" * 10_000)
    (tmp_path / "photos").mkdir()
    kept = shelf(tmp_path, Bounds(0, 1e9, 0))
    assert len(trimmed(kept)) == 3
    assert (day / "notes.txt").exists()
    assert (tmp_path / "photos").exists()
    assert kept.size == 0


def test_a_segment_that_cannot_be_removed_is_an_error_and_stays_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path, 3)

    def refuse(self: Path, missing_ok: bool = False) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "unlink", refuse)
    kept = shelf(tmp_path, Bounds(0, 1e9, 0))
    with pytest.raises(PermissionError):
        trimmed(kept)
    assert kept.size == 3000


def test_what_was_removed_is_told(tmp_path: Path) -> None:
    (name,) = fill(tmp_path, 1)
    segment = segments.find_segment(tmp_path, name)
    assert segment is not None
    assert list(shelf(tmp_path, Bounds(0, 1e9, 0)).trim(NOW, None)) == [Removed(segment, "size")]


def test_free_space_is_the_file_systems(tmp_path: Path) -> None:
    assert free_bytes(tmp_path) > 0
