"""The ordered bus: any emitters, any reactions, one order."""

import threading
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
from bussdcc import Event, Message, Severity, message
from health_collectord.events import SequencedEvent
from health_collectord.messages import CollectorEventsDropped
from health_collectord.runtime.bus import OrderedBus
from hypothesis import given
from hypothesis import strategies as st

from tests.doubles import Note, OneByOne, event
from tests.running import wait_for

# What one event leads to: the numbers of reactions that its handler emits, each with its own.
REACTIONS = st.recursive(
    st.just(()), lambda inner: st.lists(inner, max_size=3).map(tuple), max_leaves=10
)


@dataclass(slots=True, frozen=True)
class Cause(Message):
    namespace: ClassVar[str] = "test"
    label: str
    reactions: tuple[Any, ...] = ()


@given(st.lists(st.lists(REACTIONS, max_size=4), min_size=1, max_size=4))
def test_every_listener_sees_one_order_without_holes(emitters: list[list[Any]]) -> None:
    committed: list[int] = []
    bus = OrderedBus(committed=committed.append)
    first: list[SequencedEvent] = []
    second: list[SequencedEvent] = []
    alone = OneByOne()

    def react(evt: Any) -> None:
        for n, reactions in enumerate(evt.payload.reactions):
            bus.emit(event(Cause(f"{evt.payload.label}.{n}", reactions)))

    for handler in (alone, first.append, react, second.append):
        bus.subscribe(Message, handler)

    def emit(number: int, causes: list[Any]) -> None:
        for n, reactions in enumerate(causes):
            bus.emit(event(Cause(f"{number}/{n}", reactions)))

    threads = [threading.Thread(target=emit, args=e) for e in enumerate(emitters)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert bus.drain()

    assert alone.overlaps == 0
    assert [e.seq for e in first] == list(range(1, len(first) + 1))
    assert [(e.seq, e.payload) for e in first] == [(e.seq, e.payload) for e in second]
    assert committed == [e.seq for e in first]
    order = {e.payload.label: e.seq for e in first}
    assert len(order) == len(first) == sum(count(c) for e in emitters for c in e)
    for label, seq in order.items():
        cause, dot, _ = label.rpartition(".")
        assert not dot or order[cause] < seq, "a reaction came before its cause"
    for number, causes in enumerate(emitters):  # an emitter's own events keep their order
        mine = [order[f"{number}/{n}"] for n in range(len(causes))]
        assert mine == sorted(mine)


def count(reactions: Any) -> int:
    return 1 + sum(map(count, reactions))


def test_a_handler_sees_the_types_it_asked_for() -> None:
    bus = OrderedBus()
    notes: list[Any] = []
    everything: list[Any] = []
    bus.subscribe(Note, notes.append)
    bus.subscribe(Message, everything.append)
    bus.emit(event(Note(1)))
    bus.emit(event(message.RuntimeBooted(version="1")))
    assert [e.payload for e in notes] == [Note(1)]
    assert len(everything) == 2


def test_a_failing_handler_is_told_and_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    bus = OrderedBus()
    seen: list[SequencedEvent] = []

    def fail(evt: Event[Message]) -> None:
        raise OSError("no")

    bus.subscribe(Message, fail)
    bus.subscribe(Message, seen.append)
    bus.emit(event(Note(1)))
    assert [e.name for e in seen] == ["test.note", "event.subscriber.error"]
    failure = seen[1]
    assert failure.data["error"] == "OSError('no')"
    assert failure.data["event"] == {"time": "2026-01-01T12:00:00.000Z", "name": "test.note"}
    assert "event.subscriber.error: no" in caplog.text  # never an error about an error


def test_an_event_that_is_no_json_takes_no_number(caplog: pytest.LogCaptureFixture) -> None:
    @dataclass(slots=True, frozen=True)
    class Figure(Message):
        value: float

    bus = OrderedBus()
    seen: list[SequencedEvent] = []
    bus.subscribe(Message, seen.append)
    bus.emit(event(Note(1)))
    bus.emit(event(Figure(float("nan"))))
    bus.emit(event(Note(2)))
    assert [(e.seq, e.payload) for e in seen] == [(1, Note(1)), (2, Note(2))]
    assert "cannot be encoded was dropped" in caplog.text


class Held:
    """A handler that keeps the dispatcher until it is let go."""

    def __init__(self, bus: OrderedBus) -> None:
        self.entered, self.release = threading.Event(), threading.Event()
        self.seen: list[SequencedEvent] = []
        bus.subscribe(Message, self)
        self.thread = threading.Thread(target=bus.emit, args=(event(Note(0)),))
        self.thread.start()
        assert self.entered.wait(5)

    def __call__(self, evt: Any) -> None:
        self.seen.append(evt)
        self.entered.set()
        assert self.release.wait(10)

    def let_go(self) -> None:
        self.release.set()
        self.thread.join()


def test_only_samples_are_dropped_and_the_count_is_told() -> None:
    bus = OrderedBus(limit=10)
    held = Held(bus)
    for n in range(1, 31):
        bus.emit(event(Note(n)))
    bus.emit(event(message.RuntimeShutdown(version="1")))
    bus.emit(event(message.ServiceError(service="s", error="e")))
    assert bus.depth == 12
    held.let_go()
    payloads = [e.payload for e in held.seen]
    assert payloads[:11] == [Note(n) for n in range(11)]
    assert [type(p).__name__ for p in payloads[11:13]] == ["RuntimeShutdown", "ServiceError"]
    assert payloads[13:] == [CollectorEventsDropped(count=20)]
    assert CollectorEventsDropped.severity is Severity.WARNING


def test_emitting_does_not_wait_for_the_dispatch() -> None:
    bus = OrderedBus()
    held = Held(bus)
    emitter = threading.Thread(target=bus.emit, args=(event(Note(1)),))
    emitter.start()
    emitter.join(5)
    assert not emitter.is_alive()
    assert bus.depth == 1
    held.let_go()
    assert [e.payload for e in held.seen] == [Note(0), Note(1)]


def test_draining_waits_until_all_is_delivered_or_time_is_over() -> None:
    bus = OrderedBus()
    held = Held(bus)
    bus.emit(event(Note(1)))
    assert bus.drain(0.05) is False
    held.let_go()
    assert bus.drain() is True
    assert len(held.seen) == 2


def test_a_handler_cannot_wait_for_itself() -> None:
    bus = OrderedBus()
    answers: list[bool] = []
    bus.subscribe(Message, lambda evt: answers.append(bus.drain()))
    bus.emit(event(Note(1)))
    assert answers == [False]


def test_a_handler_may_cancel_its_own_subscription() -> None:
    bus = OrderedBus()
    seen: list[Any] = []

    def once(evt: Any) -> None:
        seen.append(evt.payload)
        subscription.cancel()

    subscription = bus.subscribe(Message, once)
    bus.emit(event(Note(1)))
    bus.emit(event(Note(2)))
    assert seen == [Note(1)]


def test_an_emitter_gets_its_thread_back_while_others_emit_without_a_pause() -> None:
    """Each dispatched event makes the next: without a limit, the first emitter never returns."""
    bus = OrderedBus()
    ending = threading.Event()
    threads: set[str] = set()

    def go_on(evt: Any) -> None:
        threads.add(threading.current_thread().name)
        if not ending.is_set():
            bus.emit(event(Note(evt.payload.number + 1)))

    bus.subscribe(Note, go_on)
    emitter = threading.Thread(target=bus.emit, args=(event(Note(0)),), name="emitter")
    emitter.start()
    emitter.join(5)
    assert not emitter.is_alive()
    wait_for(lambda: threads == {"emitter", "bus"})
    ending.set()
    assert bus.drain()
    wait_for(lambda: not any(t.name == "bus" for t in threading.enumerate()))
