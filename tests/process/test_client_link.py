"""`CollectorClient` and the real daemon: stopped, killed, started anew."""

import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from health_wire import CollectorClient, Event, Gap, Link, Snapshot, Update

from tests.running import start_collector, wait_for


class Follower:
    """A client and everything that it said."""

    def __init__(self, client: CollectorClient) -> None:
        self.client = client
        self.updates: list[Update] = []

    def until(self, condition: Callable[[], object], timeout: float = 15.0) -> list[Update]:
        """What comes until the condition holds."""
        first = len(self.updates)

        def holds() -> object:
            self.updates += self.client.receive(0.1)
            return condition()

        wait_for(holds, "the condition", timeout)
        return self.updates[first:]

    def count(self, kind: type) -> int:
        return sum(isinstance(update, kind) for update in self.updates)


def test_a_stopped_collector_is_stale_after_three_seconds_and_comes_back(tmp_path: Path) -> None:
    with (
        start_collector(tmp_path) as collector,
        CollectorClient(collector.events, collector.state) as client,
    ):
        follower = Follower(client)
        follower.until(lambda: follower.count(Event) > 5)
        assert client.status == "live"
        collector.send(signal.SIGSTOP)
        state = client.state
        silence = follower.until(lambda: client.status == "stale", 5.0)
        [stale] = [update for update in silence if isinstance(update, Link)]
        assert 3.0 <= stale.silent_seconds < 4.0
        assert client.state is not None
        assert state.keys() == client.state.keys()  # what is shown stays, and is said to be old
        collector.send(signal.SIGCONT)
        back = follower.until(lambda: client.status == "live" and follower.count(Event) > 20)
        assert any(isinstance(update, Link) and update.status == "live" for update in back)
        assert client.epoch == collector.request("ping")["epoch"]
        reply = collector.request("snapshot")
        follower.until(lambda: client.seq >= reply["seq"])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_new_start_is_a_new_epoch(tmp_path: Path, number: signal.Signals) -> None:
    with start_collector(tmp_path) as first, CollectorClient(first.events, first.state) as client:
        follower = Follower(client)
        follower.until(lambda: follower.count(Event) > 5)
        old, endpoints = client.epoch, (first.events, first.state)
        first.stop(number)
        follower.until(lambda: client.receive(0.1) == [])
        seq = client.seq
        with start_collector(tmp_path, "--events", endpoints[0], "--state", endpoints[1]) as second:
            news = follower.until(lambda: client.epoch != old and follower.count(Snapshot) >= 2)
            gap = next(update for update in news if isinstance(update, Gap))
            assert gap == Gap(str(old), seq + 1, None, "restart")
            assert client.epoch == second.request("ping")["epoch"]
            follower.until(lambda: isinstance(follower.updates[-1], Event))
            assert client.status == "live"


def test_it_may_be_started_before_the_collector(tmp_path: Path) -> None:
    with start_collector(tmp_path) as first:
        endpoints = first.events, first.state
    with CollectorClient(*endpoints, timeout=0.2) as client:
        follower = Follower(client)
        follower.until(lambda: client.receive(0.1) == [])
        assert client.status == "connecting"
        with start_collector(tmp_path, "--events", endpoints[0], "--state", endpoints[1]):
            follower.until(lambda: client.status == "live" and follower.count(Event) > 3)
    assert follower.count(Gap) == 0
