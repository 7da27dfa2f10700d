"""PROTOCOL.md, "Questions of the record", with the client that shares no code with the project."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from health_wire import CollectorClient, ProtocolError, door

from tests.process.test_protocol_document import TIME, PlainClient
from tests.running import ROOT, Running, start_collector, wait_for

DOCUMENT = (ROOT / "daemon/health_wire/PROTOCOL.md").read_text()
OPS = ("history", "state_at", "events", "coverage", "marks")
HEAD = {"ok": True, "v": 1, "host": "pi", "epoch": "e", "seq": 1, "time": "2026-01-01T12:00:00Z"}


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("record")
    with start_collector(folder, "--interval", "0.2", "--host-id", "pi ü") as collector:
        yield collector


@pytest.fixture
def client(collector: Running) -> Iterator[PlainClient]:
    client = PlainClient(collector)
    yield client
    client.close()


def test_state_at(client: PlainClient) -> None:
    snapshot = client.ask("snapshot")
    reply = client.ask("state_at", time=snapshot["time"], id=1)
    assert set(reply) == {"ok", "v", "host", "id", "epoch", "seq", "time", "whole", "state"}
    assert (reply["host"], reply["id"], reply["whole"]) == (snapshot["host"], 1, True)
    assert reply["epoch"] == snapshot["epoch"]
    assert reply["seq"] >= snapshot["seq"]
    assert reply["time"] <= snapshot["time"]
    error, words = client.refused("state_at", time="2020-01-01T00:00:00Z")
    assert error == "not_found"
    assert words.startswith("the record begins at 2")
    assert client.refused("state_at", time="2200-01-01T00:00:00Z")[0] == "not_found"
    assert client.refused("state_at")[0] == "bad_request"


def pages(client: PlainClient, **members: Any) -> Iterator[dict[str, Any]]:
    cursor = None
    while True:
        page = client.ask("events", cursor=cursor, **members)
        assert set(page) - {"events", "cursor"} == {"ok", "v", "host", "epoch", "seq", "time"}
        assert len(page["events"]) <= members["limit"]
        yield from page["events"]
        cursor = page["cursor"]
        if cursor is None:
            return


def test_recorded_events(client: PlainClient) -> None:
    client.sub.subscribe(b"")
    heard = [client.event() for _ in range(40)]
    found = list(pages(client, start=heard[0]["time"], end=heard[-1]["time"], limit=7))
    assert [list(each) for each in found] == [["epoch", "seq", "time", "name", "data"]] * len(found)
    by_seq = {each["seq"]: each for each in found}
    assert len(by_seq) == len(found)
    for event in heard:
        assert by_seq[event["seq"]] == {name: event[name] for name in by_seq[event["seq"]]}
    wanted = {"epoch": heard[0]["epoch"], "first_seq": heard[0]["seq"], "limit": 5000}
    same = list(pages(client, **wanted, last_seq=heard[-1]["seq"]))
    assert same == [by_seq[event["seq"]] for event in heard]
    beats = list(pages(client, **wanted, names=["collector.heartbeat"]))
    assert {each["name"] for each in beats} <= {"collector.heartbeat"}
    assert client.refused("events", epoch="0" * 32)[0] == "not_found"
    assert client.refused("events", epoch=wanted["epoch"], start=0)[0] == "bad_request"


def test_coverage(client: PlainClient) -> None:
    snapshot = client.ask("snapshot")
    reply = client.ask("coverage", start=0)
    [epoch] = reply["epochs"]
    assert set(epoch) == {
        "epoch", "boot_id", "first_time", "last_time", "shutdown", "present", "holes",
    }  # fmt: skip
    assert (epoch["epoch"], epoch["shutdown"], epoch["holes"]) == (snapshot["epoch"], False, [])
    [[first, last]] = epoch["present"]
    assert first == 1
    assert last >= snapshot["seq"]
    assert TIME.fullmatch(epoch["first_time"])
    assert epoch["first_time"] < epoch["last_time"]
    assert client.ask("coverage", start=0, end=5)["epochs"] == []
    assert client.refused("coverage", start=5, end=0)[0] == "bad_request"


def test_marks(client: PlainClient) -> None:
    reply = client.ask("marks")
    assert set(reply) - {"marks", "problems", "status"} == {
        "ok", "v", "host", "epoch", "seq", "time",
    }  # fmt: skip
    assert reply["status"] is None
    kinds = [mark["kind"] for mark in reply["marks"]]
    assert kinds.count("started") == 1
    assert "verdict" in kinds
    for mark in reply["marks"]:
        assert TIME.fullmatch(mark["time"])
        assert {"epoch", "seq", "kind"} < set(mark)
    health = client.ask("health")["health"]
    verdicts = [mark["status"] for mark in reply["marks"] if mark["kind"] == "verdict"]
    assert verdicts[-1] in ("healthy", "warning", "critical", "unknown")
    for problem in reply["problems"]:
        assert set(problem) == {"metric", "row", "field", "severity", "begin", "end"}
    standing = {p["metric"] for p in reply["problems"] if p["end"] is None}
    assert verdicts[-1] != health["status"] or standing == {p["metric"] for p in health["problems"]}
    later = client.ask("marks", start=reply["time"])
    assert later["status"] == verdicts[-1]
    assert client.refused("marks", names=[])[0] == "bad_request"


def documented(op: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """An op's request, as its heading has it, and the example of a reply."""
    found = re.search(
        rf"^### `{op}` `(.*)`\n(?s:.*?)^```json\n((?s:.*?))^```", DOCUMENT, re.MULTILINE
    )
    assert found is not None
    request = found[1].replace('"start":T', '"start":0').replace('"end":T', '"end":9e9')
    request = request.replace('"points":N', '"points":10')
    return json.loads(request), json.loads(found[2])


def members(value: Any) -> Any:
    """Which members an object has, and the objects in it; of lists those of the first."""
    if isinstance(value, dict):
        return {name: members(below) for name, below in value.items()}
    return members(value[0]) if isinstance(value, list) and value else None


@pytest.mark.parametrize("op", OPS)
def test_what_the_document_shows_is_taken_by_both_sides(client: PlainClient, op: str) -> None:
    request, example = documented(op)
    wait_for(lambda: client.ask("health")["health"]["checks"]["total"], "no verdict yet")
    door.answer(op, json.dumps(HEAD | example).encode())
    if "time" in request:
        assert client.refused(op, **request)[0] == "not_found", "that was before the record"
        request["time"] = client.ask("ping")["time"]
    reply = client.ask(op, **request)
    assert set(example) <= set(reply)
    if op in ("events", "coverage"):
        [rows] = {"events", "epochs"} & set(example)
        assert set(members(example)[rows]) == set(members(reply)[rows])


def test_the_client_of_the_house_asks_the_same(collector: Running) -> None:
    with CollectorClient(collector.events, collector.state) as client:
        for op in OPS:
            request, _ = documented(op)
            if "time" in request:
                with pytest.raises(ProtocolError, match="the record begins at"):
                    client.request(op, **request)
            else:
                assert client.request(op, timeout=10.0, **request)["host"] == "pi ü"
