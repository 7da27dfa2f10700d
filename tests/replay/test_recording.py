import json
import logging
from datetime import time, timedelta
from pathlib import Path
from typing import Any

import pytest
from health_collectord.replay.recording import Recorded, Recording, RecordingError

from tests.doubles import START, at


def line(name: str, data: Any = None, seconds: float = 0.0) -> str:
    return json.dumps({"time": at(seconds).isoformat(), "name": name, "data": data, "seq": 1})


def record(path: Path, *lines: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{text}\n" for text in lines))
    return path


def names(recording: Recording) -> list[str]:
    return [e.payload.event_name for e in recording if isinstance(e.payload, Recorded)]


def test_records_are_events_again(tmp_path: Path) -> None:
    path = record(tmp_path / "a.jsonl", line("a.updated", {"x": [1, None, {"y": "é"}]}, 2.5))
    [event] = Recording([path])
    assert event.time == at(2.5)
    assert event.payload == Recorded("a.updated", {"x": [1, None, {"y": "é"}]})


def test_a_directory_is_read_in_the_order_of_time(tmp_path: Path) -> None:
    record(tmp_path / "2026-01-02/00-00-00.jsonl", line("c"))
    record(tmp_path / "2026-01-01/23-50-00.jsonl", line("b"))
    record(tmp_path / "2026-01-01/09-10-00.jsonl", line("a"))
    record(tmp_path / "2026-01-01/note.txt", "nothing")
    recording = Recording([tmp_path])
    assert names(recording) == names(recording) == ["a", "b", "c"]


def test_where_there_is_nothing_the_error_names_the_place(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"none\.jsonl: No such file"):
        Recording([tmp_path / "none.jsonl"])
    with pytest.raises(RecordingError, match=r"no recording"):
        Recording([tmp_path])


def test_a_time_of_day_is_the_last_that_was_recorded(tmp_path: Path) -> None:
    hour = 3600.0
    record(tmp_path / "2026-01-01/12-00-00.jsonl", line("a"), line("b", seconds=10 * hour))
    record(tmp_path / "2026-01-02/00-00-00.jsonl", line("c", seconds=20 * hour))
    recording = Recording([tmp_path])
    assert recording.last(time(7, 30)) == at(19.5 * hour), "of the last day"
    assert recording.last(time(20, 30)) == at(8.5 * hour), "of the day before"
    with pytest.raises(RecordingError, match="08:30 was not recorded: it begins at 2026-01-01 12"):
        recording.last(time(8, 30))


@pytest.mark.parametrize(
    "garbage",
    [
        "",
        "{",
        '{"time":"2026-01-01T12:00:00Z","name":"cut',
        "[1]",
        '"text"',
        '{"name":"a","data":1}',
        '{"time":7,"name":"a","data":1}',
        '{"time":"yesterday","name":"a","data":1}',
        '{"time":"2026-01-01T12:00:00","name":"a","data":1}',
        '{"time":"2026-01-01T12:00:00Z","name":"a\\"}","data":1}',
        '{"time":"2026-01-01T12:00:00Z","name":"","data":1}',
        '{"time":"2026-01-01T12:00:00Z","name":"a","data":NaN}',
        '{"time":"2026-01-01T12:00:00Z","name":"a","data":' + "[" * 9999 + "]" * 9999 + "}",
        "x" * 3_000_000,
        "\0\ufffd\ud800".encode("utf-8", "replace").decode(),
    ],
)
def test_what_is_no_record_is_left_out_and_said(
    tmp_path: Path, garbage: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = record(tmp_path / "a.jsonl", line("before"), garbage, line("after"))
    with caplog.at_level(logging.WARNING):
        assert names(Recording([path])) == ["before", "after"]
    assert f"{path}, line 2 is left out" in caplog.text


def test_complaints_are_few(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = record(tmp_path / "a.jsonl", *["garbage"] * 1000, line("a"))
    with caplog.at_level(logging.WARNING):
        assert names(Recording([path])) == ["a"]
    assert len(caplog.records) == 6
    assert "1000 lines were left out" in caplog.text


def test_the_host_says_its_name_itself(tmp_path: Path) -> None:
    path = record(tmp_path / "a.jsonl", line("a"), line("collector.started", {"host": "barn"}))
    assert Recording([path]).host() == "barn"
    assert Recording([record(tmp_path / "b.jsonl", line("a"))]).host() is None


def test_what_was_known_at_a_time_is_the_newest_of_each_since_the_last_start(
    tmp_path: Path,
) -> None:
    path = record(
        tmp_path / "a.jsonl",
        line("gone.updated", 1),
        line("runtime.booting", {}, 1),
        line("a.updated", 1, 2),
        line("b.updated", 1, 3),
        line("a.updated", 2, 4),
        line("system.identity", {"model": "x"}, 5),
        line("note", {}, 6),
        line("b.updated", 2, 10),
        line("a.updated", 3, 11),
    )
    known, events = Recording([path]).known_at(START + timedelta(seconds=10))
    assert [(e.payload, e.time) for e in known] == [
        (Recorded("b.updated", 1), at(3)),
        (Recorded("a.updated", 2), at(4)),
        (Recorded("system.identity", {"model": "x"}), at(5)),
    ]
    assert [e.payload for e in events] == [Recorded("b.updated", 2), Recorded("a.updated", 3)]


def test_after_its_end_a_recording_knows_all_and_nothing_follows(tmp_path: Path) -> None:
    path = record(tmp_path / "a.jsonl", line("a.updated", 1))
    known, events = Recording([path]).known_at(at(99))
    assert [e.payload for e in known] == [Recorded("a.updated", 1)]
    assert list(events) == []
