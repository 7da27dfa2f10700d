"""Every op, and every way to ask wrongly."""

import json
import logging
from typing import Any

import pytest
from health_collectord.interfaces.operations import Operations
from health_collectord.interfaces.questions import Question
from health_wire import protocol
from hypothesis import example, given
from hypothesis import strategies as st

from tests.interfaces.asking import T0, operations

HEAD = {
    "ok": True,
    "v": 1,
    "host": "pi",
    "epoch": "e" * 32,
    "seq": 6,
    "time": "2026-01-01T12:01:00.000Z",
}
SERIES = "system.probe.used_percent"
ERRORS = {"bad_request", "unknown_op", "not_found", "too_large", "busy", "internal"}


@pytest.fixture(scope="module")
def ops() -> Operations:
    return operations()


def strictly(frame: bytes | Question) -> dict[str, Any]:
    assert isinstance(frame, bytes)
    reply = json.loads(frame.decode(), parse_constant=pytest.fail)
    assert isinstance(reply, dict)
    return reply


def ask(ops: Operations, op: Any, /, **members: Any) -> dict[str, Any]:
    reply = ops.answer([json.dumps({"op": op, **members}).encode()])
    assert isinstance(reply, bytes)
    return strictly(reply)


def question(op: str, /, **members: Any) -> Question:
    """What the record is asked, where there is one."""
    found = operations(recorded=True, before=True).answer(
        [json.dumps({"op": op, **members}).encode()]
    )
    assert isinstance(found, Question)
    return found


def refused(reply: dict[str, Any]) -> str:
    assert reply["ok"] is False
    assert reply["v"] == 1
    assert reply["error"] in ERRORS
    assert set(reply) <= {"ok", "v", "error", "message", "id"}
    assert isinstance(reply["message"], str)
    return f"{reply['error']}: {reply['message']}"


def test_ping(ops: Operations) -> None:
    expected = {"version": "1.2.3", "uptime_seconds": 60.0, "mode": "live"}
    assert ask(ops, "ping") == HEAD | expected


def test_snapshot(ops: Operations) -> None:
    reply = ask(ops, "snapshot")
    state = {
        "system": {"probe": {"used_percent": 4.0, "rows": [{"key": "eth0", "level_percent": 1.0}]}},
        "collector": {"metrics": {"probe": {"status": "ok", "reason": None, "since": "now"}}},
    }
    assert reply == HEAD | {"state": state}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("system.probe.used_percent", 4.0),
        ("collector.metrics.probe.reason", None),
        ("system.probe.rows", [{"key": "eth0", "level_percent": 1.0}]),
    ],
)
def test_get(ops: Operations, path: str, value: Any) -> None:
    assert ask(ops, "get", path=path) == HEAD | {"value": value}


def test_get_of_the_empty_path_is_everything(ops: Operations) -> None:
    assert ask(ops, "get", path="")["value"] == ask(ops, "snapshot")["state"]


@pytest.mark.parametrize("path", ["x", "system.x", "system.probe.rows.0", ".", "system.", "\ud800"])
def test_get_of_what_is_not_there(ops: Operations, path: str) -> None:
    assert refused(ask(ops, "get", path=path)).startswith("not_found: there is nothing at ")


def test_describe(ops: Operations) -> None:
    reply = ask(ops, "describe")
    assert reply["history"] == [
        {"seconds": 300.0, "resolution_seconds": None},
        {"seconds": 3600.0, "resolution_seconds": 10.0},
    ]
    [metric] = reply["metrics"]
    assert metric["name"] == "probe"
    assert metric["status"] == {"status": "ok", "reason": None, "since": "now"}


def test_history(ops: Operations) -> None:
    reply = ask(ops, "history", series=SERIES)
    values = [0.0, 1.0, 2.0, 3.0, 4.0]
    columns = {"t": [T0 + n for n in range(5)], "min": values, "avg": values, "max": values}
    assert reply == HEAD | {"resolution_seconds": None, "series": {SERIES: columns}}


@pytest.mark.parametrize(
    ("members", "values"),
    [
        ({"start": T0 + 3}, [3.0, 4.0]),
        ({"end": T0 + 1}, [0.0, 1.0]),
        ({"start": "2026-01-01T12:00:01Z", "end": "2026-01-01T12:00:02.500Z"}, [1.0, 2.0]),
        ({"start": "2026-01-01T14:00:01+02:00", "end": "2026-01-01T12:00:01"}, [1.0]),
        ({"start": T0 + 100}, []),
        ({"points": 3}, [0.5, 2.5, 4.0]),
        ({"start": None, "end": None, "points": 5}, [0.0, 1.0, 2.0, 3.0, 4.0]),
        ({"start": -1e300, "end": 1e300}, [0.0, 1.0, 2.0, 3.0, 4.0]),
    ],
)
def test_history_of_a_while(ops: Operations, members: dict[str, Any], values: list[float]) -> None:
    assert ask(ops, "history", series=[SERIES], **members)["series"][SERIES]["avg"] == values


def test_a_moment_is_asked_of_the_record() -> None:
    found = question("state_at", time="2026-01-01T12:00:03.5Z", id=5)
    assert found.asked == {"op": "state_at", "time": round(T0 * 1000) + 3500}
    assert (found.near, found.memory) == (False, None), "it is written by now"
    body = b'{"epoch":"f","seq":3,"time":"then","whole":true,"state":{}}'
    assert strictly(found.reply(body)) == {
        "ok": True, "v": 1, "host": "pi", "id": 5,
        "epoch": "f", "seq": 3, "time": "then", "whole": True, "state": {},
    }  # fmt: skip
    assert question("state_at", time=T0 + 55).near
    assert question("state_at", time=-1e300).asked["time"] == 0
    assert question("state_at", time=1e300).asked["time"] == 253402300799000


@pytest.mark.parametrize("start", [T0, T0 + 3, None])
def test_history_comes_from_memory_where_memory_has_it(start: float | None) -> None:
    for ops in (operations(recorded=True), operations(recorded=True, before=True)):
        assert ask(ops, "history", series=SERIES, start=start)["ok"] is True
    assert ask(operations(recorded=True), "history", series=SERIES, start=5)["ok"] is True


def test_and_from_the_record_where_it_has_not() -> None:
    ops = operations(recorded=True, before=True)
    found = ops.answer(
        [json.dumps({"op": "history", "series": [SERIES] * 2, "start": T0 - 60}).encode()]
    )
    assert isinstance(found, Question)
    assert found.asked == {
        "op": "history", "series": [SERIES], "known": [SERIES], "points": 1000,
        "start": round(T0 * 1000) - 60_000, "end": round(T0 * 1000) + 60_000,
    }  # fmt: skip
    assert found.near
    remembered = strictly(found.from_memory())
    assert remembered["series"][SERIES]["avg"] == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert HEAD.items() <= remembered.items()
    far = question("history", series=SERIES, start=5)
    assert far.memory is None, "an hour is no answer to who asks for a year"
    other = question("history", series=[SERIES, "x.y"], start=5, end=T0)
    assert (other.asked["known"], other.memory, other.near) == ([SERIES], None, False)


def test_events_are_asked_of_the_record() -> None:
    found = question("events", start=T0, names="health.")
    assert found.asked == {
        "op": "events", "names": ["health."], "limit": 1000, "cursor": None,
        "start": round(T0 * 1000), "end": round(T0 * 1000) + 60_000,
    }  # fmt: skip
    assert found.near
    assert not question("events", end=T0).near
    assert question("events", epoch="e" * 32).near, "that is this start"
    assert not question("events", epoch="f" * 32).near


@pytest.mark.parametrize("op", ["coverage", "marks"])
def test_windows_are_asked_of_the_record(op: str) -> None:
    now = round(T0 * 1000) + 60_000
    assert question(op).asked == {"op": op, "start": 0, "end": now}
    found = question(op, start=T0, end=T0 + 5)
    assert (found.asked["start"], found.asked["end"]) == (now - 60_000, now - 55_000)
    assert (found.near, question(op).near) == (False, True)
    assert question(op, start=T0 + 9e6).asked["end"] == now - 60_000 + 9_000_000_000
    ops = operations(recorded=True)
    assert "does not take 'limit'" in refused(ask(ops, op, limit=5))
    assert "'start' is after 'end'" in refused(ask(ops, op, start=2, end=1))


def test_there_is_no_record_where_there_is_none() -> None:
    replay = operations()
    replay.mode = "replay"
    assert "this is a replay" in refused(ask(replay, "state_at", time=T0))


def test_a_request_may_say_its_version_and_of_two_members_the_last_counts(ops: Operations) -> None:
    assert ask(ops, "ping", v=1)["ok"] is True
    assert strictly(ops.answer([b'{"op":"nonsense","op":"ping","id":1,"id":2}']))["id"] == 2


def test_health_before_the_first_verdict(ops: Operations) -> None:
    health = ask(ops, "health")["health"]
    assert (health["status"], health["problems"]) == ("unknown", [])


@pytest.mark.parametrize("given_id", ["a", "", 7, -1.5, 2**70])
def test_an_id_comes_back(ops: Operations, given_id: Any) -> None:
    assert ask(ops, "ping", id=given_id)["id"] == given_id
    assert ask(ops, "nonsense", id=given_id)["id"] == given_id


@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        ({}, "bad_request: 'op' must be one of ping, snapshot, get, describe, history"),
        ({"op": None}, "bad_request: 'op' must be one of"),
        ({"op": ["ping"]}, "bad_request: 'op' must be one of"),
        ({"op": "pong"}, "unknown_op: 'op' must be one of"),
        ({"op": "ping", "path": "x"}, "bad_request: ping does not take 'path'; it takes none"),
        ({"op": "get"}, "bad_request: 'path' must be text such as"),
        ({"op": "get", "path": 3}, "bad_request: 'path' must be text such as"),
        ({"op": "get", "pth": "a"}, "bad_request: get does not take 'pth'; it takes 'path'"),
        ({"op": "history"}, "bad_request: 'series' must be"),
        ({"op": "history", "series": []}, "bad_request: 'series' must be"),
        ({"op": "history", "series": [1]}, "bad_request: 'series' must be"),
        ({"op": "history", "series": {"a": 1}}, "bad_request: 'series' must be"),
        ({"op": "history", "series": ["a"] * 65}, "bad_request: at most 64 series"),
        ({"op": "history", "series": "a.b"}, "not_found: there is no series 'a.b'"),
        ({"op": "history", "series": SERIES, "points": 0}, "bad_request: 'points' must be 1 to"),
        ({"op": "history", "series": SERIES, "points": 5001}, "bad_request: 'points' must be"),
        ({"op": "history", "series": SERIES, "points": 1.0}, "bad_request: 'points' must be"),
        ({"op": "history", "series": SERIES, "points": True}, "bad_request: 'points' must be"),
        ({"op": "history", "series": SERIES, "start": "soon"}, "bad_request: 'start' must be"),
        ({"op": "history", "series": SERIES, "end": True}, "bad_request: 'end' must be a time"),
        ({"op": "history", "series": SERIES, "end": [1]}, "bad_request: 'end' must be a time"),
        ({"op": "history", "series": SERIES, "end": 10**400}, "bad_request: 'end' must be"),
        (
            {"op": "history", "series": SERIES, "start": 2, "end": 1},
            "bad_request: 'start' is after",
        ),
        ({"op": "state_at"}, "bad_request: 'time' is missing"),
        ({"op": "state_at", "time": True}, "bad_request: 'time' must be a time"),
        ({"op": "state_at", "time": T0}, "not_found: there is no record here: record.enabled is"),
        ({"op": "ping", "v": 2}, "bad_request: 'v' must be 1"),
        ({"op": "ping", "v": True}, "bad_request: 'v' must be 1"),
        ({"op": "ping", "v": None}, "bad_request: 'v' must be 1"),
        ({"op": "ping", "id": None}, "bad_request: 'id' must be text or a finite number"),
        ({"op": "ping", "id": True}, "bad_request: 'id' must be text or a finite number"),
        ({"op": "ping", "id": {}}, "bad_request: 'id' must be text or a finite number"),
    ],
)
def test_what_is_asked_wrongly(ops: Operations, request_: dict[str, Any], answer: str) -> None:
    reply = strictly(ops.answer([json.dumps(request_).encode()]))
    assert refused(reply).startswith(answer)


@pytest.mark.parametrize(
    ("frames", "answer"),
    [
        ([], "bad_request: expected one frame, got 0"),
        ([b"{}", b"{}"], "bad_request: expected one frame, got 2"),
        ([b""], "bad_request: not JSON"),
        ([b"\xff"], "bad_request: not JSON in UTF-8"),
        ([b'\xef\xbb\xbf{"op":"ping"}'], "bad_request: not JSON in UTF-8"),
        ([b"[]"], "bad_request: expected a JSON object, got list"),
        ([b'{"op":"ping","id":1e999}'], "bad_request: 'id' must be text or a finite number"),
        ([b'{"op":NaN}'], "bad_request: not JSON in UTF-8: NaN is not JSON"),
        ([b"[" * 60_000], "bad_request: the JSON is nested too deeply"),
        ([b'{"op":"' + b"x" * 65536], "too_large: a request has at most 64 KiB"),
    ],
)
def test_what_is_no_request(ops: Operations, frames: list[bytes], answer: str) -> None:
    assert refused(strictly(ops.answer(frames))).startswith(answer)


def test_a_refusal_is_short_however_long_the_request(ops: Operations) -> None:
    frame = json.dumps({"op": "get", "path": "x" * 60_000}).encode()
    assert len(json.dumps(strictly(ops.answer([frame])))) < 1200


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
MEMBERS = st.sampled_from(["op", "id", "path", "series", "start", "end", "points", "x"])
VALUES = JSON | st.sampled_from(
    [*protocol.OPS, SERIES, "system", "system.probe", "2026-01-01T12:00:00Z", T0, 5]
)
ASKED = st.dictionaries(MEMBERS, VALUES, max_size=6)


@given(st.lists(st.binary(max_size=60), max_size=3))
@example([b'{"op":"history","series":"system.probe.used_percent","start":-1e999}'])
def test_any_frames_are_answered(frames: list[bytes]) -> None:
    reply = strictly(OPS.answer(frames))
    assert reply["ok"] is True or refused(reply)


@given(ASKED, st.sampled_from(protocol.OPS) | st.none())
def test_any_object_is_answered(asked: dict[str, Any], op: str | None) -> None:
    if op is not None:
        asked["op"] = op
    reply = strictly(OPS.answer([json.dumps(asked).encode()]))
    assert reply.get("error") != "internal"
    if reply["ok"] is True:
        assert HEAD.items() <= reply.items()
        assert reply.get("id") == asked.get("id")
    else:
        refused(reply)


OPS = operations()


def test_a_fault_of_its_own_is_an_answer_too(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    broken = operations()

    def fail() -> None:
        raise OSError("secret")

    monkeypatch.setattr(broken.store, "snapshot", fail)
    with caplog.at_level(logging.ERROR):
        reply = ask(broken, "ping")
    assert refused(reply) == "internal: the collector's log says more"
    assert "secret" in caplog.text


def test_a_snapshot_is_encoded_once_for_each_state() -> None:
    ops = operations()
    first = ask(ops, "snapshot", id=1)
    encoded = ops._encoded
    assert ask(ops, "snapshot", id=2) == first | {"id": 2}
    assert ops._encoded is encoded
    ops.store.set("system.more", 1)
    ops.store.commit(7)
    after = ask(ops, "snapshot")
    assert (after["seq"], after["state"]["system"]["more"]) == (7, 1)
