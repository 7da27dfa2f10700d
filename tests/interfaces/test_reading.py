"""Questions about the record: in turn, within bounds, and never longer than they may take."""

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from health_collectord.interfaces import reading
from health_collectord.interfaces.child import Child
from health_collectord.interfaces.questions import NoAnswerError, Question
from health_collectord.interfaces.reading import RecordReading

from tests.running import wait_for

# A reader that does as it is told.
SCRIPT = """
import json, os, sys, threading
pause = threading.Event()
for line in sys.stdin.buffer:
    asked = json.loads(line)
    if asked["op"] == "end":
        sys.exit(3)
    if asked["op"] == "hang":
        pause.wait()
    while not os.path.exists(asked.get("until", "/")):
        pause.wait(0.01)
    if "tell" in asked:
        open(asked["tell"], "w").close()
    body = json.dumps({**asked, "pid": os.getpid(), "more": "x" * asked.get("size", 0)})
    sign = "+"
    if asked["op"] == "nothing":
        body = "{}"
    if asked["op"] == "refuse":
        sign, body = "-", json.dumps({"error": asked["error"], "message": "so"})
    sys.stdout.buffer.write(f"{sign}{len(body)}\\n{body}".encode())
    sys.stdout.buffer.flush()
"""


class Answers:
    """What came, in order."""

    def __init__(self) -> None:
        self.all: list[dict[str, Any]] = []

    def __call__(self, reply: bytes) -> None:
        self.all.append(json.loads(reply))

    def wait(self, count: int) -> list[dict[str, Any]]:
        wait_for(lambda: len(self.all) >= count)
        return self.all


def record(folder: Path, **more: Any) -> RecordReading:
    return RecordReading(folder, folder / "index", command=("-c", SCRIPT), **more)


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[RecordReading]:
    found = record(tmp_path)
    yield found
    found.stop()


def question(op: str = "do", /, **members: Any) -> Question:
    return Question(asked={"op": op, **members}, head={"ok": True, "v": 1, "id": 7})


def threads() -> int:
    return sum(thread.name == "reading" for thread in threading.enumerate())


def test_answers_come_in_order_from_one_process(reader: RecordReading) -> None:
    answers = Answers()
    for number in range(3):
        assert reader.ask(question(n=number, size=200_000 * number), b"a", answers)
    found = answers.wait(3)
    assert [each["n"] for each in found] == [0, 1, 2]
    assert [len(each["more"]) for each in found] == [0, 200_000, 400_000]
    assert len({each["pid"] for each in found}) == 1
    assert found[0] | {"pid": 0} == {
        "ok": True, "v": 1, "id": 7, "op": "do", "n": 0, "size": 0, "pid": 0, "more": "",
    }  # fmt: skip


def test_a_refusal_is_an_error_with_the_id(reader: RecordReading) -> None:
    answers = Answers()
    reader.ask(question("refuse", error="not_found"), b"a", answers)
    [found] = answers.wait(1)
    assert found == {"ok": False, "v": 1, "error": "not_found", "message": "so", "id": 7}


def test_what_is_near_is_written_first(tmp_path: Path) -> None:
    settled: list[float] = []
    reader = record(tmp_path, settle=settled.append)
    answers = Answers()
    reader.ask(question(), b"a", answers)
    answers.wait(1)
    assert settled == []
    reader.ask(replace(question(), near=True), b"a", answers)
    answers.wait(2)
    assert settled == [1.0]
    reader.stop()


def test_no_client_has_more_than_its_places_nor_all_of_them_more_than_there_are(
    reader: RecordReading, tmp_path: Path
) -> None:
    answers, until = Answers(), tmp_path / "now"

    def asked(client: bytes) -> bool:
        return reader.ask(question(until=str(until)), client, answers)

    assert [asked(b"a") for _ in range(6)] == [True] * 4 + [False] * 2
    taken = sum(asked(b"%d" % number) for number in range(40))
    assert 28 <= taken <= 29, "one may be under way"
    until.touch()
    answers.wait(4 + taken)
    assert asked(b"a")


def test_a_client_that_used_up_its_share_has_to_wait(
    reader: RecordReading, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = Answers()
    reader._allowances = reading.Allowances(0.0, 0.0001)
    assert reader.ask(question(), b"a", answers)
    answers.wait(1)
    wait_for(lambda: not reader.ask(question(), b"a", answers))
    assert reader.ask(question(), b"b", answers)


def test_what_takes_too_long_is_ended_and_the_next_is_answered_by_another(tmp_path: Path) -> None:
    reader, answers = record(tmp_path, seconds=0.5), Answers()
    reader.ask(question(), b"a", answers)
    answers.wait(1)
    reader.ask(question("hang"), b"a", answers)
    slow = answers.wait(2)[1]
    assert (slow["error"], slow["id"]) == ("busy", 7)
    assert slow["message"] == "it took too long to read; ask again later"
    reader._seconds = 10.0
    reader.ask(question(), b"a", answers)
    assert answers.wait(3)[2]["pid"] != answers.all[0]["pid"]
    reader.stop()


def test_a_process_that_ends_costs_one_answer(reader: RecordReading) -> None:
    answers = Answers()
    reader.ask(question("end"), b"a", answers)
    reader.ask(question(), b"a", answers)
    ended, well = answers.wait(2)
    assert (ended["error"], ended["message"]) == ("busy", "its process ended; ask again later")
    assert well["ok"] is True


def test_where_there_can_be_no_process_it_is_said(tmp_path: Path) -> None:
    with pytest.raises(NoAnswerError, match="no process for it"):
        Child((str(tmp_path / "missing"),))


@pytest.mark.parametrize("asked", [("hang",), ("end",), ("refuse",)])
def test_memory_answers_where_the_record_does_not_in_time(
    tmp_path: Path, asked: tuple[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "PATIENCE_SECONDS", 0.1)
    reader, answers = record(tmp_path), Answers()
    for number in range(2):  # the second waits for the first
        remembered = Question(
            asked={"op": asked[0], "error": "internal"}, head={"ok": True},
            memory=lambda number=number: {"remembered": number},
        )  # fmt: skip
        reader.ask(remembered, b"a", answers)
    found = answers.wait(2)
    assert sorted(each["remembered"] for each in found) == [0, 1]
    reader.stop()
    assert len(answers.all) == 2, "each is answered once"


def test_nobody_asks_and_there_is_no_process_any_more(
    reader: RecordReading, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "_IDLE_SECONDS", 0.01)
    monkeypatch.setattr(reading, "_INDEX", b'{"op":"end"}')
    answers = Answers()
    reader.ask(question(), b"a", answers)
    [found] = answers.wait(1)
    wait_for(lambda: not threads())
    wait_for(lambda: not Path(f"/proc/{found['pid']}").exists())
    reader.ask(question(), b"a", answers)
    assert answers.wait(2)[1]["pid"] != found["pid"]


def test_stopping_ends_it_in_the_middle(tmp_path: Path) -> None:
    reader, answers = record(tmp_path), Answers()
    reader.ask(question(), b"a", answers)
    [found] = answers.wait(1)
    reader.ask(question("hang"), b"a", answers)
    reader.stop()
    assert not threads()
    assert not Path(f"/proc/{found['pid']}").exists()
    assert not reader.ask(question(), b"a", answers)


def test_the_index_is_brought_up_to_date_now_and_then(
    reader: RecordReading, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = tmp_path / "told"
    monkeypatch.setattr(reading, "_IDLE_SECONDS", 0.01)
    monkeypatch.setattr(reading, "_INDEX", json.dumps({"op": "more", "tell": str(told)}).encode())
    reader.look()
    assert not threads(), "it began a moment ago"
    monkeypatch.setattr(reading, "_INDEX_SECONDS", 0.0)
    reader.look()
    wait_for(told.exists)
    monkeypatch.setattr(reading, "_INDEX", b'{"op":"nothing"}')
    wait_for(lambda: not threads(), "it goes on although there is nothing more to do")
