"""What may come in from a collector, and what is told of the rest."""

import json
from typing import Any

import pytest
from health_wire import Event, ProtocolError, door
from health_wire.door import Violation
from health_wire.tree import FrozenDict
from hypothesis import given
from hypothesis import strategies as st

TIME = "2026-01-01T12:00:00.000Z"
HEAD = {"v": 1, "host": "pi", "epoch": "e", "seq": 7, "time": TIME}
BODY = HEAD | {"name": "n.updated", "data": {"a": 1}}
HOLE = {"first_seq": 6, "last_seq": None, "start": TIME, "end": None, "cause": "crash",
        "detail": "", "count": None}  # fmt: skip
EPOCH = {"epoch": "e", "boot_id": None, "first_time": TIME, "last_time": None, "shutdown": False,
         "present": [[1, 5]], "holes": [HOLE]}  # fmt: skip
MARK = {"epoch": None, "time": TIME, "seq": 5, "kind": "verdict", "status": "healthy"}
PROBLEM = {"metric": "disk", "row": "/", "field": "f", "severity": "warning", "begin": TIME,
           "end": None}  # fmt: skip
CATALOGUE = {"metrics": [], "history": []}
ANSWERS: dict[str, dict[str, Any]] = {
    "ping": {"version": "1", "uptime_seconds": 1.5},
    "snapshot": {"state": {}},
    "history": {"series": {}, "resolution_seconds": None},
    "describe": CATALOGUE,
    "state_at": {"state": {}, "whole": True},
    "events": {"events": [BODY], "cursor": None},
    "coverage": {"epochs": [EPOCH]},
    "marks": {"status": None, "marks": [MARK], "problems": [PROBLEM]},
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda below: st.lists(below) | st.dictionaries(st.text(), below),
    max_leaves=20,
)


def event(**members: Any) -> Event:
    return door.event([b"n", json.dumps(BODY | members).encode()])


def answer(op: str, **members: Any) -> dict[str, Any]:
    return door.answer(op, json.dumps({"ok": True, **HEAD, **ANSWERS[op], **members}).encode())


def nested(depth: int, value: Any = 0) -> Any:
    for _ in range(depth):
        value = {"a": value}
    return value


def test_an_event_is_frozen() -> None:
    found = event(data={"rows": [{"a": [1]}], "text": "ä\U0001f600"}, unknown=5)
    assert found == Event(
        "pi", "e", 7, TIME, "n.updated", {"rows": ({"a": (1,)},), "text": "ä\U0001f600"}
    )
    assert type(found.data["rows"][0]) is FrozenDict
    assert event(data=None).data is None
    assert event(replay=True).replay


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"v": 2}, "not of version 1"), ({"v": None}, "version"), ({"v": True}, "version"),
        ({"host": 1}, "'host'"), ({"host": ""}, "'host'"), ({"host": "x" * 256}, "'host'"),
        ({"host": "a\nb"}, "'host'"), ({"host": "\x9b1m"}, "'host'"),
        ({"epoch": None}, "'epoch'"), ({"seq": -1}, "'seq'"), ({"seq": True}, "'seq'"),
        ({"seq": 1.5}, "'seq'"), ({"seq": 2**53}, "'seq'"),
        ({"time": "t"}, "'time'"), ({"time": 3}, "'time'"),
        ({"time": "2026-13-01T00:00:00Z"}, "'time'"),
        ({"time": "9999-12-31T23:59:59Z"}, "'time'"), ({"time": "2026-01-01T12:00:00"}, "'time'"),
        ({"name": None}, "'name'"), ({"name": "a" + ".a" * 17}, "parts"),
        ({"data": 3}, "'data'"), ({"data": []}, "'data'"),
        ({"data": nested(16)}, "nested"), ({"data": nested(900)}, "nested"),
        ({"data": {"a": [[[nested(20)]]]}}, "nested"),
        ({"data": {"a": "x" * 8193}}, "a text of"), ({"data": {"x" * 8193: 1}}, "name has more"),
        ({"data": {"a": 10**20}}, "number beyond"), ({"data": {"a": [-(10**400)]}}, "beyond"),
        ({"data": {"a": 1e308}}, "number beyond"), ({"data": {"a": [-1e300]}}, "beyond"),
        ({"data": {"a": "\ud800"}}, "surrogate"), ({"data": {"\udfff": [1]}}, "surrogate"),
        ({"data": {"a": float("nan")}}, "NaN"),
    ],
)  # fmt: skip
def test_what_an_event_may_not_be_is_said(members: dict[str, Any], said: str) -> None:
    with pytest.raises(Violation, match=said):
        event(**members)


@pytest.mark.parametrize(
    ("frames", "said"),
    [
        ([], "0 frames"), ([b"n"], "1 frames"), ([b""] * 3, "3 frames"),
        ([b"n", b"x" * (1024 * 1024 + 1)], "1048577 bytes"),
        ([b"n", b"not JSON"], "cannot be read"), ([b"n", b"\xff"], "cannot be read"),
        ([b"n", b"[" * 100_000], "too deeply"), ([b"n", b"[]"], "an event"),
        ([b"n", b'{"seq":1e999}'], "number beyond"),
        ([b"n", b'{"data":[' + b"{}," * 50_001 + b"0]}"], "more than 100000 values"),
        ([b"n", b'{"seq":' + b"9" * 5000 + b"}"], "digits"),
    ],
)  # fmt: skip
def test_what_frames_may_not_be_is_said(frames: list[bytes], said: str) -> None:
    with pytest.raises(Violation, match=said):
        door.event(frames)


def test_halves_of_a_character_that_belong_together_are_text() -> None:
    frame = json.dumps(BODY | {"data": {"a": "\U0001f600"}}).encode()
    assert b"\\ud83d\\ude00" in frame
    assert door.event([b"n", frame]).data == {"a": "\U0001f600"}


@pytest.mark.parametrize("op", ANSWERS)
def test_an_answer(op: str) -> None:
    assert answer(op, more=1)["seq"] == 7


def test_a_recorded_event_need_not_say_which_start_it_is_of() -> None:
    [found] = answer("events", events=[BODY | {"epoch": None}], cursor="x")["events"]
    assert found["epoch"] is None


def test_an_error_is_raised_as_the_collector_put_it() -> None:
    with pytest.raises(ProtocolError, match="not now") as raised:
        door.answer("ping", b'{"ok":false,"error":"busy","message":"not now"}')
    assert raised.value.error == "busy"
    assert not isinstance(raised.value, Violation)


COLUMNS = {"t": [1, 2], "min": [1, None], "avg": [1, None], "max": [1.5, None]}


@pytest.mark.parametrize(
    ("op", "members"),
    [
        ("ping", {"ok": 1}), ("ping", {"ok": None}), ("ping", {"ok": False}),
        ("ping", {"ok": False, "error": 3, "message": ""}), ("ping", {"host": None}),
        ("ping", {"time": ""}), ("ping", {"version": 3}), ("ping", {"uptime_seconds": "1"}),
        ("snapshot", {"state": []}), ("snapshot", {"state": nested(17)}), ("snapshot", {"seq": -1}),
        ("state_at", {"state": None}), ("state_at", {"whole": 1}), ("state_at", {"epoch": None}),
        ("events", {"events": None}), ("events", {"events": [1]}), ("events", {"cursor": 5}),
        ("events", {"events": [BODY | {"data": 5}]}), ("events", {"events": [BODY | {"seq": -1}]}),
        ("events", {"events": [BODY | {"name": "a" + ".a" * 17}]}),
        ("events", {"events": [BODY | {"epoch": ""}]}),
        ("events", {"events": [BODY | {"time": "then"}]}), ("events", {"events": [BODY] * 5001}),
        ("coverage", {"epochs": None}), ("coverage", {"epochs": [3]}),
        ("coverage", {"epochs": [EPOCH | {"epoch": 5}]}),
        ("coverage", {"epochs": [EPOCH | {"first_time": 5}]}),
        ("coverage", {"epochs": [EPOCH | {"present": [[1]]}]}),
        ("coverage", {"epochs": [EPOCH | {"present": [[1, None]]}]}),
        ("coverage", {"epochs": [EPOCH | {"present": {}}]}),
        ("coverage", {"epochs": [EPOCH | {"holes": [HOLE | {"cause": None}]}]}),
        ("coverage", {"epochs": [EPOCH | {"holes": [HOLE | {"end": "soon"}]}]}),
        ("coverage", {"epochs": [EPOCH] * 5001}),
        ("marks", {"marks": [MARK | {"kind": 3}]}), ("marks", {"marks": [MARK | {"time": None}]}),
        ("marks", {"marks": 1}), ("marks", {"problems": [PROBLEM | {"begin": None}]}),
        ("marks", {"problems": [PROBLEM | {"metric": []}]}), ("marks", {"problems": None}),
        ("history", {"series": []}), ("history", {"series": "x"}),
        ("history", {"series": {"a": 1}}),
        ("history", {"series": {"a": {}}}), ("history", {"series": {"a": COLUMNS | {"t": [1]}}}),
        ("history", {"series": {"a": COLUMNS | {"avg": ["1", 2]}}}),
        ("history", {"series": {"a": COLUMNS | {"t": [None, 2]}}}),
        ("history", {"series": {"a": dict.fromkeys(COLUMNS, [1] * 5001)}}),
        ("history", {"series": {str(n): COLUMNS for n in range(65)}}),
        ("history", {"resolution_seconds": "x"}), ("history", {"resolution_seconds": 0}),
        ("describe", {"metrics": None}), ("describe", {"metrics": [3]}),
        ("describe", {"metrics": [{"fields": [], "rules": [], "charts": []}] * 129}),
        ("describe", {"metrics": [{"fields": [{}] * 2001, "rules": [], "charts": []}]}),
        ("describe", {"metrics": [{"fields": [{"fields": 1}], "rules": [], "charts": []}]}),
        ("describe", {"metrics": [{"fields": [{}] * 1001, "rules": [], "charts": []}] * 2}),
        ("describe", {"history": 3}),
    ],
)  # fmt: skip
def test_what_an_answer_may_not_be(op: str, members: dict[str, Any]) -> None:
    with pytest.raises(Violation):
        answer(op, **members)


def test_a_reply_of_more_bytes_than_are_taken_is_none() -> None:
    with pytest.raises(Violation, match="at most 99 are allowed"):
        door.answer("ping", b" " * 100, 99)


def test_a_history_as_large_as_can_be_asked_for_is_one() -> None:
    columns = dict.fromkeys(COLUMNS, [1] * 5000)
    found = answer("history", series={str(n): columns for n in range(8)}, resolution_seconds=1)
    assert len(found["series"]["7"]["avg"]) == 5000


@given(st.lists(st.binary(), max_size=4))
def test_no_frames_do_any_harm(frames: list[bytes]) -> None:
    with pytest.raises(Violation):
        door.event(frames)


@given(st.dictionaries(st.sampled_from(sorted(BODY)), JSON))
def test_whatever_the_members_of_an_event_are_it_is_one_or_a_violation(
    members: dict[str, Any],
) -> None:
    try:
        found = event(**members)
    except Violation:
        return
    assert found.host.isprintable()
    json.dumps(found.data, allow_nan=False, ensure_ascii=False).encode()


@given(st.sampled_from(sorted(ANSWERS)), st.data())
def test_whatever_the_members_of_an_answer_are_it_is_one_or_a_violation(
    op: str, data: st.DataObject
) -> None:
    members = st.dictionaries(
        st.sampled_from(["ok", *HEAD, *ANSWERS[op], "error", "message"]), JSON
    )
    try:
        found = answer(op, **data.draw(members))
    except ProtocolError:
        return
    json.dumps(found, allow_nan=False, ensure_ascii=False).encode()
