"""What is made of a request's members, and of what the record answers."""

import json

import pytest
from health_collectord.interfaces.questions import (
    Question,
    events_of,
    milliseconds,
    milliseconds_of,
    only,
    refusal,
    time_of,
)
from health_wire.protocol import ProtocolError


def test_a_reply_is_the_head_and_what_the_record_has() -> None:
    question = Question(asked={}, head={"ok": True, "host": "pi ü"}, memory=lambda: {"a": [1]})
    assert question.reply(b'{"b":2}') == '{"ok":true,"host":"pi ü","b":2}'.encode()
    assert question.from_memory() == '{"ok":true,"host":"pi ü","a":[1]}'.encode()


def test_a_refusal_has_the_id_and_few_words() -> None:
    found = json.loads(Question(asked={}, head={"id": 3}).refusal("busy", "x" * 2000))
    assert found == {"ok": False, "v": 1, "error": "busy", "message": "x" * 1000, "id": 3}
    assert "id" not in json.loads(refusal({"id": [1]}, "busy", ""))


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ("2026-01-01T12:00:00Z", 1767268800.0), ("2026-01-01T12:00:00", 1767268800.0),
        ("2026-01-01T13:00:00.250+01:00", 1767268800.25), (5, 5.0), (-2.5, -2.5), (None, None),
    ],
)  # fmt: skip
def test_a_time_is_text_or_seconds(given: object, seconds: float | None) -> None:
    assert time_of({"at": given}, "at") == seconds


@pytest.mark.parametrize("given", [True, [], {}, "soon", "0000-01-01T00:00:00Z", 10**400])
def test_nothing_else_is(given: object) -> None:
    with pytest.raises(ProtocolError, match="'at' must be a time such as"):
        time_of({"at": given}, "at")


def test_a_time_that_has_to_be_there() -> None:
    assert milliseconds_of({"at": 1.0004}, "at") == 1000
    with pytest.raises(ProtocolError, match="'at' is missing"):
        milliseconds_of({}, "at")


@pytest.mark.parametrize(
    ("seconds", "found"), [(-1.0, 0), (float("inf"), 253402300799000), (0.0015, 2), (-1e300, 0)]
)
def test_no_time_is_beyond_what_the_record_can_have(seconds: float, found: int) -> None:
    assert milliseconds(seconds) == found


def test_a_member_that_is_not_known_is_named() -> None:
    only({"op": "x", "id": 1, "v": 1, "a": 2}, "a", "b")
    with pytest.raises(ProtocolError, match="x does not take 'c'; it takes 'a', 'b'"):
        only({"op": "x", "c": 1}, "a", "b")


def test_events_of_a_window() -> None:
    assert events_of({"op": "events"}) == {
        "names": [], "limit": 1000, "cursor": None, "start": 0, "end": 253402300799000,
    }  # fmt: skip
    cursor = "2026-01-01/12-00-00:61"
    found = events_of({"start": 1, "end": 2, "names": ["a", "b"], "limit": 5, "cursor": cursor})
    assert found == {
        "names": ["a", "b"], "limit": 5, "cursor": cursor, "start": 1000, "end": 2000,
    }  # fmt: skip


def test_events_of_a_start() -> None:
    found = events_of({"epoch": "e", "first_seq": 0, "last_seq": 9})
    assert (found["epoch"], found["first_seq"], found["last_seq"]) == ("e", 0, 9)
    found = events_of({"epoch": "e", "first_seq": None})
    assert (found["first_seq"], found["last_seq"]) == (1, 2**53 - 1)


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"start": 2, "end": 1}, "'start' is after 'end'"), ({"start": "x"}, "'start' must be"),
        ({"names": 5}, "'names' must be"), ({"names": ["a", 1]}, "'names' must be"),
        ({"names": ["a"] * 65}, "'names' must be"), ({"names": {"a": 1}}, "'names' must be"),
        ({"limit": 0}, "'limit' must be 1 to 5000"), ({"limit": True}, "'limit' must be"),
        ({"limit": 5001}, "'limit' must be"), ({"limit": 1.0}, "'limit' must be"),
        ({"cursor": 5}, "'cursor' must be"), ({"cursor": "../../x:1"}, "'cursor' must be"),
        ({"cursor": "2026-01-01/12-00-00:" + "9" * 16}, "'cursor' must be"),
        ({"epoch": 5}, "'epoch' must be text"), ({"epoch": "e", "start": 1}, "take 'start'"),
        ({"first_seq": 1}, "take 'first_seq'"),
        ({"epoch": "e", "first_seq": -1}, "'first_seq' must be"),
        ({"epoch": "e", "last_seq": 2**53}, "'last_seq' must be"),
        ({"epoch": "e", "last_seq": 1.0}, "'last_seq' must be"),
        ({"epoch": "e", "first_seq": 2, "last_seq": 1}, "'first_seq' is after"),
    ],
)  # fmt: skip
def test_what_events_cannot_be_asked_for(members: dict[str, object], said: str) -> None:
    with pytest.raises(ProtocolError, match=said) as error:
        events_of({"op": "events", **members})
    assert error.value.error == "bad_request"
