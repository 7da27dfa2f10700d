"""`CollectorClient` and what no collector should send."""

import json
from typing import Any

import pytest
from health_wire import CollectorClient

from tests.health_wire.scripted import ScriptedCollector, SettableClock, kinds, updates
from tests.running import wait_for

GARBAGE: list[list[bytes]] = [
    [b"one frame"],
    [b"a", b"b", b"c"],
    [b"x", b"not JSON"],
    [b"x", b"\xff\xfe"],
    [b"x", b"[]"],
    [b"x", b"{}"],
    [b"x", b'{"a":NaN}'],
    [b"x", b""],
    [b"x", b"[" * 10_000],
    [b"x", b'{"v":1,"a":' * 5000],
]
WRONG_MEMBERS: list[dict[str, Any]] = [
    {"v": 2}, {"v": "1"}, {"v": None}, {"v": True + 1}, {"host": 3}, {"epoch": None}, {"seq": "5"},
    {"seq": -1}, {"seq": 1.5}, {"seq": True}, {"seq": None}, {"time": 3}, {"name": ["x"]},
]  # fmt: skip


def nested(depth: int) -> Any:
    value: Any = 0
    for _ in range(depth):
        value = {"a": value}
    return value


def test_garbage_changes_nothing(collector: ScriptedCollector, client: CollectorClient) -> None:
    for frames in GARBAGE:
        collector.pub.send_multipart(frames)
    for members in WRONG_MEMBERS:
        collector.pub.send_multipart(collector.frames(1, 666, **members))
    collector.say(7)
    assert [update.seq for update in updates(client, 1)] == [1]
    assert client.state == {"system": {"value": 7}}


@pytest.mark.parametrize(
    "members",
    [
        {"data": nested(400)},
        {"data": nested(800)},
        {"name": ".updated"},
        {"name": "a" + ".a" * 1000 + ".updated"},
        {"name": "system.value.below.updated"},
    ],
    ids=["deep", "deeper", "no path", "long path", "below a value"],
)
def test_what_cannot_be_applied_leads_back_to_the_collectors_state(
    collector: ScriptedCollector, client: CollectorClient, members: dict[str, Any]
) -> None:
    collector.say(1)
    updates(client, 1)
    collector.seq += 1
    collector.pub.send_multipart(collector.frames(2, 0, **members))
    collector.say(3)
    wait_for(lambda: client.receive(0.05) is not None and client.seq == 3)
    assert client.state == {"system": {"value": 3}}


@pytest.mark.parametrize(
    "reply",
    [
        b"not JSON",
        b"[]",
        b"{}",
        b'{"ok":false,"error":"busy","message":"later"}',
        b'{"ok":true}',
        b'{"ok":true,"host":"pi","epoch":"0","seq":-1,"time":"","state":{}}',
        b'{"ok":true,"host":"pi","epoch":"0","seq":1,"time":"","state":[]}',
        json.dumps({"ok": True, "host": "pi", "epoch": "0", "seq": 1, "time": ""}
                   | {"state": nested(800)}).encode(),
    ],
)  # fmt: skip
def test_a_snapshot_that_is_none_is_asked_for_again(
    collector: ScriptedCollector, clock: SettableClock, reply: bytes
) -> None:
    collector.answer = reply
    with CollectorClient(collector.events, collector.state, clock=clock, timeout=5.0) as client:
        wait_for(lambda: client.receive(0.05) == [] and collector.requests)
        assert client.status == "connecting"
        collector.answer = None
        clock.now += 1.0
        assert kinds(updates(client, 2)) == ["Snapshot", "Link"]
