"""What is asked of a collector's past, and how few requests that takes."""

from typing import Any

import gevent
import pytest
from health_webui.following.fleet import Follower
from health_webui.following.history import History, Question, TooMany, timestamp
from health_wire import CollectorTimeout, ProtocolError
from werkzeug.datastructures import MultiDict

from tests.webui.sample import HOSTILE, follower

NOW = "2026-01-01T00:00:00.000Z"
COLUMNS = {"t": [1.0], "min": [2.0], "avg": [2.0], "max": [2.0]}


class Answering:
    """Stands in for the client's `request`; knows every series but those named `unknown`."""

    def __init__(self, *, unknown: str = "nothing", resolution: float | None = None) -> None:
        self.asked: list[dict[str, Any]] = []
        self.unknown = unknown
        self.resolution = resolution
        self.error: Exception | None = None

    def __call__(self, op: str, /, **members: Any) -> dict[str, Any]:
        gevent.sleep(0)
        head = {"host": "h", "epoch": "e", "time": NOW}
        if op == "ping":
            return head
        self.asked.append(members)
        if self.error is not None:
            raise self.error
        if any(self.unknown in name for name in members["series"]):
            raise ProtocolError("not_found", "no such series")
        columns = dict.fromkeys(members["series"], COLUMNS)
        return {**head, "resolution_seconds": self.resolution, "series": columns}


def answering(monkeypatch: pytest.MonkeyPatch, **options: Any) -> tuple[Follower, Answering]:
    made, answer = follower(), Answering(**options)
    monkeypatch.setattr(made.client, "request", answer)
    return made, answer


def parse(*given: tuple[str, str]) -> Question:
    return Question.parse(MultiDict(list(given)))


def test_without_parameters_it_is_the_charts_of_the_last_minutes() -> None:
    assert parse() == Question(seconds=300)


def test_times_are_seconds_or_iso_8601() -> None:
    asked = parse(("start", "1767225600"), ("end", "2026-01-01T00:00:00.5Z"), ("points", "7"))
    assert asked == Question(start=1767225600.0, end=1767225600.5, points=7)
    assert parse(("end", "2026-01-01T01:00:00+01:00")).end == 1767225600.0
    assert parse(("end", "2026-01-01")).end == 1767225600.0, "UTC where nothing else is said"


@pytest.mark.parametrize(
    "given",
    [
        [("point", "1")],
        [("points", "0")],
        [("points", "5001")],
        [("points", "1.5")],
        [("points", "²")],
        [("points", "1"), ("points", "2")],
        [("seconds", "0")],
        [("seconds", "nan")],
        [("seconds", "1e9")],
        [("seconds", "9" * 5000)],
        [("seconds", "5"), ("start", "1")],
        [("start", "2"), ("end", "2")],
        [("start", "yesterday")],
        [("start", "-5")],
        [("start", "253402300800")],
        [("end", "")],
        [("series", "x")] * 65,
    ],
    ids=lambda given: str(given)[:40],
)
def test_what_cannot_be_asked_is_refused_with_what_can(given: list[tuple[str, str]]) -> None:
    with pytest.raises(ValueError, match=r"[a-z]{4}") as refused:
        parse(*given)
    assert len(str(refused.value)) < 200


def test_browsers_that_come_together_are_answered_from_one_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made, answer = answering(monkeypatch)
    asking = [gevent.spawn(made.history.ask, Question(seconds=300)) for _ in range(50)]
    gevent.joinall(asking, raise_error=True)
    assert len(answer.asked) == 1
    found = asking[0].get()
    assert all(greenlet.get() is found for greenlet in asking)
    assert list(found["series"]) == [
        "device.tank.full_percent",
        f"device.pipes.pipes[{HOSTILE}].flow_per_second",
    ]
    assert found["series"]["device.tank.full_percent"] == COLUMNS
    made.history.ask(Question(seconds=301))
    assert len(answer.asked) == 2


def test_a_silent_collector_keeps_those_who_wait_together_waiting_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made, answer = answering(monkeypatch)
    history = History(made.client, lambda: ["x"], lambda: 0.0)
    answer.error = CollectorTimeout("silent")
    asking = [gevent.spawn(history.ask, Question(start=1.0)) for _ in range(200)]
    gevent.sleep(0)
    with pytest.raises(TooMany):
        history.ask(Question(start=2.0))
    gevent.joinall(asking)
    assert {type(greenlet.exception) for greenlet in asking} == {CollectorTimeout}
    assert len(answer.asked) == 1


def test_an_answer_is_not_given_again_when_it_is_old() -> None:
    made, now = follower(), [0.0]
    answer = Answering()
    made.client.request = answer  # type: ignore[method-assign]
    history = History(made.client, lambda: ["x"], lambda: now[0])
    for moment, requests in ((0.0, 1), (0.9, 1), (1.0, 2)):
        now[0] = moment
        history.ask(Question(start=1.0))
        assert len(answer.asked) == requests


def test_the_last_seconds_are_the_collectors_own(monkeypatch: pytest.MonkeyPatch) -> None:
    made, answer = answering(monkeypatch, resolution=10.0)
    found = made.history.ask(Question(seconds=300, points=50))
    end = timestamp(NOW)
    assert (found["start"], found["end"]) == (end - 300, end)
    assert (found["host"], found["epoch"], found["resolution_seconds"]) == ("h", "e", 10.0)
    assert answer.asked[0]["start"] > end - 300, "so that every sample is still there"
    assert answer.asked[0]["points"] == 50


def test_a_window_is_asked_for_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    made, answer = answering(monkeypatch)
    made.history.ask(Question(start=10.0, end=20.0, series=("a", "b")))
    expected = {"series": ["a", "b"], "start": 10.0, "end": 20.0, "points": 1000}
    assert answer.asked == [expected]
    assert made.history.ask(Question(start=10.0))["end"] == timestamp(NOW)
    found = made.history.ask(Question(end=20.0, seconds=5))
    assert (found["start"], found["end"]) == (15.0, 20.0)


def test_a_charted_series_that_is_not_known_does_not_keep_the_others_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made, _ = answering(monkeypatch, unknown="pipes")
    assert list(made.history.ask(Question(seconds=300))["series"]) == ["device.tank.full_percent"]
    made, _ = answering(monkeypatch, unknown="device")
    found = made.history.ask(Question(seconds=300))
    assert (found["series"], found["host"]) == ({}, "h")


def test_a_series_that_was_asked_for_and_is_not_known_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made, _ = answering(monkeypatch, unknown="b")
    with pytest.raises(ProtocolError, match="no such series"):
        made.history.ask(Question(series=("a", "b"), seconds=5))


def test_many_series_are_asked_for_in_parts() -> None:
    made, answer = follower(), Answering(unknown="s77")
    made.client.request = answer  # type: ignore[method-assign]
    names = [f"s{number}" for number in range(150)]
    found = History(made.client, lambda: names).ask(Question(seconds=5))
    assert list(found["series"]) == [name for name in names if name != "s77"]
    assert all(len(asked["series"]) <= 64 for asked in answer.asked)
    assert len(answer.asked) < 20


def test_what_is_kept_for_others_is_bounded() -> None:
    made = follower()
    made.client.request = Answering()  # type: ignore[method-assign]
    history = History(made.client, lambda: ["x"], lambda: 0.0)
    for number in range(100):
        history.ask(Question(start=float(number)))
    assert len(history._answers) == 16


@pytest.mark.parametrize("time", [None, 5, "then"])
def test_a_time_that_is_none_is_the_collectors_fault(time: Any) -> None:
    with pytest.raises(ProtocolError):
        timestamp(time)
