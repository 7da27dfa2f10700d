"""What becomes of segments once they have ended, and of what a black box has beyond them."""

import logging
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from bussdcc import Message
from health_archive import BlackBox, Bounds, find_segment, list_segments
from health_archive.coverage import covered
from health_archive.index import Index
from health_collectord.messages import CollectorRecordRecovered, CollectorRecordRemoved
from health_collectord.sinks.keeper import RecordKeeper

from tests.doubles import Note, sequenced
from tests.sinks.test_jsonl import Scene

EPOCH = "e" * 32


def text(first: int, last: int) -> bytes:
    return b"".join(sequenced(Note(n), n, n).record for n in range(first, last + 1))


def segment(folder: Path, name: str, content: bytes) -> Path:
    path = folder / f"{name}.jsonl"
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_bytes(content)
    return path


def keeper(
    folder: Path,
    emit: Callable[[Message], None] = lambda _: None,
    text_seconds: float = 1e9,
    size: int = 10**9,
) -> RecordKeeper:
    bounds = Bounds(size, age=1e12, free=0)
    return RecordKeeper(folder, folder.parent / "black-box", text_seconds, bounds, emit)


def forms(folder: Path) -> list[tuple[str, bool, bool]]:
    return [(s.name, s.text is not None, s.columns is not None) for s in list_segments(folder)]


def test_all_but_the_one_under_way_become_columns(tmp_path: Path) -> None:
    folder = tmp_path / "history"
    for name in ("2026-01-01/12-00-00", "2026-01-01/12-10-00", "2026-01-02/00-00-00"):
        segment(folder, name, text(1, 50))
    kept = keeper(folder)
    kept.begun("2026-01-02/00-00-00")
    kept.tidy()
    assert forms(folder) == [
        ("2026-01-01/12-00-00", True, True),
        ("2026-01-01/12-10-00", True, True),
        ("2026-01-02/00-00-00", True, False),
    ]
    ended = find_segment(folder, "2026-01-01/12-00-00")
    assert ended is not None
    assert b"".join(part for part in ended.read() if isinstance(part, bytes)) == text(1, 50)


class Disk:
    """A disk of 100 MB, of which so much is free."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.free = 50_000_000
        self._real = os.statvfs(folder)
        monkeypatch.setattr(os, "statvfs", self)

    def __call__(self, path: object) -> os.statvfs_result:
        values = list(self._real)
        values[1:5] = [1000, 100_000, self.free // 1000, self.free // 1000]
        return os.statvfs_result(values)


def test_recording_yields_once_removing_the_oldest_does_not_help_and_goes_on_with_some_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "history"
    for name in ("2026-01-01/12-00-00", "2026-01-01/12-10-00"):
        segment(folder, name, text(1, 50))
    disk = Disk(tmp_path, monkeypatch)
    said: list[Message] = []
    kept = RecordKeeper(folder, None, 0, Bounds(10**9, age=1e12, free=10**12), said.append)
    kept.begun("2026-01-01/12-10-00")
    assert kept.reason_to_yield() is None
    disk.free = 4_900_000  # a twentieth has to stay
    assert kept.reason_to_yield() is None, "first the oldest goes"
    kept.tidy()
    assert forms(folder) == [("2026-01-01/12-10-00", True, False)]
    [removed] = said
    assert isinstance(removed, CollectorRecordRemoved)
    assert removed.reason == "free"
    paused = "paused: 4.9 MB free, and 5.0 MB have to stay (record.free_bytes)"
    assert kept.reason_to_yield() == paused
    for free, yields in ((5_400_000, True), (5_600_000, False), (5_400_000, False)):
        disk.free = free
        assert (kept.reason_to_yield() is not None) == yields, free
    disk.free = 4_900_000
    assert kept.reason_to_yield() is None
    kept.tidy()
    disk.free = 5_200_000
    kept.tidy()
    assert kept.reason_to_yield() is None, "by what the keeper sees too"


_YEAR, _1970 = 365 * 86400.0, -1767268800.0  # seconds, the latter from START


@pytest.mark.parametrize(
    "clock",
    [
        (_1970 + 20, _1970 + 21, 5, 6, 700),
        (5, 6, 7 - _YEAR, 8 - _YEAR, 700 - _YEAR, 9, 10),
        (5, 6, 7 + _YEAR, 8 + _YEAR, 9, 10),
        (5 - _YEAR, 6, 7 + _YEAR, _1970 + 30, 700),
    ],
    ids=["1970 then today", "a year back and forward again", "ahead and back", "all of it"],
)
def test_a_clock_that_jumps_costs_nothing(tmp_path: Path, clock: tuple[float, ...]) -> None:
    scene = Scene(tmp_path / "history")
    for number, seconds in enumerate(clock, 1):
        scene.happen(number, seconds)
        scene.write()
    scene.sink.close()
    kept = keeper(tmp_path / "history")
    kept._bounds = Bounds(10**9, age=20 * 365 * 86400, free=0)
    kept.begun("2027-12-31/23-59-59")
    kept.tidy()
    index = Index(tmp_path / "index", tmp_path / "history")
    list(index.update())
    index.close()
    assert all(columns for _, _, columns in forms(tmp_path / "history"))
    (epoch,) = covered(tmp_path / "index", tmp_path / "history", 0, 10**14)
    assert (epoch.epoch, epoch.runs, epoch.holes) == (EPOCH, [(1, len(clock))], [])


def test_it_knows_what_there_is(tmp_path: Path) -> None:
    folder = tmp_path / "history"
    for name in ("2026-01-01/12-00-00", "2026-01-01/12-10-00", "2026-01-02/00-00-00"):
        segment(folder, name, text(1, 50))
    kept = keeper(folder)
    kept.begun("2026-01-02/00-00-00")
    assert kept.kept is None
    kept.tidy()
    found = kept.kept
    assert found is not None
    files = {path: path.stat().st_size for path in folder.glob("*/*")}
    texts = sum(size for path, size in files.items() if path.suffix == ".jsonl")
    assert (found.size, found.since) == (sum(files.values()), "2026-01-01")
    assert (found.texts, found.age) == (texts, 1e12 / 86400)
    assert found.ratio == pytest.approx((sum(files.values()) - texts) / (texts * 2 / 3))
    assert 0 < found.room <= 10**9 - found.size
    kept._text_seconds = 0
    kept.tidy()
    assert kept.kept is not None
    assert (kept.kept.texts, kept.kept.ratio) == (texts // 3, found.ratio)


def test_texts_go_when_their_time_is_over_and_their_columns_are_right(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "history"
    segment(folder, "2026-01-01/12-00-00", text(1, 50))
    wrong = segment(folder, "2026-01-01/12-10-00", text(1, 50))
    kept = keeper(folder, text_seconds=60)
    kept.begun("2026-01-02/00-00-00")
    wrong.with_suffix(".events").write_bytes(b"no columns at all")
    with caplog.at_level(logging.WARNING):
        kept.tidy()
        kept.tidy()
    assert forms(folder) == [
        ("2026-01-01/12-00-00", False, True),
        ("2026-01-01/12-10-00", True, True),
    ]
    assert caplog.text.count("the record stays as text") == 1, "said once"


def test_a_folder_that_cannot_be_read_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "history").write_text("a file in the way")
    kept = keeper(tmp_path / "history")
    for _ in range(2):
        kept.tidy()
    assert caplog.text.count("Not a directory") == 1


def test_what_the_black_box_has_beyond_a_text_is_recovered_and_told(tmp_path: Path) -> None:
    folder = tmp_path / "history"
    name = "2026-01-01/12-00-00"
    whole = text(1, 50)
    segment(folder, name, whole[: len(text(1, 30)) + 5])
    box = BlackBox(tmp_path / "black-box", 1 << 18)
    for first in range(1, 50, 10):
        box.write(name, EPOCH, text(first, first + 9).splitlines(keepends=True))
    box.close()
    said: list[Message] = []
    keeper(folder, said.append).recover()
    assert said == [
        CollectorRecordRecovered(
            segment=name, of_epoch=EPOCH, first_seq=31, last_seq=50, events=20, damaged_bytes=5
        )
    ]
    assert (folder / f"{name}.jsonl").read_bytes().startswith(whole)
    keeper(folder, said.append).recover()
    assert len(said) == 1, "once"


def test_a_box_that_is_none_costs_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "black-box").write_bytes(b"x" * 5000)
    keeper(tmp_path / "history").recover()
    assert "nothing could be recovered" in caplog.text


def test_the_oldest_goes_where_it_is_too_much_and_it_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "history"
    for hour in range(10, 20):
        segment(folder, f"2026-01-01/{hour}-00-00", text(1, 50))
    stranger = folder / "2026-01-01/notes.txt"
    stranger.write_text("somebody else's")
    said: list[Message] = []
    kept = keeper(folder, said.append, text_seconds=0, size=1)
    kept.begun("2026-01-01/19-00-00")
    kept.tidy()
    assert [name for name, _, _ in forms(folder)] == ["2026-01-01/19-00-00"], "never the current"
    assert stranger.exists()
    [removed] = said
    assert isinstance(removed, CollectorRecordRemoved)
    assert (removed.first, removed.last) == ("2026-01-01/10-00-00", "2026-01-01/18-00-00")
    assert (removed.segments, removed.reason) == (9, "size")
    kept.tidy()
    assert len(said) == 1


def test_it_tells_when_all_is_in_order(tmp_path: Path) -> None:
    folder = tmp_path / "history"
    segment(folder, "2026-01-01/12-00-00", text(1, 50))
    found = []
    bounds = Bounds(10**9, age=1e12, free=0)
    kept = RecordKeeper(folder, None, 1e9, bounds, print, lambda: found.extend(forms(folder)))
    kept.begun("2026-01-01/12-10-00")
    kept.tidy()
    assert found == [("2026-01-01/12-00-00", True, True)]
