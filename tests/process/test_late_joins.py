"""Joining while a thousand events a second go by: no gap, and no state but the collector's."""

import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from health_wire import CollectorClient, Event, Gap, Link, Snapshot, tree

from tests.running import Running, running, wait_for

JOINS = 60


@pytest.fixture(scope="module")
def synthetic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    command = [sys.executable, "-m", "tests.process.synthetic"]
    with running(command, tmp_path_factory.mktemp("synthetic")) as process:
        yield process


class Listener:
    """Hears everything from its start and keeps the state after each event."""

    def __init__(self, collector: Running) -> None:
        self.client = CollectorClient(collector.events, collector.state)
        self.states: dict[int, tree.FrozenDict] = {}
        self.gaps: list[Gap] = []
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def _listen(self) -> None:
        with self.client:
            while not self._ending.is_set():
                before = self.client.state
                for update in self.client.receive(0.5):
                    if isinstance(update, Snapshot):
                        before = update.state
                        self.states[update.seq] = before
                    elif isinstance(update, Event):
                        before = tree.apply(before, update.name, update.data)
                        self.states[update.seq] = before
                    elif isinstance(update, Gap):
                        self.gaps.append(update)

    def end(self) -> None:
        self._ending.set()
        self._thread.join()


@pytest.fixture
def listener(synthetic: Running) -> Iterator[Listener]:
    listener = Listener(synthetic)
    wait_for(lambda: len(listener.states) > 10)
    yield listener
    listener.end()


def test_whoever_joins_ends_with_the_collectors_state(
    synthetic: Running, listener: Listener
) -> None:
    began, first = monotonic(), max(listener.states)
    joined: list[tuple[int, tree.FrozenDict]] = []
    for _ in range(JOINS):
        with CollectorClient(synthetic.events, synthetic.state) as client:
            events = 0
            while events < 30:
                for update in client.receive(2.0):
                    assert not isinstance(update, Gap), update
                    assert not (isinstance(update, Link) and update.status == "stale")
                    events += isinstance(update, Event)
            joined.append((client.seq, client.state))
    wait_for(lambda: max(listener.states) >= joined[-1][0])
    rate = (max(listener.states) - first) / (monotonic() - began)
    assert listener.gaps == []
    for seq, state in joined:
        assert state == listener.states[seq]
    assert rate > 800, f"only {rate:.0f} events a second"


def test_a_snapshot_is_the_state_after_its_event(synthetic: Running, listener: Listener) -> None:
    snapshots: list[tuple[int, Any]] = []
    for _ in range(100):
        reply = synthetic.request("snapshot")
        snapshots.append((reply["seq"], reply["state"]))
    wait_for(lambda: max(listener.states) >= snapshots[-1][0])
    for seq, state in snapshots:
        assert state == listener.states[seq]
    assert listener.gaps == []


def test_many_at_once(synthetic: Running) -> None:
    """Twenty clients join at the same moment and hear the same."""
    clients = [CollectorClient(synthetic.events, synthetic.state) for _ in range(20)]
    states: list[dict[int, Any]] = [{} for _ in clients]
    problems: list[Any] = []

    def listen(client: CollectorClient, heard: dict[int, Any]) -> None:
        with client:
            since = None  # when all had joined
            while since is None or len(heard) < since + 300:
                if since is None and all(states):
                    since = len(heard)
                for update in client.receive(2.0):
                    if isinstance(update, Event):
                        heard[update.seq] = update.data
                    elif isinstance(update, Gap):
                        problems.append(update)

    threads = [
        threading.Thread(target=listen, args=pair) for pair in zip(clients, states, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert problems == []
    common = set.intersection(*(set(s) for s in states))
    assert len(common) > 50
    for seq in common:
        assert len({repr(s[seq]) for s in states}) == 1


def test_the_synthetic_collector_ends(tmp_path: Path) -> None:
    with running([sys.executable, "-m", "tests.process.synthetic"], tmp_path) as process:
        assert process.stop() == 0
