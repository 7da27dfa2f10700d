"""PROTOCOL.md, op by op, with a client that shares no code with the project."""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import zmq

from tests.running import Running, start_collector

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
UNITS = {"percent", "count", "bytes", "bytes_per_second", "bits_per_second", "per_second",
         "seconds", "celsius", "hertz", "volts", "rpm"}  # fmt: skip


def strictly(frame: bytes) -> dict[str, Any]:
    """A JSON object: UTF-8, no NaN, no Infinity, no name twice."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len({name for name, _ in pairs}) == len(pairs), "a name stands twice"
        return dict(pairs)

    value = json.loads(frame.decode("utf-8"), parse_constant=refuse, object_pairs_hook=once)
    assert isinstance(value, dict)
    return value


class PlainClient:
    """A SUB and a REQ, and nothing else."""

    def __init__(self, collector: Running) -> None:
        self.context = zmq.Context()
        self.sub = self.context.socket(zmq.SUB)
        self.req = self.context.socket(zmq.REQ)
        for socket in (self.sub, self.req):
            socket.linger = 0
            socket.rcvtimeo = 5000
        self.sub.connect(collector.events)
        self.req.connect(collector.state)

    def close(self) -> None:
        self.sub.close()
        self.req.close()
        self.context.term()

    def send(self, frame: bytes) -> dict[str, Any]:
        self.req.send(frame)
        return strictly(self.req.recv())

    def ask(self, op: str, /, **members: Any) -> dict[str, Any]:
        reply = self.send(json.dumps({"op": op, **members}).encode())
        assert reply["ok"] is True, reply
        assert reply["v"] == 1
        assert re.fullmatch("[0-9a-f]{32}", reply["epoch"])
        assert isinstance(reply["seq"], int)
        assert TIME.fullmatch(reply["time"])
        return reply

    def refused(self, op: str, /, **members: Any) -> tuple[str, str]:
        reply = self.send(json.dumps({"op": op, **members}).encode())
        assert reply["ok"] is False
        assert reply["v"] == 1
        return reply["error"], reply["message"]

    def event(self) -> dict[str, Any]:
        topic, body = self.sub.recv_multipart()
        event = strictly(body)
        assert topic.decode() == event["name"]
        return event


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("protocol")
    with start_collector(folder, "--interval", "0.2", "--host-id", "pi ü") as collector:
        yield collector


@pytest.fixture
def client(collector: Running) -> Iterator[PlainClient]:
    client = PlainClient(collector)
    yield client
    client.close()


def replaces(name: str) -> str | None:
    """The one rule by which events become state."""
    if name == "system.identity":
        return name
    return name.removesuffix(".updated") if name.endswith(".updated") else None


def test_events(client: PlainClient) -> None:
    client.sub.subscribe(b"")
    events = [client.event() for _ in range(80)]
    assert [e["seq"] for e in events] == list(
        range(events[0]["seq"], events[0]["seq"] + len(events))
    )
    for event in events:
        assert list(event) == ["v", "host", "epoch", "seq", "time", "name", "data"]
        assert (event["v"], event["host"]) == (1, "pi ü")
        assert TIME.fullmatch(event["time"])
    beats = [e["data"] for e in events if e["name"] == "collector.heartbeat"]
    assert all(set(b) == {"monotonic_seconds", "uptime_seconds"} for b in beats)
    assert any(e["name"].startswith("system.") for e in events)


def test_a_subscription_is_a_prefix(client: PlainClient) -> None:
    client.sub.subscribe(b"system.cpu")
    assert {client.event()["name"] for _ in range(5)} == {"system.cpu.usage.updated"}


def test_joining_late_without_a_gap(client: PlainClient) -> None:
    client.sub.subscribe(b"")
    client.event()  # the subscription is in force
    snapshot = client.ask("snapshot")
    state, seq = snapshot["state"], snapshot["seq"]
    for _ in range(60):
        event = client.event()
        assert event["epoch"] == snapshot["epoch"]
        if event["seq"] <= snapshot["seq"]:
            continue
        assert event["seq"] == seq + 1
        seq = event["seq"]
        path = replaces(event["name"])
        if path is not None:
            *above, last = path.split(".")
            node = state
            for part in above:
                node = node.setdefault(part, {})
            node[last] = event["data"]
    again = client.ask("snapshot")
    while again["seq"] < seq:  # an event is heard a moment before it stands in the state
        again = client.ask("snapshot")
    while seq < again["seq"]:
        event = client.event()
        seq = event["seq"]
        path = replaces(event["name"])
        if path is not None:
            *above, last = path.split(".")
            node = state
            for part in above:
                node = node.setdefault(part, {})
            node[last] = event["data"]
    assert state == again["state"]


def test_ping(client: PlainClient) -> None:
    reply = client.ask("ping")
    assert isinstance(reply["version"], str)
    assert reply["uptime_seconds"] > 0
    assert reply["mode"] == "live"
    assert client.ask("ping", id="x")["id"] == "x"


def test_get(client: PlainClient) -> None:
    state = client.ask("snapshot")["state"]
    assert set(client.ask("get", path="system.memory.usage")["value"]) == set(
        state["system"]["memory"]["usage"]
    )
    assert client.refused("get", path="system.nothing")[0] == "not_found"


def check_fields(fields: list[dict[str, Any]]) -> None:
    for field in fields:
        members = {"name", "kind", "doc", "label"}
        more = {
            "gauge": {"unit", "history"},
            "text": set(),
            "time": set(),
            "flag": {"advice"},
            "rows": {"fields"},
        }[field["kind"]]
        assert set(field) == members | more, field
        if field["kind"] == "gauge":
            assert field["unit"] in UNITS
            assert isinstance(field["history"], bool)
        if field["kind"] == "rows":
            assert "key" in {inner["name"] for inner in field["fields"]}
            check_fields(field["fields"])


def test_describe(client: PlainClient) -> None:
    reply = client.ask("describe")
    assert isinstance(reply["title"], str)
    assert reply["history"] == [
        {"seconds": 300, "resolution_seconds": None},
        {"seconds": 3600, "resolution_seconds": 10},
    ]
    state = client.ask("snapshot")["state"]
    assert len(reply["metrics"]) >= 8
    for metric in reply["metrics"]:
        assert set(metric) == {
            "name", "title", "event", "state", "interval", "on_change", "status", "fields", "rules",
            "card", "charts",
        }  # fmt: skip
        assert set(metric["status"]) == {"status", "reason", "since"}
        assert metric["status"]["status"] in (
            "waiting", "ok", "unavailable", "denied", "failing"
        )  # fmt: skip
        check_fields(metric["fields"])
        for rule in metric["rules"]:
            judged = {"warning", "critical", "advice"}
            thresholds = judged if rule["kind"] != "raised" else {"severity", "critical_rows"}
            assert rule["kind"] in ("above", "below", "raised")
            assert set(rule) == {"kind", "field", "rows"} | thresholds
        more = {
            "figures": {"lines", "bar"},
            "table": {"rows", "columns", "bar", "lines"},
            "flags": {"now", "since_boot", "lines"},
            "facts": {"lines"},
        }[metric["card"]["kind"]]
        assert set(metric["card"]) == {"kind", "title"} | more
        for chart in metric["charts"]:
            assert chart["kind"] == "lines"
            assert set(chart) == {"kind", "title", "series", "rows", "range", "stacked"}
        if metric["status"]["status"] == "ok":
            data = state
            for part in metric["state"].split("."):
                data = data[part]
            assert set(data) == {field["name"] for field in metric["fields"]}


def promised(metric: dict[str, Any], data: dict[str, Any]) -> Iterator[str]:
    """The names of a metric's series, as the document makes them of fields and keys."""
    for field in metric["fields"]:
        if field["kind"] == "gauge" and field["history"] and data.get(field["name"]) is not None:
            yield f"{metric['state']}.{field['name']}"
        for row in (data.get(field["name"]) or ()) if field["kind"] == "rows" else ():
            for inner in field["fields"]:
                if inner["kind"] == "gauge" and inner["history"] and row[inner["name"]] is not None:
                    yield f"{metric['state']}.{field['name']}[{row['key']}].{inner['name']}"


def test_history(client: PlainClient) -> None:
    names = ["system.cpu.usage.user", "system.memory.usage.used_percent"]
    reply = client.ask("history", series=names)
    assert list(reply["series"]) == names
    for columns in reply["series"].values():
        assert set(columns) == {"t", "min", "avg", "max"}
        assert len({len(column) for column in columns.values()}) == 1
        assert columns["t"] == sorted(columns["t"])
        assert columns["t"][-1] > 1_600_000_000
    [only] = client.ask("history", series=names[0])["series"].values()
    start = only["t"][-1]
    later = client.ask("history", series=names[0], start=start, points=2)["series"][names[0]]
    assert len(later["t"]) <= 2
    assert later["t"][0] >= start
    for metric in client.ask("describe")["metrics"]:  # every series that the catalogue promises
        data = client.ask("get", path=metric["state"])["value"] if metric["status"][
            "status"] == "ok" else {}  # fmt: skip
        for series in promised(metric, data):
            assert client.ask("history", series=series)["series"][series]["t"], series
    assert client.refused("history", series="system.cpu.usage.nothing")[0] == "not_found"
    assert client.refused("history", series=names[0], points=0)[0] == "bad_request"


def test_health(client: PlainClient) -> None:
    health = client.ask("health")["health"]
    assert set(health) == {"status", "summary", "problems", "checks"}
    assert health["status"] in ("healthy", "warning", "critical", "unknown")
    assert set(health["checks"]) == {"known", "total", "not_applicable"}
    for problem in health["problems"]:
        assert set(problem) == {
            "metric", "rows", "row", "field", "value", "value_at_onset", "threshold", "severity",
            "since", "subject", "reason",
        }  # fmt: skip


@pytest.mark.parametrize(
    ("frame", "error"),
    [
        (b"", "bad_request"),
        (b"not JSON", "bad_request"),
        (b"\xff\xfe", "bad_request"),
        (b"[]", "bad_request"),
        (b"{}", "bad_request"),
        (b'{"op":"nonsense"}', "unknown_op"),
        (b'{"op":"get","path":["a"]}', "bad_request"),
        (b'{"op":"get","path":NaN}', "bad_request"),
        (b'{"op":"get","path":"a.b.c"}', "not_found"),
        (b"[" * 65_000, "bad_request"),
        (b" " * 65_536, "bad_request"),
    ],
)
def test_bad_input_gets_an_error(client: PlainClient, frame: bytes, error: str) -> None:
    reply = client.send(frame)
    assert (reply["ok"], reply["v"], reply["error"]) == (False, 1, error)
    assert reply["message"]
    assert client.ask("ping")["ok"] is True


def test_extra_frames_get_an_error(client: PlainClient) -> None:
    client.req.send_multipart([b'{"op":"ping"}', b"more"])
    assert strictly(client.req.recv())["error"] == "bad_request"


def test_a_frame_over_64_kib_ends_nothing_but_the_link(
    client: PlainClient, collector: Running
) -> None:
    client.req.rcvtimeo = 300
    client.req.send(b" " * 65_537)
    with pytest.raises(zmq.Again):
        client.req.recv()
    assert collector.request("ping")["ok"] is True


def test_requests_cost_bounded_memory(collector: Running) -> None:
    def resident() -> int:
        status = Path(f"/proc/{collector.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1])  # type: ignore[index]

    def ask_much(times: int) -> None:
        for _ in range(times):  # of one connection, more would be too much
            client = PlainClient(collector)
            client.send(b"[" * 65_000)
            client.refused("get", path="x" * 60_000)
            client.close()

    ask_much(50)
    before = resident()
    ask_much(100)
    assert resident() - before < 4096, "kibibytes"


@pytest.fixture
def dealer(collector: Running) -> Iterator[zmq.Socket[bytes]]:
    with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
        socket.linger = 0
        socket.rcvtimeo = 10_000
        socket.connect(collector.state)
        yield socket


PING = b'{"op":"ping","id":1}'


def test_a_dealer_sends_a_delimiter_and_without_one_is_not_heard(
    dealer: zmq.Socket[bytes],
) -> None:
    dealer.send(PING)
    dealer.send_multipart([b"", PING.replace(b"1", b"2")])
    empty, reply = dealer.recv_multipart()
    assert empty == b""
    assert strictly(reply)["id"] == 2


def test_a_client_may_have_several_requests_under_way(dealer: zmq.Socket[bytes]) -> None:
    for number in range(9):
        dealer.send_multipart([b"", json.dumps({"op": "ping", "id": number}).encode()])
    replies = [strictly(dealer.recv_multipart()[1]) for _ in range(9)]
    assert {reply["id"] for reply in replies} == set(range(9))


def test_a_frame_that_is_too_long_ends_the_connection_without_a_reply(
    dealer: zmq.Socket[bytes],
) -> None:
    dealer.send_multipart([b"", PING])
    assert strictly(dealer.recv_multipart()[1])["id"] == 1
    dealer.send_multipart([b"", b'{"op":"ping","id":"' + b"x" * 65536 + b'"}'])
    dealer.rcvtimeo = 200
    for number in range(50):  # what is sent before the new connection stands may be lost
        dealer.send_multipart([b"", json.dumps({"op": "ping", "id": number}).encode()])
        with suppress(zmq.Again):
            assert strictly(dealer.recv_multipart()[1])["id"] <= number
            return
    raise AssertionError("it did not connect anew")
