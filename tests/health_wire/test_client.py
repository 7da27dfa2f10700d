"""`CollectorClient` against a collector that says what the test wants, when it wants it."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import zmq
from health_wire import (
    CollectorClient,
    CollectorTimeout,
    Event,
    Gap,
    Link,
    ProtocolError,
    Snapshot,
    protocol,
)

from tests.running import ROOT, environment, wait_for

OLD, NEW = "0" * 32, "1" * 32
TIME = "2026-01-01T12:00:00.000Z"


class ScriptedCollector:
    """A PUB and a ROUTER on loopback; each reply is what `replies` or `snapshot` holds."""

    def __init__(self) -> None:
        self.context = zmq.Context()
        self.pub = self.context.socket(zmq.XPUB)  # which tells when a subscription has come
        self.router = self.context.socket(zmq.ROUTER)
        self.pub.setsockopt(zmq.XPUB_VERBOSER, 1)  # of each, and not only of the first
        self.pub.linger = self.router.linger = 0
        self.pub.bind("tcp://127.0.0.1:0")
        self.router.bind("tcp://127.0.0.1:0")
        self.events = self.pub.getsockopt_string(zmq.LAST_ENDPOINT).rstrip("\0")
        self.state = self.router.getsockopt_string(zmq.LAST_ENDPOINT).rstrip("\0")
        self.epoch, self.seq = OLD, 0
        self.values: dict[str, Any] = {}
        self.silent = False  # no answer to requests
        self.answer: bytes | None = None  # instead of a snapshot
        self.requests: list[dict[str, Any]] = []
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        self._ending.set()
        self._thread.join()
        self.pub.close()
        self.router.close()
        self.context.term()

    def _serve(self) -> None:
        while not self._ending.is_set():
            if not self.router.poll(20):
                continue
            client, _, request = self.router.recv_multipart()
            self.requests.append(json.loads(request))
            if not self.silent:
                self.router.send_multipart([client, b"", self.answer or self.snapshot()])

    def snapshot(self) -> bytes:
        reply = {"ok": True, "v": 1, "host": "pi", "epoch": self.epoch, "seq": self.seq}
        return json.dumps(reply | {"time": TIME, "state": {"system": self.values}}).encode()

    def wait_subscribed(self) -> None:
        wait_for(lambda: self.pub.poll(10) and self.pub.recv() == b"\x01", "nobody subscribed")

    def happen(self, value: int) -> list[bytes]:
        """An event happens: state and sequence number move on. Returns its frames, unsent."""
        self.seq += 1
        self.values = {"value": value}
        return self.frames(self.seq, value)

    def frames(self, seq: int, value: Any, /, **members: Any) -> list[bytes]:
        body = {"v": 1, "host": "pi", "epoch": self.epoch, "seq": seq, "time": TIME}
        body |= {"name": "system.updated", "data": {"value": value}} | members
        return [b"system.updated", json.dumps(body).encode()]

    def say(self, value: int) -> None:
        self.pub.send_multipart(self.happen(value))


class SettableClock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def collector() -> Iterator[ScriptedCollector]:
    scripted = ScriptedCollector()
    yield scripted
    scripted.close()


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def client(collector: ScriptedCollector, clock: SettableClock) -> Iterator[CollectorClient]:
    """A client that has joined: its state is the collector's."""
    with CollectorClient(collector.events, collector.state, clock=clock, timeout=5.0) as joined:
        collector.wait_subscribed()
        first, live = joined.receive(5.0)
        assert isinstance(first, Snapshot)
        assert live == Link("live", 0.0)
        yield joined


def updates(client: CollectorClient, count: int) -> list[Any]:
    found: list[Any] = []

    def enough() -> bool:
        found.extend(client.receive(0.05))
        return len(found) >= count

    wait_for(enough, f"no {count} updates")
    return found


def kinds(found: list[Any]) -> list[str]:
    return [type(update).__name__ for update in found]


def test_follows_from_snapshot_to_events(
    collector: ScriptedCollector, client: CollectorClient
) -> None:
    assert (client.host, client.epoch, client.seq) == ("pi", OLD, 0)
    collector.say(7)
    [event] = updates(client, 1)
    assert event == Event("pi", OLD, 1, TIME, "system.updated", {"value": 7})
    assert client.state == {"system": {"value": 7}}
    assert client.seq == 1
    assert collector.requests == [{"op": "snapshot"}]


def test_says_connecting_before_the_first_snapshot(
    collector: ScriptedCollector, clock: SettableClock
) -> None:
    collector.silent = True
    with CollectorClient(collector.events, collector.state, clock=clock, timeout=0.05) as client:
        assert client.receive(0.0) == []
        assert client.status == "connecting"
        assert (client.host, client.epoch, client.seq, client.state) == (None, None, 0, {})
        collector.silent = False
        clock.now += 1.0
        client._timeout = 5.0
        assert kinds(client.receive(0.0)) == ["Snapshot", "Link"]


def test_drops_what_the_snapshot_already_holds(
    collector: ScriptedCollector, clock: SettableClock
) -> None:
    with CollectorClient(collector.events, collector.state, clock=clock, timeout=5.0) as client:
        collector.wait_subscribed()
        frames = [collector.happen(n) for n in (1, 2, 3)]
        assert kinds(client.receive(0.0)) == ["Snapshot", "Link"]
        assert client.seq == 3
        for frame in frames:
            collector.pub.send_multipart(frame)
        collector.say(4)
        assert [update.seq for update in updates(client, 1)] == [4]
        assert client.state == {"system": {"value": 4}}


def test_joins_without_a_gap_when_the_snapshot_came_before_the_subscription(
    collector: ScriptedCollector, client: CollectorClient
) -> None:
    """The first event may be later than the snapshot's: nothing was promised in between."""
    collector.happen(1)  # before the subscription had arrived
    collector.say(2)
    found = updates(client, 1)
    assert kinds(found) == ["Snapshot"]
    assert (client.seq, client.state) == (2, {"system": {"value": 2}})


def test_reports_a_gap_and_starts_again(
    collector: ScriptedCollector, client: CollectorClient
) -> None:
    collector.say(1)
    updates(client, 1)
    for lost in (2, 3, 4):
        collector.happen(lost)
    collector.say(5)
    found = updates(client, 2)
    assert found[0] == Gap(OLD, 2, 4, "lost")
    assert kinds(found) == ["Gap", "Snapshot"]
    assert (client.seq, client.state) == (5, {"system": {"value": 5}})
    collector.say(6)
    assert kinds(updates(client, 1)) == ["Event"]


def test_applies_the_event_after_a_gap_when_the_snapshot_is_older(
    collector: ScriptedCollector, client: CollectorClient
) -> None:
    """An event is published before the state that it makes is committed."""
    collector.say(1)
    updates(client, 1)
    collector.happen(2)
    third = collector.frames(3, 3)
    collector.pub.send_multipart(third)
    found = updates(client, 3)
    assert kinds(found) == ["Gap", "Snapshot", "Event"]
    assert (client.seq, client.state) == (3, {"system": {"value": 3}})


def test_a_new_epoch_starts_again(collector: ScriptedCollector, client: CollectorClient) -> None:
    collector.say(1)
    updates(client, 1)
    collector.epoch, collector.seq = NEW, 10
    collector.say(7)
    found = updates(client, 2)
    assert found[0] == Gap(OLD, 2, None, "restart")
    assert kinds(found) == ["Gap", "Snapshot"]
    assert (client.epoch, client.seq, client.state) == (NEW, 11, {"system": {"value": 7}})


def test_a_new_epoch_is_told_also_when_its_snapshot_comes_late(
    collector: ScriptedCollector, client: CollectorClient, clock: SettableClock
) -> None:
    collector.say(1)
    updates(client, 1)
    collector.epoch, collector.seq = NEW, 0
    collector.silent = True
    client._timeout = 0.05
    collector.say(5)
    wait_for(lambda: client.receive(0.05) == [] and len(collector.requests) >= 2)
    collector.silent = False
    client._timeout = 5.0
    clock.now += 1.0
    found = updates(client, 2)
    assert found[0] == Gap(OLD, 2, None, "restart")
    assert kinds(found) == ["Gap", "Snapshot"]


def test_stragglers_of_an_old_epoch_change_nothing(
    collector: ScriptedCollector, client: CollectorClient
) -> None:
    collector.say(1)
    updates(client, 1)
    straggler = collector.frames(2, 666)
    collector.epoch, collector.seq = NEW, 0
    collector.say(7)
    updates(client, 2)
    asked = len(collector.requests)
    collector.pub.send_multipart(straggler)
    collector.say(8)
    assert [update.data for update in updates(client, 1)] == [{"value": 8}]
    assert client.epoch == NEW
    assert len(collector.requests) == asked


def test_a_straggler_seen_first_leads_to_no_gap(
    collector: ScriptedCollector, client: CollectorClient
) -> None:
    collector.say(1)
    updates(client, 1)
    older = collector.frames(99, 666, epoch="f" * 32)
    collector.pub.send_multipart(older)
    assert kinds(updates(client, 1)) == ["Snapshot"]
    collector.pub.send_multipart(older)
    collector.say(2)
    assert kinds(updates(client, 1)) == ["Event"]
    assert client.state == {"system": {"value": 2}}
    assert len(collector.requests) == 2


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
        assert client.receive(0.0) == []
        assert client.status == "connecting"
        collector.answer = None
        clock.now += 1.0
        assert kinds(client.receive(0.0)) == ["Snapshot", "Link"]


def test_silence_is_told_once_and_its_end_too(
    collector: ScriptedCollector, client: CollectorClient, clock: SettableClock
) -> None:
    clock.now += 2.9
    assert client.receive(0.0) == []
    clock.now += 0.2
    [stale] = client.receive(0.0)
    assert stale == Link("stale", pytest.approx(3.1))
    assert client.status == "stale"
    assert client.silent_seconds == pytest.approx(3.1)
    clock.now += 1.0
    assert client.receive(0.0) == []
    collector.wait_subscribed()
    collector.say(5)
    found = updates(client, 2)
    assert found[0] == Link("live", pytest.approx(4.1))
    assert kinds(found) == ["Link", "Event"]
    assert client.silent_seconds == 0.0


def test_events_missed_while_it_was_silent_are_a_gap(
    collector: ScriptedCollector, client: CollectorClient, clock: SettableClock
) -> None:
    collector.say(1)
    updates(client, 1)
    collector.happen(2)
    clock.now += 4.0
    assert kinds(client.receive(0.0)) == ["Link"]
    collector.wait_subscribed()
    collector.say(3)
    assert kinds(updates(client, 3)) == ["Link", "Gap", "Snapshot"]
    assert client.seq == 3


def test_requests_are_answered_or_time_out(
    collector: ScriptedCollector, client: CollectorClient
) -> None:
    assert client.request("snapshot", id=5)["ok"] is True
    assert collector.requests[-1] == {"op": "snapshot", "id": 5}
    collector.silent = True
    with pytest.raises(CollectorTimeout, match=r"did not answer within 0\.05 s"):
        client.request("ping", timeout=0.05)
    collector.silent = False
    assert client.request("ping")["ok"] is True


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        (b'{"ok":false,"error":"busy","message":"later"}', protocol.BUSY, "later"),
        (b'{"ok":false}', protocol.INTERNAL, "no reason given"),
        (b'{"ok":1}', protocol.INTERNAL, "no reason given"),
        (b"{", protocol.BAD_REQUEST, "not JSON"),
    ],
)
def test_a_refusal_is_an_error(
    collector: ScriptedCollector, client: CollectorClient, answer: bytes, error: str, message: str
) -> None:
    collector.answer = answer
    with pytest.raises(ProtocolError, match=message) as caught:
        client.request("ping")
    assert caught.value.error == error


@pytest.mark.parametrize("endpoint", ["", "nonsense", "tcp://", "tcp://127.0.0.1:notaport"])
def test_what_is_no_endpoint_is_refused(collector: ScriptedCollector, endpoint: str) -> None:
    with pytest.raises(ValueError, match="cannot connect to"):
        CollectorClient(endpoint, collector.state)
    with pytest.raises(ValueError, match="cannot connect to"):
        CollectorClient(collector.events, endpoint)


def test_iterates_until_it_is_closed(collector: ScriptedCollector) -> None:
    client = CollectorClient(collector.events, collector.state)
    first = next(iter(client))
    assert isinstance(first, Snapshot)
    client.close()
    assert list(client) == []


def test_a_given_context_stays_open(collector: ScriptedCollector) -> None:
    with zmq.Context() as context:
        CollectorClient(collector.events, collector.state, context=context).close()
        assert not context.closed


GREEN = """
import gevent, sys, zmq.green
from health_wire import CollectorClient, Snapshot
ticks = 0
def tick():
    global ticks
    while True:
        ticks += 1
        gevent.sleep(0.005)
gevent.spawn(tick)
with CollectorClient(sys.argv[1], sys.argv[2], context=zmq.green.Context()) as client:
    found = [u for _ in range(5) for u in client.receive(0.1)]
assert isinstance(found[0], Snapshot), found
assert ticks >= 20, f"the client kept the other greenlets waiting: {ticks}"
assert "bussdcc" not in sys.modules and "psutil" not in sys.modules
"""


def test_yields_to_other_greenlets(collector: ScriptedCollector) -> None:
    pytest.importorskip("gevent")
    done = subprocess.run(
        [sys.executable, "-c", GREEN, collector.events, collector.state],
        env=environment(), cwd=ROOT, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def test_needs_nothing_but_pyzmq() -> None:
    """A host with only the web UI has no bussdcc and no psutil; a third party has neither."""
    blocked = "".join(
        f"sys.modules[{name!r}] = None; "
        for name in ("bussdcc", "psutil", "flask", "gevent", "health_collectord", "health_webui")
    )
    code = f"import sys; {blocked}import health_wire, health_wire.settings, health_wire.tree"
    subprocess.run([sys.executable, "-c", code], env=environment(), check=True, timeout=30)
