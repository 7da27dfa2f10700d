"""The process that reads the record, over its pipe."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from health_collectord.reader import Reader
from health_wire import tree
from health_wire.protocol import ProtocolError

from tests.health_archive.kept import DAY, FIRST, HOUR, Kept, days
from tests.health_archive.test_checkpoints import BEGIN, EPOCH, checkpoint, event
from tests.health_archive.test_history import LOAD, RX
from tests.health_archive.test_moments import NAME, write
from tests.running import as_nobody, environment


@pytest.fixture
def record(tmp_path: Path) -> Path:
    folder = tmp_path / "history"
    state = tree.freeze({"a": {"ü": None}})
    lines = [checkpoint(4, state).line(), event(5, "b.c.updated", {"d": [1, 2.5]})]
    write(folder, NAME, lines, end=True)
    return folder


@pytest.fixture
def reader(record: Path) -> Reader:
    return Reader(record, record.parent / "index")


def ask(reader: Reader, op: str, **members: Any) -> dict[str, Any]:
    found = json.loads(reader.answer({"op": op, **members}))
    assert isinstance(found, dict)
    return found


def test_state_at(reader: Reader) -> None:
    found = reader.answer({"op": "state_at", "time": BEGIN + 5001})
    assert found.decode() == (
        f'{{"epoch":"{EPOCH}","seq":5,"time":"2026-01-01T12:00:05.000Z","whole":true,'
        '"state":{"a":{"ü":null},"b":{"c":{"d":[1,2.5]}}}}'
    )


def test_what_is_not_recorded_is_not_found(reader: Reader) -> None:
    with pytest.raises(ProtocolError, match="the record begins at") as error:
        ask(reader, "state_at", time=5)
    assert error.value.error == "not_found"


def test_a_state_that_belongs_to_no_start_is_none(reader: Reader, record: Path) -> None:
    lines = [event(5, "b.updated", 1, BEGIN + 86_400_000)]  # of version 1.0.0
    write(record, "2026-01-02/12-00-00", lines)
    with pytest.raises(ProtocolError, match="does not say which start"):
        ask(reader, "state_at", time=BEGIN + 86_400_000)


def test_a_record_that_may_not_be_read_is_said(reader: Reader, record: Path) -> None:
    with as_nobody(record), pytest.raises(ProtocolError, match=r"read: .*Permission") as e:
        ask(reader, "state_at", time=BEGIN + 5001)
    assert e.value.error == "internal"


@pytest.fixture
def days_(tmp_path: Path) -> Iterator[tuple[Kept, Reader]]:
    kept = days(tmp_path / "days", 3)
    reader = Reader(kept.folder, tmp_path / "index")
    yield kept, reader
    reader.close()


def figures(reader: Reader, *series: str, **members: Any) -> dict[str, Any]:
    window = {"start": FIRST, "end": FIRST + 4 * DAY, "points": 1000, "known": [LOAD]}
    return ask(reader, "history", series=list(series), **(window | members))


def test_history(days_: tuple[Kept, Reader]) -> None:
    kept, reader = days_
    found = figures(reader, LOAD, RX)
    assert list(found["series"]) == [LOAD, RX]
    assert found["resolution_seconds"] == 60.0
    for name, samples in ((LOAD, kept.load), (RX, kept.rows)):
        columns = found["series"][name]
        assert list(columns) == ["t", "min", "avg", "max"]
        assert max(v for v in columns["max"] if v is not None) == max(v for _, v in samples)
    hour = figures(reader, LOAD, end=FIRST + HOUR)
    assert hour["resolution_seconds"] is None
    assert hour["series"][LOAD]["avg"] == [v for t, v in kept.load if t <= FIRST + HOUR]


def test_a_series_has_to_be_known_or_to_have_been(days_: tuple[Kept, Reader]) -> None:
    _, reader = days_
    empty = {"t": [], "min": [], "avg": [], "max": []}
    assert figures(reader, LOAD, start=0, end=5)["series"] == {LOAD: empty}
    with pytest.raises(ProtocolError, match=r"there is no series 'a\.b'") as error:
        figures(reader, LOAD, "a.b")
    assert error.value.error == "not_found"


def test_more_than_a_reply_may_have_is_refused(
    days_: tuple[Kept, Reader], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("health_collectord.reader.MOST_REPLY", 1000)
    with pytest.raises(ProtocolError, match="ask for a shorter window") as error:
        figures(days_[1], LOAD, RX)
    assert error.value.error == "too_large"


def test_while_the_index_is_made_what_it_does_not_have_is_not_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = days(tmp_path / "days", 4, per_day=6)
    reader = Reader(kept.folder, tmp_path / "index")
    monkeypatch.setattr("health_collectord.reader._CATCH_UP_SECONDS", 0.0)
    with pytest.raises(ProtocolError, match="24 segments are left; ask again later") as error:
        figures(reader, LOAD)
    assert error.value.error == "busy"
    reader.begin()
    for _ in range(6):
        assert reader.work()
    assert figures(reader, LOAD, end=FIRST + DAY // 2)["series"][LOAD]["t"], "that is there"
    with pytest.raises(ProtocolError, match="18 segments are left"):
        figures(reader, LOAD)
    while reader.work():
        pass
    assert figures(reader, LOAD)["series"][LOAD]["t"]
    assert ask(reader, "index") == {}
    kept.add(FIRST + 4 * DAY)
    assert ask(reader, "index") == {"more": True}
    while reader.work():
        pass
    assert ask(reader, "index") == {}
    reader.close()


def page(reader: Reader, **members: Any) -> dict[str, Any]:
    return ask(reader, "events", **({"names": [], "limit": 10, "cursor": None} | members))


def test_events_by_time(reader: Reader) -> None:
    found = page(reader, start=0, end=BEGIN * 2)
    assert found == {
        "events": [
            {
                "epoch": EPOCH, "seq": 5, "time": "2026-01-01T12:00:05.000Z",
                "name": "b.c.updated", "data": {"d": [1, 2.5]},
            }
        ],
        "cursor": None,
    }  # fmt: skip


def test_pages_follow_each_other_until_there_is_no_more(days_: tuple[Kept, Reader]) -> None:
    kept, reader = days_
    for window in (
        {"start": 0, "end": FIRST * 2},
        {"epoch": EPOCH, "first_seq": 1, "last_seq": 900},
    ):
        seqs: list[int] = []
        cursor, pages = None, 0
        while pages == 0 or cursor is not None:
            found = page(reader, cursor=cursor, **window)
            assert len(found["events"]) <= 10
            seqs += [each["seq"] for each in found["events"]]
            cursor, pages = found["cursor"], pages + 1
        assert seqs == list(range(1, 2 * len(kept.load) + 1))


def test_a_page_ends_before_it_is_too_large_or_takes_too_long(
    days_: tuple[Kept, Reader], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, reader = days_
    window = {"start": 0, "end": FIRST * 2, "limit": 5000}
    for limit, value in (("_MOST_EVENTS", 1000), ("_MOST_VALUES", 40), ("_EVENTS_SECONDS", -1)):
        with monkeypatch.context() as patched:
            patched.setattr(f"health_collectord.reader.{limit}", value)
            found = page(reader, **window)
            assert 1 <= len(found["events"]) < 10
            rest = page(reader, **(window | {"cursor": found["cursor"]}))
            assert rest["events"][0]["seq"] == found["events"][-1]["seq"] + 1


def test_a_start_of_which_there_is_nothing_is_not_found(days_: tuple[Kept, Reader]) -> None:
    with pytest.raises(ProtocolError, match="nothing of that is recorded") as error:
        page(days_[1], epoch="other", first_seq=1, last_seq=5)
    assert error.value.error == "not_found"


def test_coverage(days_: tuple[Kept, Reader]) -> None:
    _, reader = days_
    [epoch] = ask(reader, "coverage", start=FIRST, end=FIRST + DAY)["epochs"]
    assert list(epoch) == [
        "epoch", "boot_id", "first_time", "last_time", "shutdown", "present", "holes",
    ]  # fmt: skip
    assert (epoch["epoch"], epoch["boot_id"], epoch["shutdown"]) == (EPOCH, "b", False)
    assert epoch["first_time"] == "2026-01-01T00:00:00.000Z"
    assert epoch["present"][0][0] == 1
    assert epoch["holes"] == []


def test_marks(tmp_path: Path) -> None:
    folder = tmp_path / "marked"
    write(folder, NAME, [
        checkpoint(0).line(), event(1, "collector.started", {"epoch": EPOCH, "version": "1"}),
        event(4, "health.updated", {"status": "healthy", "summary": "", "problems": []}),
    ], end=True)  # fmt: skip
    reader = Reader(folder, tmp_path / "index")
    found = ask(reader, "marks", start=BEGIN, end=BEGIN + 60_000)
    assert (found["status"], found["problems"]) == (None, [])
    assert [mark["kind"] for mark in found["marks"]] == ["started", "gap", "verdict"]
    [epoch] = ask(reader, "coverage", start=BEGIN, end=BEGIN + 60_000)["epochs"]
    assert epoch["present"] == [[1, 1], [4, 4]]
    assert epoch["holes"] == [
        {
            "first_seq": 2, "last_seq": 3, "start": "2026-01-01T12:00:01.000Z",
            "end": "2026-01-01T12:00:04.000Z", "cause": "unknown", "detail": "", "count": None,
        }
    ]  # fmt: skip
    reader.close()


@pytest.mark.parametrize("op", ["coverage", "marks"])
def test_more_than_a_listener_takes_is_refused(
    tmp_path: Path, op: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "holes"
    write(folder, NAME, [event(n, "a", {}, BEGIN + n) for n in range(1, 40, 2)], end=True)
    reader = Reader(folder, tmp_path / "index")
    assert ask(reader, op, start=0, end=BEGIN * 2)
    monkeypatch.setattr("health_wire.protocol.MAX_MARKS", 10)
    with pytest.raises(ProtocolError, match="ask for a shorter window") as error:
        ask(reader, op, start=0, end=BEGIN * 2)
    assert error.value.error == "too_large"
    reader.close()


def test_an_index_that_cannot_be_used_is_said_with_the_remedy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = days(tmp_path / "days", 1)
    (tmp_path / "index").mkdir()
    reader = Reader(kept.folder, tmp_path / "index")
    for _ in range(2):
        with pytest.raises(ProtocolError, match="history rebuild` makes the index anew") as error:
            figures(reader, LOAD)
        assert error.value.error == "internal"
    reader.begin()
    assert not reader.work()
    assert capsys.readouterr().err == "", "it was an answer"


@pytest.fixture
def process(record: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-P", "-m", "health_collectord.reader"]
    command += [str(record), str(record.parent / "index")]
    with subprocess.Popen(
        command, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        yield process
        process.kill()


def test_it_answers_until_the_pipe_ends(process: "subprocess.Popen[bytes]") -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    for time, sign in ((BEGIN + 5001, b"+"), (5, b"-")):
        process.stdin.write(b'{"op":"state_at","time":%d}\n' % time)
        process.stdin.flush()
        head = process.stdout.readline()
        assert head[:1] == sign
        found = json.loads(process.stdout.read(int(head[1:])))
        assert found.get("seq", found.get("error")) in (5, "not_found")
    process.stdin.close()
    assert process.wait(10) == 0
