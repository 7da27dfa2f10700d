"""What is made of a request's members, and of what the record answers."""

import json

import pytest
from health_collectord.interfaces.questions import (
    Question,
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
