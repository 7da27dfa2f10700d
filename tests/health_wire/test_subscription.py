"""A connection to events, and what is told of it."""

from collections.abc import Iterator
from typing import Any

import pytest
import zmq
from health_wire.subscription import Subscription

from tests.health_wire.scripted import ScriptedCollector
from tests.running import wait_for


@pytest.fixture
def context() -> Iterator[zmq.Context[Any]]:
    with zmq.Context() as context:
        yield context


@pytest.fixture
def subscription(collector: ScriptedCollector, context: zmq.Context[Any]) -> Iterator[Subscription]:
    subscription = Subscription(context, collector.events, None)
    yield subscription
    subscription.close()


def told(subscription: Subscription) -> list[int]:
    """What it tells next, waiting for it."""

    def changes() -> list[int]:
        subscription.wait(0.05)
        return subscription.changes()

    found = wait_for(changes, "nothing was told")
    assert isinstance(found, list)
    return found


def test_it_waits_for_the_connection_and_then_for_events(
    collector: ScriptedCollector, subscription: Subscription
) -> None:
    assert not subscription.connected
    assert told(subscription) == [zmq.EVENT_HANDSHAKE_SUCCEEDED]
    assert subscription.connected
    collector.wait_subscribed()
    assert subscription.receive() is None
    collector.say(1)
    subscription.wait(10.0)
    assert subscription.receive() is not None


def test_what_had_come_before_the_connection_broke_is_not_waited_for(
    collector: ScriptedCollector, subscription: Subscription
) -> None:
    collector.wait_subscribed()
    collector.say(1)
    collector.pub.close()
    wait_for(lambda: subscription.changes()[-1:] == [zmq.EVENT_DISCONNECTED])
    assert not subscription.connected
    subscription.wait(100.0)
    assert subscription.receive() is not None


def test_what_is_no_endpoint_leaves_nothing_open(context: zmq.Context[Any]) -> None:
    with pytest.raises(ValueError, match="cannot connect to 'nonsense'"):
        Subscription(context, "nonsense", None)
