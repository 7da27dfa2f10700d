"""What goes out for each event, and what comes and goes at the other end."""

import json
import socket
from collections.abc import Iterator

import pytest
import zmq
from bussdcc import message
from health_collectord.interfaces.publisher import EventPublisher

from tests.declarations import sample
from tests.doubles import Context, Note, sequenced
from tests.running import wait_for


@pytest.fixture
def context() -> Iterator[zmq.Context[zmq.Socket[bytes]]]:
    with zmq.Context() as context:
        yield context


@pytest.fixture
def publisher(context: zmq.Context[zmq.Socket[bytes]]) -> Iterator[EventPublisher]:
    publisher = EventPublisher(context, "tcp://127.0.0.1:0", host="pi ü", epoch="e" * 32)
    publisher.start(Context())
    yield publisher
    publisher.stop(Context())
    publisher.handle_event(Context(), sequenced(message.RuntimeShutdown(version="1"), 99))


def subscribe(
    context: zmq.Context[zmq.Socket[bytes]], publisher: EventPublisher, prefix: bytes = b""
) -> zmq.Socket[bytes]:
    """A subscriber that is connected and heard."""
    subscriber = context.socket(zmq.SUB)
    subscriber.linger = 0
    subscriber.setsockopt(zmq.SUBSCRIBE, b"joined")
    subscriber.setsockopt(zmq.SUBSCRIBE, prefix)
    subscriber.connect(publisher.endpoint)

    def heard() -> bool:
        publisher._socket.send_multipart([b"joined", b""])
        return bool(subscriber.poll(10))

    wait_for(heard)
    while subscriber.poll(50):
        subscriber.recv_multipart()
    return subscriber


def test_an_event_is_two_frames(
    context: zmq.Context[zmq.Socket[bytes]], publisher: EventPublisher
) -> None:
    with subscribe(context, publisher) as subscriber:
        publisher.handle_event(Context(), sequenced(sample(12.5), 7, 1.5))
        topic, body = subscriber.recv_multipart()
    assert topic == b"system.probe.updated"
    assert body.decode() == (
        '{"v":1,"host":"pi ü","epoch":"' + "e" * 32 + '","seq":7,'
        '"time":"2026-01-01T12:00:01.500Z","name":"system.probe.updated",'
        '"data":{"used_percent":12.5,"rows":[]}}'
    )
    assert json.loads(body)["seq"] == 7


def test_a_subscription_is_a_prefix(
    context: zmq.Context[zmq.Socket[bytes]], publisher: EventPublisher
) -> None:
    with subscribe(context, publisher, b"system.") as subscriber:
        publisher.handle_event(Context(), sequenced(Note(1), 1))
        publisher.handle_event(Context(), sequenced(sample(1.0), 2))
        assert subscriber.recv_multipart()[0] == b"system.probe.updated"


def test_subscribers_are_counted(
    context: zmq.Context[zmq.Socket[bytes]], publisher: EventPublisher
) -> None:
    assert publisher.count_subscribers() == 0
    first, second = subscribe(context, publisher), subscribe(context, publisher)
    wait_for(lambda: publisher.count_subscribers() == 2)
    first.close()
    wait_for(lambda: publisher.count_subscribers() == 1)
    second.close()
    wait_for(lambda: publisher.count_subscribers() == 0)


def test_peers_that_come_and_go_uncounted_wedge_nothing(
    context: zmq.Context[zmq.Socket[bytes]], publisher: EventPublisher
) -> None:
    """Where nobody asks for the count, what the monitor tells must not pile up."""
    host, _, port = publisher.endpoint.removeprefix("tcp://").rpartition(":")
    for _ in range(1500):
        socket.create_connection((host, int(port))).close()
    with subscribe(context, publisher) as subscriber:
        publisher.handle_event(Context(), sequenced(sample(1.0), 1))
        assert subscriber.poll(2000)


def test_the_last_event_goes_out_and_nothing_after_it(
    context: zmq.Context[zmq.Socket[bytes]], publisher: EventPublisher
) -> None:
    with subscribe(context, publisher) as subscriber:
        publisher.stop(Context())  # as an interface it is stopped before the last event
        publisher.handle_event(Context(), sequenced(message.RuntimeShutdown(version="1"), 1))
        publisher.handle_event(Context(), sequenced(Note(1), 2))
        assert subscriber.poll(2000)
        assert subscriber.recv_multipart()[0] == b"runtime.shutdown"
        assert not subscriber.poll(100)
        assert publisher.count_subscribers() == 0


def test_before_it_is_bound_it_is_silent(context: zmq.Context[zmq.Socket[bytes]]) -> None:
    publisher = EventPublisher(context, "tcp://127.0.0.1:0", host="pi", epoch="e")
    publisher.handle_event(Context(), sequenced(Note(1), 1))
    assert publisher.count_subscribers() == 0
