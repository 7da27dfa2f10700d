"""`CollectorClient` and what no collector should send."""

import json
from typing import Any

import pytest
from health_wire import CollectorClient, Link, ProtocolError

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


def told(client: CollectorClient) -> Link:
    """The word that the collector is left alone."""
    return next(update for update in updates(client, 1) if isinstance(update, Link))


def rested(client: CollectorClient, clock: SettableClock, seconds: float = 1.0) -> list[Any]:
    """What comes after the rest."""
    assert client.receive(0.0) == []
    with pytest.raises(ProtocolError, match="left alone, because it sends"):
        client.request("snapshot")
    clock.now += seconds
    return updates(client, 1)


@pytest.mark.parametrize("frames", [*GARBAGE, *WRONG_MEMBERS], ids=lambda f: str(f)[:40])
def test_garbage_changes_nothing_and_costs_who_sends_it_a_rest(
    collector: ScriptedCollector,
    client: CollectorClient,
    clock: SettableClock,
    frames: list[bytes] | dict[str, Any],
) -> None:
    if isinstance(frames, dict):
        frames = collector.frames(1, 666, **frames)
    collector.pub.send_multipart(frames)
    fault = told(client).fault
    assert fault == client.fault
    assert fault is not None
    assert fault.startswith("sends what is not of the protocol: ")
    assert client.state == {"system": {}}
    collector.happen(7)
    assert rested(client, clock)
    assert client.fault is None
    assert client.status == "live"
    assert client.state == {"system": {"value": 7}}


@pytest.mark.parametrize(
    "members",
    [
        {"data": nested(400)},
        {"data": nested(800)},
        {"name": ".updated"},
        {"name": "a" + ".a" * 100 + ".updated"},
        {"name": "system.value.below.updated"},
    ],
    ids=["deep", "deeper", "no path", "long path", "below a value"],
)
def test_what_cannot_be_applied_leads_back_to_the_collectors_state(
    collector: ScriptedCollector,
    client: CollectorClient,
    clock: SettableClock,
    members: dict[str, Any],
) -> None:
    collector.say(1)
    updates(client, 1)
    collector.seq += 1
    collector.pub.send_multipart(collector.frames(2, 0, **members))
    assert told(client).fault
    collector.happen(3)
    rested(client, clock)
    assert (client.seq, client.state) == (3, {"system": {"value": 3}})


def test_who_goes_on_is_left_alone_for_longer(
    collector: ScriptedCollector, client: CollectorClient, clock: SettableClock
) -> None:
    for number, seconds in enumerate((1.0, 2.0, 4.0), 1):
        collector.pub.send_multipart([b"x"])
        while told(client).fault is None:
            pass
        clock.now += seconds - 0.1
        assert all(isinstance(update, Link) for update in client.receive(0.0)), "stale, at most"
        clock.now += 0.1
        client.receive(0.0)
        collector.wait_subscribed()
        collector.say(number)
        wait_for(lambda: client.receive(0.05) and client.fault is None)


def test_a_flood_is_a_fault(collector: ScriptedCollector, client: CollectorClient) -> None:
    large = "x" * 8000
    for number in range(1, 1200):
        collector.seq = number
        data = {str(n): large for n in range(100)}
        collector.pub.send_multipart(collector.frames(number, 0, data=data))
        if any(isinstance(u, Link) and u.fault for u in client.receive(0.0)):
            break
    assert client.fault is not None
    assert "2 MiB or 4096 events a second" in client.fault
    assert number > 10


def test_ever_new_paths_are_a_fault(collector: ScriptedCollector, client: CollectorClient) -> None:
    for number in range(1, 2500):
        collector.pub.send_multipart(collector.frames(number, 0, name=f"system.a{number}.updated"))
        if number % 100 == 0:
            client.receive(0.01)
    wait_for(lambda: client.receive(0.05) is not None and client.fault)
    assert "a state of more than 2000 paths" in (client.fault or "")


def test_so_are_ever_new_epochs(collector: ScriptedCollector, client: CollectorClient) -> None:
    for number in range(60):
        epoch = f"{number:032x}"
        collector.pub.send_multipart(collector.frames(1, 0, epoch=epoch))
    wait_for(lambda: client.receive(0.05) is not None and client.fault)
    assert "epochs at once" in (client.fault or "")


def test_a_reply_that_is_none_is_a_fault_too(
    collector: ScriptedCollector, client: CollectorClient, clock: SettableClock
) -> None:
    collector.answer = b'{"ok":true}'
    with pytest.raises(ProtocolError, match="'host'"):
        client.request("describe")
    assert told(client).fault is not None
    collector.answer = None
    rested(client, clock)
    assert client.fault is None


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
