import json
import logging
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from health_archive import capsules, columns
from health_collectord.events import SequencedEvent
from health_collectord.replay.recording import (
    Reading,
    Recorded,
    RecordedEvent,
    Recording,
    RecordingError,
)
from health_wire import tree
from hypothesis import given
from hypothesis import strategies as st

from tests.doubles import START, at
from tests.health_archive.made import MadeHost
from tests.health_archive.test_checkpoints import checkpoint


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


def test_how_far_it_reaches(tmp_path: Path) -> None:
    assert Recording([record(tmp_path / "none.jsonl")]).span() is None
    record(tmp_path / "a/2026-01-01/12-00-00.jsonl", line("a"), line("b", seconds=10))
    record(tmp_path / "a/2026-01-02/00-00-00.jsonl", line("c", seconds=20), "garbage")
    assert Recording([tmp_path / "a"]).span() == (at(0), at(20))


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
        '{"time":"2026-01-01T12:00:00.000Z","name":"a","data":1e999,"seq":1}',
        '{"time":"2026-01-01T12:00:00.000Z","name":"a","data":{"a":-1E+400},"seq":1}',
        '{"time":"2026-01-01T12:00:00.000Z","name":"a","data":' + "9" * 300 + 'e99,"seq":1}',
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
    known, events = Recording([path]).between(START + timedelta(seconds=10), None)
    assert [(e.payload, e.time) for e in known] == [
        (Recorded("b.updated", 1), at(3)),
        (Recorded("a.updated", 2), at(4)),
        (Recorded("system.identity", {"model": "x"}), at(5)),
    ]
    assert [e.payload for e in events] == [Recorded("b.updated", 2), Recorded("a.updated", 3)]


def test_after_its_end_a_recording_knows_all_and_nothing_follows(tmp_path: Path) -> None:
    path = record(tmp_path / "a.jsonl", line("a.updated", 1))
    known, events = Recording([path]).between(at(99), None)
    assert [e.payload for e in known] == [Recorded("a.updated", 1)]
    assert list(events) == []


def test_the_end_is_left_out(tmp_path: Path) -> None:
    path = record(tmp_path / "a.jsonl", line("a", 1, 1), line("b", 1, 2), line("c", 1, 3))
    known, events = Recording([path]).between(None, at(3))
    assert (known, [e.time for e in events]) == ([], [at(1), at(2)])
    known, events = Recording([path]).between(at(2), at(3))
    assert [e.time for e in events] == [at(2)]


def test_what_was_known_comes_out_of_the_last_checkpoint(tmp_path: Path) -> None:
    parts = {
        "system": {"load": {"load1": 1.0}, "lost": None, "identity": {"hostname": "pi"}},
        "collector": {"metrics": {"load": {"status": "ok"}}, "self": {"events": 1}},
        "health": {"status": "ok"},
    }
    state = tree.freeze(parts)
    record(tmp_path / "2026-01-01/12-00-00.jsonl", "garbage that is not read", line("a.updated", 1))
    begin = checkpoint(7, state).line().decode().rstrip("\n")
    later = [line("system.load.updated", {"load1": 2.0}, 605), line("b", 1, 620)]
    record(tmp_path / "2026-01-01/12-10-00.jsonl", begin, *later)
    recording = Recording([tmp_path])
    known, events = recording.between(at(610), None, ["system.load", "system.lost"])
    payloads = [e.payload for e in known if isinstance(e.payload, Recorded)]
    assert {payload.event_name: payload.data for payload in payloads} == {
        "system.lost.updated": None,
        "system.identity": {"hostname": "pi"},
        "collector.metrics.load.updated": {"status": "ok"},
        "collector.self.updated": {"events": 1},
        "health.updated": {"status": "ok"},
        "system.load.updated": {"load1": 2.0},
    }  # fmt: skip
    assert [e.time for e in events] == [at(620)]
    assert recording.host() is None, "the first file begins otherwise"
    assert Recording([tmp_path / "2026-01-01/12-10-00.jsonl"]).host() == "pi"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return MadeHost(tmp_path_factory.mktemp("made"), "pi4").text(20)


def test_every_form_gives_the_same_events(tmp_path: Path, made: bytes) -> None:
    path = tmp_path / "text/2026-01-01/12-00-00.jsonl"
    path.parent.mkdir(parents=True)
    path.write_bytes(made)
    both = tmp_path / "both/2026-01-01/12-00-00.events"
    both.parent.mkdir(parents=True)
    both.write_bytes(columns.encode(made))
    both.with_suffix(".jsonl").write_bytes(made)
    capsule = tmp_path / "a.zip"
    about = ("capsule.json", capsules.as_json({"version": 1}))
    packed = capsules.pack([about, ("2026-01-01/12-00-00.events", columns.encode(made))])
    capsule.write_bytes(b"".join(packed))
    expected = [(e.time, e.payload) for e in Recording([path])]
    assert len(expected) == made.count(b"\n")
    for other in (tmp_path / "text", tmp_path / "both", both, capsule):
        assert [(e.time, e.payload) for e in Recording([other])] == expected, other
        assert Recording([other]).host() == "made"
    both.write_bytes(both.read_bytes()[:-5])  # columns that are damaged, beside the text
    assert [(e.time, e.payload) for e in Recording([tmp_path / "both"])] == expected


def test_a_lines_json_is_taken_over_and_is_what_would_be_made(made: bytes) -> None:
    lines = made.splitlines(keepends=True)
    events = list(map(_only, lines))
    for number, (text, event) in enumerate(zip(lines, events, strict=True), 1):
        assert isinstance(event, RecordedEvent)
        taken, again = event.placed(number), SequencedEvent(event, number)
        assert taken.record == again.record == text
        assert (taken.name, taken.data, taken.time) == (again.name, again.data, again.time)


def _only(text: bytes) -> Any:
    return Reading().event(text)


@pytest.mark.parametrize(
    ("text", "seq"),
    [
        (b'{"time":"2026-01-01T12:00:00.000Z","name":"a","data":"e123","seq":7}', 7),
        (b'{"seq": 7, "data": 1, "time": "2026-01-01T13:00:00+01:00", "name": "a"}', 7),
        (b'{"time":"2026-01-01T12:00:00Z","name":"a","data":1}', 0),
        (b'{"time":"2026-01-01T12:00:00Z","name":"a","data":1,"seq":-7}', 0),
        (b'{"time":"2026-01-01T12:00:00Z","name":"a","data":1,"seq":1000000000000000000}', 0),
    ],
)
def test_others_lines_have_their_place_as_well(text: bytes, seq: int) -> None:
    event = Reading().event(text)
    assert event is not None
    assert (event.seq, event.time, event.name) == (seq, at(0), "a")
    assert event.placed(3).record.startswith(
        b'{"time":"2026-01-01T12:00:00.000Z","name":"a","data":'
    )


def test_a_capsule_that_is_none_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"PK\x03\x04 and so on")
    with pytest.raises(RecordingError, match=r"a\.zip: "):
        Recording([tmp_path / "a.zip"])
    empty = capsules.pack([("capsule.json", capsules.as_json({"version": 1}))])
    (tmp_path / "a.zip").write_bytes(b"".join(empty))
    with pytest.raises(RecordingError, match="there is no segment in this capsule"):
        Recording([tmp_path / "a.zip"])


def test_what_is_damaged_is_said_with_what_was_in_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, made: bytes
) -> None:
    path = tmp_path / "2026-01-01/12-00-00.events"
    path.parent.mkdir()
    path.write_bytes(columns.encode(made)[:-5])
    with caplog.at_level(logging.WARNING):
        assert list(Recording([path])) == []
    count = made.count(b"\n")
    assert (
        f"{path}: the file ends 5 bytes before its block does (at byte 24): {count} lines"
        in caplog.text
    )


NAMES = st.sampled_from(["a", "a.updated", "system.identity", "a..b", "", "collector.checkpoint"])
DATA = st.sampled_from(
    ["1", "{}", " 1", "", "nul", "NaN", "1e999", '"\\ud800"', "[" * 5000, '{"a":1,"a":2}']
)
ENDS = st.sampled_from([',"seq":1}', ',"seq":-1}', ',"seq":1} ', "}", "", ',"seq":1,"x":2}', "x"])
HEAD = '{"time":"2026-01-01T12:00:00.000Z","name":"'
LINES = st.binary(max_size=60) | st.builds(
    lambda name, data, end: f'{HEAD}{name}","data":{data}{end}'.encode(),
    NAMES, DATA | st.text(st.characters(codec="utf-8"), max_size=9), ENDS,
)  # fmt: skip


@given(st.lists(LINES, max_size=6))
def test_fuzzed_lines(tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]) -> None:
    """Whatever stands in a file, what comes of it is events, which are JSON."""
    path = tmp_path_factory.getbasetemp() / "fuzzed.jsonl"
    path.write_bytes(b"\n".join(lines))
    try:
        recording = Recording([path])
    except RecordingError:
        assert lines[0].startswith(b"PK")
        return
    for event in recording:
        sequenced = (
            event.placed(1) if isinstance(event, RecordedEvent) else SequencedEvent(event, 1)
        )
        json.loads(sequenced.record)
    recording.between(at(0), at(1))
    recording.host()
    recording.span()


@given(st.data())
def test_fuzzed_columns(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    content = bytearray(COLUMNS)
    for _ in range(data.draw(st.integers(1, 3))):
        at_ = data.draw(st.integers(0, len(content) - 1))
        content[at_ : at_ + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
    path = tmp_path_factory.getbasetemp() / "2026-01-01/12-00-00.events"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    for event in Recording([path]):
        assert isinstance(event.payload, Recorded)


COLUMNS = columns.encode("".join(f"{line('a.updated', {'x': n}, n)}\n" for n in range(50)).encode())
