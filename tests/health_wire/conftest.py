"""A client that has joined a scripted collector."""

from collections.abc import Iterator

import pytest
from health_wire import CollectorClient, Link, Snapshot

from tests.health_wire.scripted import ScriptedCollector, SettableClock


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
