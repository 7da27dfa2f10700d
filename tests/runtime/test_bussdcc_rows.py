"""The table "On bussdcc" of the design, row by row, as pairs.

The first test of a pair shows the fault on plain bussdcc 0.42: when it fails, bussdcc was mended,
and what stands here behind its protocols may go. The second shows what holds here instead.
"""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

import pytest
from bussdcc import Event, Message, Runtime, Service, message
from bussdcc.clock import SystemClock
from bussdcc.event import EventBus
from health_collectord.messages import CollectorSinkDegraded
from health_collectord.runtime.bus import OrderedBus
from health_collectord.runtime.clock import WakeOnceClock
from health_collectord.runtime.grid import GridService
from health_collectord.runtime.runtime import CollectorRuntime
from health_collectord.runtime.store import SnapshotStore
from health_collectord.sinks.queued import QueuedSink, Record

from tests.doubles import CallingProcess, CallingService, ListSink, ManualClock, Note, event
from tests.running import wait_for

SOON = 0.2  # seconds in which what must not happen would have happened
LONG = 5.0


def in_thread(target: Callable[..., Any], *args: Any) -> threading.Thread:
    thread = threading.Thread(target=target, args=args, daemon=True)
    thread.start()
    return thread


@contextmanager
def uncaught(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The exceptions that ended threads."""
    caught: list[str] = []
    monkeypatch.setattr(threading, "excepthook", lambda a: caught.append(str(a.exc_value)))
    yield caught


# Two services that emit at once


def meet(bus: EventBus | OrderedBus, patience: float) -> bool:
    """Whether two handlers, each in the thread of its emitter, ran at the same time."""
    barrier = threading.Barrier(2)
    met = []

    def handler(evt: Event[Message]) -> None:
        if isinstance(evt.payload, Note):
            try:
                barrier.wait(patience)
                met.append(True)
            except threading.BrokenBarrierError:
                met.append(False)

    bus.subscribe(Message, handler)
    threads = [in_thread(bus.emit, event(Note(n))) for n in (1, 2)]
    for thread in threads:
        thread.join(LONG)
    return any(met)


def test_plain_bus_runs_two_handlers_at_once() -> None:
    assert meet(EventBus(), LONG)


def test_ordered_bus_runs_one_handler_at_a_time() -> None:
    assert not meet(OrderedBus(), SOON)


def orders(bus: EventBus | OrderedBus) -> tuple[list[int], list[int]]:
    """What two sinks saw of two events; the second is emitted while the first is delivered."""
    first, second = [], []
    entered, go_on = threading.Event(), threading.Event()

    def sink_one(evt: Event[Message]) -> None:
        first.append(evt.payload.number)
        if evt.payload.number == 1:
            entered.set()
            go_on.wait(LONG)

    bus.subscribe(Note, sink_one)
    bus.subscribe(Note, lambda evt: second.append(evt.payload.number))
    emitter = in_thread(bus.emit, event(Note(1)))
    assert entered.wait(LONG)
    bus.emit(event(Note(2)))
    go_on.set()
    emitter.join(LONG)
    return first, second


def test_plain_bus_shows_two_sinks_two_orders() -> None:
    assert orders(EventBus()) == ([1, 2], [2, 1])


def test_ordered_bus_shows_all_sinks_one_order() -> None:
    assert orders(OrderedBus()) == ([1, 2], [1, 2])


class LockedBus(EventBus):
    """The obvious remedy: a lock around the delivery. It notices that it would wait for ever."""

    def __init__(self) -> None:
        super().__init__()
        self.emitting = threading.RLock()
        self.holding = threading.Event()
        self.deadlocked = False

    def emit(self, evt: Event[Message]) -> None:
        if isinstance(evt.payload, message.ServiceStarted):
            self.holding.wait(LONG)  # the service's own first event comes in between
        if not self.emitting.acquire(timeout=1.0):
            self.deadlocked = True
            return
        try:
            if isinstance(evt.payload, Note):
                self.holding.set()
            super().emit(evt)
        finally:
            self.emitting.release()


def test_plain_bus_with_a_lock_deadlocks_against_the_supervisor_at_boot() -> None:
    bus = LockedBus()
    runtime = Runtime(events=bus)
    runtime.services.register(CallingService("eager", lambda ctx: ctx.emit(Note(1)), interval=60))
    runtime.boot()
    assert bus.deadlocked
    runtime.shutdown()


@pytest.fixture
def _threads_take_turns_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("_threads_take_turns_often")
@pytest.mark.slow
def test_a_hundred_boots_and_shutdowns_with_four_services_emitting_all_the_time() -> None:
    for _ in range(100):
        overlaps: list[str] = []
        inside: list[str] = []

        def handle(
            evt: Event[Message], inside: list[str] = inside, overlaps: list[str] = overlaps
        ) -> None:
            inside.append("")
            if len(inside) > 1:
                overlaps.append(repr(evt))
            inside.pop()

        sinks = ListSink(), ListSink()
        store = SnapshotStore()
        bus = OrderedBus(limit=100, committed=store.commit)
        runtime = CollectorRuntime(sinks=sinks, events=bus, state=store)
        runtime.processes.register(CallingProcess("one", handle))
        runtime.interfaces.register(CallingProcess("two", handle))
        for i in range(4):
            runtime.services.register(
                CallingService(f"s{i}", lambda ctx, i=i: ctx.emit(Note(0, f"s{i}")))
            )
        runtime.boot()
        wait_for(lambda seen=sinks[0].events: {f"s{i}" for i in range(4)} <= emitters(seen))
        assert runtime.end("test")
        assert overlaps == []
        one, two = sinks
        assert one.seqs == list(range(1, len(one.seqs) + 1))
        assert [e.core for e in one.events] == [e.core for e in two.events]
        assert one.names[-1] == "runtime.shutdown"


def emitters(events: list[Any]) -> set[str]:
    return {e.payload.by for e in list(events) if isinstance(e.payload, Note)}


# An event emitted inside a handler


def reaction(bus: EventBus | OrderedBus) -> list[int]:
    seen: list[int] = []

    def react(evt: Event[Message]) -> None:
        if evt.payload.number == 1:
            bus.emit(event(Note(2)))

    bus.subscribe(Note, react)
    bus.subscribe(Note, lambda evt: seen.append(evt.payload.number))
    bus.emit(event(Note(1)))
    return seen


def test_plain_bus_delivers_the_reaction_before_its_cause() -> None:
    assert reaction(EventBus()) == [2, 1]


def test_ordered_bus_delivers_the_cause_before_its_reaction() -> None:
    assert reaction(OrderedBus()) == [1, 2]


# Cancelling a subscription


def cancel_while_delivering(bus: EventBus | OrderedBus) -> list[int]:
    """What a subscriber got that was cancelled while the event was on its way to it."""
    seen: list[int] = []
    entered, go_on = threading.Event(), threading.Event()

    def slow(evt: Event[Message]) -> None:
        entered.set()
        go_on.wait(LONG)

    bus.subscribe(Note, slow)
    subscription = bus.subscribe(Note, lambda evt: seen.append(evt.payload.number))
    emitter = in_thread(bus.emit, event(Note(1)))
    assert entered.wait(LONG)
    canceller = in_thread(subscription.cancel)
    canceller.join(SOON)
    go_on.set()
    canceller.join(LONG)
    emitter.join(LONG)
    return seen


def test_plain_bus_forgets_what_was_emitted_before_the_cancellation() -> None:
    assert cancel_while_delivering(EventBus()) == []


def test_ordered_bus_delivers_what_was_emitted_before_the_cancellation() -> None:
    assert cancel_while_delivering(OrderedBus()) == [1]


# A slow sink


class StuckSink(QueuedSink):
    """Cannot write until `go_on` is set."""

    name = "stuck"

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self.go_on = threading.Event()
        self.written: list[bytes] = []

    def write(self, batch: list[Record]) -> int:
        self.go_on.wait(LONG)
        self.written += [line for _, line in batch]
        return len(batch)


def test_plain_slow_sink_keeps_a_service_waiting() -> None:
    bus = EventBus()
    go_on = threading.Event()
    bus.subscribe(Message, lambda evt: go_on.wait(LONG))
    service = in_thread(bus.emit, event(Note(1)))
    service.join(SOON)
    assert service.is_alive()
    go_on.set()
    service.join(LONG)


def test_slow_sink_keeps_nobody_waiting_and_tells_what_it_dropped() -> None:
    slow, other = StuckSink(limit=50), ListSink()
    runtime = CollectorRuntime(sinks=(slow, other))
    runtime.boot()
    began = monotonic()
    for n in range(500):
        runtime.ctx.emit(Note(n))
    assert monotonic() - began < 1.0
    assert sum(isinstance(e.payload, Note) for e in other.events) == 500
    wait_for(lambda: "collector.sink.degraded" in other.names)
    degraded = next(e.payload for e in other.events if isinstance(e.payload, CollectorSinkDegraded))
    assert degraded.sink == "stuck"
    slow.go_on.set()
    wait_for(lambda: "collector.sink.recovered" in other.names)
    assert runtime.end()
    recovered = next(e for e in other.events if e.name == "collector.sink.recovered")
    written = sum(b'"name":"test.note"' in line for line in slow.written)
    assert written < 500
    assert recovered.data["lost"] >= 500 - written


# The period


class Ticks(Service):
    """Works for 0.2 s of its one-second interval, and counts ten ticks."""

    name = "ticks"
    interval = 1.0

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.times: list[float] = []
        self.done = threading.Event()

    def tick(self, ctx: object) -> None:
        if self.done.is_set():
            threading.Event().wait(0.001)  # not at the computer's full speed until it is stopped
            return
        self.times.append(self.clock.monotonic())
        self.clock.advance(0.2)
        if len(self.times) == 10:
            self.done.set()


class TickTask:
    interval = 1.0

    def __init__(self, ticks: Ticks) -> None:
        self.ticks = ticks

    def run(self, now: float, time: Any) -> list[Message]:
        self.ticks.tick(None)
        return []


def periods(runtime: Runtime, service: Service, ticks: Ticks) -> list[float]:
    runtime.services.register(service)
    runtime.boot()
    assert ticks.done.wait(LONG)
    runtime.shutdown()
    return [round(b - a, 6) for a, b in zip(ticks.times[1:], ticks.times[2:], strict=False)]


def test_plain_service_drifts_by_its_own_work() -> None:
    clock = ManualClock()
    ticks = Ticks(clock)
    assert set(periods(Runtime(clock=clock), ticks, ticks)) == {1.2}


def test_grid_service_keeps_its_period() -> None:
    clock = ManualClock(1000.3)
    ticks = Ticks(clock)
    grid = GridService("grid", (TickTask(ticks),))
    assert set(periods(CollectorRuntime(clock=clock), grid, ticks)) == {1.0}
    assert [t % 1 for t in ticks.times[1:]] == [0.0] * 9


class CountingEvent(threading.Event):
    waits = 0

    def wait(self, timeout: float | None = None) -> bool:
        self.waits += 1
        return super().wait(timeout)


def test_plain_clock_wakes_again_and_again_within_a_sleep() -> None:
    cancel = CountingEvent()
    assert SystemClock().sleep(0.6, cancel) is False
    assert cancel.waits == 2


def test_clock_wakes_once_within_a_sleep() -> None:
    cancel = CountingEvent()
    assert WakeOnceClock().sleep(0.6, cancel) is False
    assert cancel.waits == 1
