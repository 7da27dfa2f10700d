"""`CollectorClient` against a collector that says what the test wants, when it wants it."""

import subprocess
import sys

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

from tests.health_wire.scripted import (
    NEW,
    OLD,
    TIME,
    ScriptedCollector,
    SettableClock,
    kinds,
    updates,
)
from tests.running import ROOT, environment, wait_for


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
        wait_for(lambda: client.receive(0.05) == [] and collector.requests)
        assert client.status == "connecting"
        assert (client.host, client.epoch, client.seq, client.state) == (None, None, 0, {})
        collector.silent = False
        clock.now += 1.0
        client._timeout = 5.0
        assert kinds(updates(client, 2)) == ["Snapshot", "Link"]


def test_drops_what_the_snapshot_already_holds(
    collector: ScriptedCollector, clock: SettableClock
) -> None:
    with CollectorClient(collector.events, collector.state, clock=clock, timeout=5.0) as client:
        collector.wait_subscribed()
        frames = [collector.happen(n) for n in (1, 2, 3)]
        assert kinds(updates(client, 2)) == ["Snapshot", "Link"]
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
    assert found[0] == Gap(OLD, 2, 5, "slow"), "the fifth is in the snapshot, and not told"
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
    # Connected anew by then: it may ask for the state before the event comes, or after.
    expected = (["Link", "Event"], ["Snapshot", "Link"], ["Gap", "Snapshot", "Link"])
    assert kinds(found) in expected
    assert Link("live", pytest.approx(4.1)) in found
    assert client.silent_seconds == 0.0


def test_events_missed_while_it_was_silent_are_a_gap(
    collector: ScriptedCollector, client: CollectorClient, clock: SettableClock
) -> None:
    collector.say(1)
    updates(client, 1)
    collector.happen(2)
    clock.now += 4.0
    assert kinds(client.receive(0.0)) == ["Link"]
    found = updates(client, 3)  # with the snapshot, before any event
    assert kinds(found) == ["Gap", "Snapshot", "Link"]
    assert (found[0].first, found[0].last, client.seq) == (2, 2, 2)
    assert (client.status, client.state) == ("live", {"system": {"value": 2}})
    collector.wait_subscribed()
    collector.say(3)
    assert kinds(updates(client, 1)) == ["Event"]


def test_a_collector_that_answers_while_nothing_happens_there_stays_stale(
    collector: ScriptedCollector, client: CollectorClient, clock: SettableClock
) -> None:
    collector.say(1)
    updates(client, 1)
    for _ in range(3):
        clock.now += 4.0
        asked = len(collector.requests)
        wait_for(lambda n=asked: client.receive(0.05) is not None and len(collector.requests) > n)
        assert client.status == "stale"
    collector.wait_subscribed()
    collector.say(2)
    assert kinds(updates(client, 2)) == ["Link", "Event"]


def test_requests_are_answered_or_time_out(
    collector: ScriptedCollector, client: CollectorClient
) -> None:
    assert client.request("snapshot", id=5)["ok"] is True
    assert collector.requests[-1] == {"op": "snapshot", "id": 5}
    collector.silent = True
    with pytest.raises(CollectorTimeout, match=r"did not answer within 0\.05 s"):
        client.request("ping", timeout=0.05)
    collector.silent = False
    assert client.request("snapshot")["ok"] is True


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        (b'{"ok":false,"error":"busy","message":"later"}', protocol.BUSY, "later"),
        (b'{"ok":false}', protocol.INTERNAL, "without 'error'"),
        (b'{"ok":1}', protocol.INTERNAL, "neither ok nor an error"),
        (b"{", protocol.INTERNAL, "not JSON"),
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
