"""Segments: their names, their borders, and what happens when the disk says no."""

import errno
import json
import os
import shutil
from datetime import timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from health_archive import list_segments, read_black_box, read_checkpoint, recover
from health_collectord.runtime.store import SnapshotStore
from health_collectord.sinks.black_box import BlackBoxWriter
from health_collectord.sinks.checkpoints import Checkpoints
from health_collectord.sinks.jsonl import JsonlSink
from health_collectord.sinks.queued import Record
from hypothesis import given
from hypothesis import strategies as st

from tests.doubles import START, ManualClock, Note, sequenced
from tests.running import wait_for


def record(seconds: float, number: int = 0) -> Record:
    evt = sequenced(Note(number), number, seconds)
    return evt.time, evt.record


def write_all(sink: JsonlSink, *batch: Record) -> None:
    rest = list(batch)
    while rest:
        written = sink.write(rest)
        assert written >= 1
        rest = rest[written:]


def names(directory: Path) -> list[str]:
    return sorted(str(f.relative_to(directory)) for f in directory.glob("*/*"))


def contents(directory: Path) -> list[int]:
    return [
        json.loads(line)["data"]["number"]
        for name in names(directory)
        for line in (directory / name).read_bytes().splitlines()
    ]


def test_segments_begin_on_utc_borders(tmp_path: Path) -> None:
    sink = JsonlSink(tmp_path, 600)
    write_all(sink, record(5), record(599.9), record(600), record(1199), record(1200.001))
    sink.close()
    assert names(tmp_path) == [
        "2026-01-01/12-00-05.jsonl",
        "2026-01-01/12-10-00.jsonl",
        "2026-01-01/12-20-00.jsonl",
    ]


def test_a_segment_after_a_pause_is_named_after_its_first_record(tmp_path: Path) -> None:
    sink = JsonlSink(tmp_path, 600)
    write_all(sink, record(5), record(3700))
    sink.close()
    assert names(tmp_path) == ["2026-01-01/12-00-05.jsonl", "2026-01-01/13-01-40.jsonl"]


def test_a_day_has_a_directory(tmp_path: Path) -> None:
    sink = JsonlSink(tmp_path, 600)
    write_all(sink, record(12 * 3600 - 1), record(12 * 3600))
    sink.close()
    assert names(tmp_path) == ["2026-01-01/23-59-59.jsonl", "2026-01-02/00-00-00.jsonl"]


def test_the_next_start_goes_on_beside_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "2026-01-01").mkdir()
    cut = tmp_path / "2026-01-01/12-00-05.jsonl"
    cut.write_bytes(b'{"time":"2026')
    for number in (1, 2):
        sink = JsonlSink(tmp_path, 600)
        write_all(sink, record(5, number))
        sink.close()
    assert names(tmp_path) == [
        "2026-01-01/12-00-05.jsonl",
        "2026-01-01/12-00-06.jsonl",
        "2026-01-01/12-00-07.jsonl",
    ]
    assert cut.read_bytes() == b'{"time":"2026'


def test_records_are_nobody_elses(tmp_path: Path) -> None:
    sink = JsonlSink(tmp_path)
    write_all(sink, record(5))
    sink.close()
    assert (tmp_path / names(tmp_path)[0]).stat().st_mode & 0o007 == 0


@given(
    steps=st.lists(
        st.floats(0, 30) | st.sampled_from([-3600.0, -1.0, 86400.0, 600.0]), max_size=40
    ),
    seconds=st.sampled_from([1, 10, 600, 86400]),
    cut=st.integers(1, 10),
)
def test_any_times_are_kept_in_order_and_each_file_is_one_segment(
    tmp_path_factory: pytest.TempPathFactory, steps: list[float], seconds: int, cut: int
) -> None:
    directory = tmp_path_factory.mktemp("records")
    sink = JsonlSink(directory, seconds)
    t, batch = 0.0, []
    for number, step in enumerate(steps):
        t += step
        batch.append(record(t, number))
        if len(batch) == cut:
            write_all(sink, *batch)
            batch = []
    write_all(sink, *batch)
    sink.close()
    lines = []
    for name in names(directory):
        text = (directory / name).read_bytes()
        assert text.endswith(b"\n")
        found = [json.loads(line) for line in text.splitlines()]
        numbers = [each["data"]["number"] for each in found]
        assert numbers == sorted(numbers)
        lines += numbers
    assert sorted(lines) == list(range(len(steps)))


class ShortOfSpace:
    """An os.write with so many bytes of room."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.real = os.write

    def __call__(self, fd: int, data: Any) -> int:
        if self.room <= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        data = bytes(data)[: self.room]
        self.room -= len(data)
        return self.real(fd, data)


def test_a_line_that_does_not_fit_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = JsonlSink(tmp_path)
    write_all(sink, record(5, 1), record(6, 2))
    disk = ShortOfSpace(130)
    monkeypatch.setattr(os, "write", disk)
    with pytest.raises(OSError, match="No space left") as caught:
        sink.write([record(7, 3), record(8, 4)])
    assert caught.value.filename == str(tmp_path / "2026-01-01/12-00-05.jsonl")
    assert contents(tmp_path) == [1, 2]
    disk.room = 10_000
    write_all(sink, record(7, 3), record(8, 4))
    sink.close()
    assert contents(tmp_path) == [1, 2, 3, 4]
    assert len(names(tmp_path)) == 1


def test_a_file_without_a_whole_line_is_not_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = JsonlSink(tmp_path)
    disk = ShortOfSpace(10)
    monkeypatch.setattr(os, "write", disk)
    for _ in range(3):
        with pytest.raises(OSError, match="No space left"):
            sink.write([record(7, 3)])
        assert names(tmp_path) == []
    disk.room = 10_000
    write_all(sink, record(7, 3))
    sink.close()
    assert contents(tmp_path) == [3]


def test_where_it_cannot_even_be_taken_back_a_new_file_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = JsonlSink(tmp_path)
    write_all(sink, record(5, 1))
    monkeypatch.setattr(os, "write", ShortOfSpace(10))

    def no(*_: Any) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "ftruncate", no)
    with pytest.raises(OSError, match="No space left"):
        sink.write([record(6, 2)])
    monkeypatch.undo()
    write_all(sink, record(6, 2))
    sink.close()
    assert names(tmp_path) == ["2026-01-01/12-00-05.jsonl", "2026-01-01/12-00-06.jsonl"]


def test_a_directory_that_cannot_be_made_is_tried_again(tmp_path: Path) -> None:
    blocked = tmp_path / "history"
    blocked.write_text("a file in the way")
    sink = JsonlSink(blocked)
    for _ in range(2):
        with pytest.raises(OSError, match="Not a directory"):
            sink.write([record(5, 1)])
    blocked.unlink()
    write_all(sink, record(5, 1))
    sink.close()
    assert contents(blocked) == [1]


def test_a_record_is_put_where_its_own_time_falls(tmp_path: Path) -> None:
    sink = JsonlSink(tmp_path, 600)
    assert sink.write([record(0, 1), record(1, 2), record(600, 3)]) == 2
    sink.close()
    assert (START + timedelta(seconds=600)).strftime("%H-%M") == "12-10"


def test_a_removed_folder_is_noticed_told_and_begun_anew(tmp_path: Path) -> None:
    sink = JsonlSink(tmp_path / "history")
    write_all(sink, record(5, 1), record(6, 2))
    shutil.rmtree(tmp_path / "history")
    with pytest.raises(FileNotFoundError, match="removed while recording") as caught:
        sink.write([record(7, 3)])
    assert caught.value.filename == str(tmp_path / "history/2026-01-01/12-00-05.jsonl")
    assert sink._lost == 2
    write_all(sink, record(7, 3))
    sink.close()
    assert contents(tmp_path / "history") == [3]


def test_a_file_in_the_place_of_its_own_is_left_alone(tmp_path: Path) -> None:
    sink = JsonlSink(tmp_path)
    write_all(sink, record(5, 1))
    path = tmp_path / names(tmp_path)[0]
    path.unlink()
    path.write_text("a stranger's")
    with pytest.raises(FileNotFoundError):
        sink.write([record(6, 2)])
    write_all(sink, record(6, 2))
    sink.close()
    assert path.read_text() == "a stranger's"
    assert names(tmp_path) == ["2026-01-01/12-00-05.jsonl", "2026-01-01/12-00-06.jsonl"]


class Scene:
    """A sink with all that belongs to it, whose writer works when it is told to."""

    def __init__(self, folder: Path, seconds: int = 600) -> None:
        self.store = SnapshotStore()
        self.folder = folder
        checkpoints = Checkpoints(self.store, ManualClock(), list, "boot", "e" * 32)
        self.box = BlackBoxWriter(folder.parent / "black-box", "e" * 32)
        self.sink = JsonlSink(folder, seconds, checkpoint=checkpoints, black_box=self.box)

    def happen(self, number: int, seconds: float) -> None:
        evt = sequenced(Note(number), number, seconds)
        self.sink.handle(evt)
        self.store.set("n", {"is": number})
        self.store.commit(number)

    def write(self) -> None:
        self.sink._write_all()


def test_each_segment_begins_with_the_state_before_its_first_event(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "history")
    for number, seconds in ((1, 5), (2, 6), (3, 600), (4, 1300)):
        scene.happen(number, seconds)
    scene.write()
    scene.sink.close()
    segments = list_segments(tmp_path / "history")
    assert [s.name[-8:] for s in segments] == ["12-00-05", "12-10-00", "12-20-00"]
    for segment, seq in zip(segments, (0, 2, 3), strict=True):
        first = next(iter(segment.lines()))
        assert isinstance(first, bytes)
        checkpoint = read_checkpoint(first)
        assert checkpoint is not None
        assert checkpoint.seq == seq
        assert checkpoint.state == ({"n": {"is": seq}} if seq else {})


def test_the_black_box_has_every_line(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "history")
    for number in range(1, 9):
        scene.happen(number, number)
        scene.write()
    scene.sink.close()
    [segment] = list_segments(tmp_path / "history")
    kept = list(read_black_box(tmp_path / "black-box"))
    assert {each.segment for each in kept} == {segment.name}
    assert b"".join(each.lines for each in kept) == segment.text_path.read_bytes()


def test_the_black_box_is_synced_in_time_though_nothing_more_happens(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "history")
    scene.box = scene.sink._black_box = BlackBoxWriter(tmp_path / "box", "e" * 32, 0.5)
    scene.sink.pause = 0.05
    scene.happen(1, 1)
    scene.write()
    scene.happen(2, 2)
    scene.write()
    scene.sink._thread = Thread(target=scene.sink._run)
    scene.sink._thread.start()
    try:
        wait_for(lambda: [each.last_seq for each in read_black_box(tmp_path / "box")] == [1, 2])
    finally:
        scene.sink.stop()


def test_a_black_box_that_cannot_be_written_costs_the_record_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "black-box").mkdir()
    scene = Scene(tmp_path / "history")
    for number in range(1, 4):
        scene.happen(number, number)
        scene.write()
    scene.sink.close()
    [segment] = list_segments(tmp_path / "history")
    assert segment.text_path.read_bytes().count(b"\n") == 4
    assert caplog.text.count("no black box") == 1


def test_what_cannot_be_written_to_the_end_is_in_the_black_box(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = Scene(tmp_path / "history")
    for number in (1, 2):
        scene.happen(number, number)
    scene.write()
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", ShortOfSpace(10))
        for number in (3, 4):
            scene.happen(number, number)
        with pytest.raises(OSError, match="No space left"):
            scene.sink.write(list(scene.sink._queue))
        scene.sink.close()
    [recovered] = recover(tmp_path / "history", tmp_path / "black-box")
    assert (recovered.first_seq, recovered.last_seq) == (3, 4)


def test_of_a_start_that_could_never_write_all_is_in_the_black_box(tmp_path: Path) -> None:
    (tmp_path / "history").write_text("a file in the way")
    scene = Scene(tmp_path / "history")
    for number in (1, 2):
        scene.happen(number, number)
    scene.sink.close()
    (tmp_path / "history").unlink()
    [recovered] = recover(tmp_path / "history", tmp_path / "black-box")
    assert (recovered.first_seq, recovered.last_seq) == (1, 2)
    assert recovered.segment == "2026-01-01/12-00-01"


def test_after_a_removed_folder_a_checkpoint_comes_with_the_next_event(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "history")
    scene.happen(1, 5)
    scene.write()
    shutil.rmtree(tmp_path / "history")
    scene.happen(2, 6)
    with pytest.raises(FileNotFoundError):
        scene.sink.write(list(scene.sink._queue))
    scene.happen(3, 7)
    scene.write()
    scene.sink.close()
    lines = [list(s.lines()) for s in list_segments(tmp_path / "history")]
    assert [len(each) for each in lines] == [1, 2], "the second, then the checkpoint and the third"


def test_a_name_that_has_ended_as_columns_is_not_taken_again(tmp_path: Path) -> None:
    (tmp_path / "2026-01-01").mkdir()
    (tmp_path / "2026-01-01/12-00-05.events").write_bytes(b"columns")
    sink = JsonlSink(tmp_path)
    write_all(sink, record(5))
    sink.close()
    assert names(tmp_path) == ["2026-01-01/12-00-05.events", "2026-01-01/12-00-06.jsonl"]
