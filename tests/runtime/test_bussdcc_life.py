"""The table "On bussdcc" of the design, continued: what fails, hangs, or is kept.

The first test of a pair shows the fault on plain bussdcc 0.42: when it fails, bussdcc was mended,
and what stands here behind its protocols may go. The second shows what holds here instead.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

import pytest
from bussdcc import Event, Message, Process, Runtime, Service, message
from bussdcc.state import StateStore
from health_collectord.runtime.runtime import CollectorRuntime, StartError
from health_collectord.runtime.store import SnapshotStore

from tests.doubles import CallingProcess, CallingService, ListSink, Note
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


# Services that fail or hang


class FailingStart(Service):
    name = "failing"
    critical = True

    def start(self, ctx: object) -> None:
        raise OSError("no such sensor")


def failing_tick(ctx: object) -> None:
    raise OSError("sensor on fire")


def test_plain_failure_in_start_ends_the_thread_and_nobody_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[Message] = []
    runtime = Runtime()
    runtime.processes.register(CallingProcess("seen", lambda evt: seen.append(evt.payload)))
    runtime.services.register(FailingStart())
    with uncaught(monkeypatch) as caught:
        runtime.boot()
        wait_for(lambda: any(isinstance(m, message.ServiceStopped) for m in seen))
        wait_for(lambda: caught == ["no such sensor"])
    assert runtime.booted
    assert not any(isinstance(m, message.ServiceError | message.ServiceFailure) for m in seen)
    runtime.shutdown()


def test_failure_in_start_ends_the_collector_with_a_status(monkeypatch: pytest.MonkeyPatch) -> None:
    sink = ListSink()
    runtime = CollectorRuntime(sinks=(sink,))
    runtime.services.register(FailingStart())
    with uncaught(monkeypatch) as caught:
        assert runtime.serve() == 1
    assert caught == ["no such sensor"]
    ending = next(e for e in sink.events if e.name == "runtime.shutting.down")
    assert ending.data["reason"] == "service failing ended by itself"
    assert sink.names[-1] == "runtime.shutdown"


def test_plain_runtime_goes_on_without_its_critical_service() -> None:
    failed = threading.Event()
    runtime = Runtime()
    runtime.processes.register(
        CallingProcess(
            "seen",
            lambda e: failed.set() if isinstance(e.payload, message.ServiceFailure) else None,
        )
    )
    runtime.services.register(CallingService("vital", failing_tick, critical=True))
    running = in_thread(runtime.run)
    assert failed.wait(LONG)
    running.join(SOON)
    assert running.is_alive()
    runtime.shutdown()
    running.join(LONG)


def test_critical_failure_ends_the_collector_with_a_status() -> None:
    sink = ListSink()
    runtime = CollectorRuntime(sinks=(sink,))
    runtime.services.register(CallingService("vital", failing_tick, critical=True))
    assert runtime.serve() == 1
    ending = next(e for e in sink.events if e.name == "runtime.shutting.down")
    assert ending.data["reason"] == "service vital failed: OSError('sensor on fire')"


@pytest.fixture
def hung() -> Iterator[tuple[Service, threading.Event]]:
    """A service whose tick hangs until the test is over, and the sign that it does."""
    entered, release = threading.Event(), threading.Event()

    def tick(ctx: object) -> None:
        entered.set()
        release.wait(60)

    yield CallingService("hung", tick), entered
    release.set()


def test_plain_hung_tick_hangs_the_shutdown(hung: tuple[Service, threading.Event]) -> None:
    service, entered = hung
    runtime = Runtime()
    runtime.services.register(service)
    runtime.boot()
    assert entered.wait(LONG)
    shutdown = in_thread(runtime.shutdown)
    shutdown.join(SOON)
    assert shutdown.is_alive()


def test_hung_tick_is_left_behind_at_the_deadline(
    hung: tuple[Service, threading.Event], caplog: pytest.LogCaptureFixture
) -> None:
    service, entered = hung
    sink = ListSink()
    runtime = CollectorRuntime(sinks=(sink,), deadline=0.3)
    runtime.services.register(service)
    runtime.services.register(CallingService("other", lambda ctx: None, interval=60.0))
    in_thread(lambda: entered.wait(LONG) and runtime.request_stop("test"))
    began = monotonic()
    assert runtime.serve() == 1
    assert monotonic() - began < 2.0
    assert "services did not stop within 0.3 s (hung); left behind" in caplog.text
    assert sink.names[-1] == "runtime.shutdown"
    assert sink.names.count("service.stopped") == 1
    assert sink.stopped


class FailingStop(Service):
    name = "stubborn"

    def stop(self, ctx: object) -> None:
        raise OSError("cannot stop")


class Stopping(Process):
    name = "stopping"
    stopped = False

    def stop(self, ctx: object) -> None:
        self.stopped = True


def test_plain_failing_stop_aborts_the_shutdown() -> None:
    runtime, process = Runtime(), Stopping()
    runtime.services.register(FailingStop())
    runtime.processes.register(process)
    runtime.boot()
    with pytest.raises(OSError, match="cannot stop"):
        runtime.shutdown()
    assert not process.stopped


def test_failing_stop_keeps_nothing_else_from_stopping(caplog: pytest.LogCaptureFixture) -> None:
    sink, process = ListSink(), Stopping()
    runtime = CollectorRuntime(sinks=(sink,))
    runtime.services.register(FailingStop())
    runtime.processes.register(process)
    runtime.boot()
    assert runtime.end()
    assert process.stopped
    assert "stubborn failed to stop" in caplog.text
    assert sink.names[-1] == "runtime.shutdown"


# Signals


def test_plain_runtime_leaves_the_signals_alone() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with Runtime():
        assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_stop_the_collector_and_sighup_reloads_it(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    sink = ListSink()
    runtime = CollectorRuntime(sinks=(sink,))
    reloads: list[int] = []

    def reload() -> None:
        assert threading.current_thread() is threading.main_thread()
        reloads.append(1)
        os.kill(os.getpid(), number)

    runtime.on_reload = reload
    assert runtime.serve(lambda: os.kill(os.getpid(), signal.SIGHUP)) == 0
    assert reloads == [1]
    assert signal.getsignal(number) == before
    ending = next(e for e in sink.events if e.name == "runtime.shutting.down")
    assert ending.data["reason"] == f"received {number.name}"


# A process that cannot start


class FailingProcess(Process):
    name = "failing"

    def __init__(self) -> None:
        self.seen: list[Message] = []

    def start(self, ctx: object) -> None:
        raise OSError("port on fire")

    def handle_event(self, ctx: object, evt: Event[Message]) -> None:
        self.seen.append(evt.payload)


def test_plain_failing_start_leaks_the_subscription() -> None:
    runtime, process = Runtime(), FailingProcess()
    runtime.processes.register(process)
    with pytest.raises(OSError, match="port on fire"):
        runtime.boot()
    runtime.shutdown()  # does nothing: it never was booted
    runtime.ctx.emit(Note(1))
    assert Note(1) in process.seen


def test_failing_start_ends_with_one_line_and_nothing_left() -> None:
    process, sink = FailingProcess(), ListSink()
    runtime = CollectorRuntime(sinks=(sink,))
    runtime.processes.register(process)
    with pytest.raises(StartError) as caught:
        runtime.serve()
    assert str(caught.value) == "cannot start: OSError('port on fire')"
    assert sink.stopped
    assert sink.names[-1] == "runtime.shutdown"
    runtime.ctx.emit(Note(1))
    assert Note(1) not in process.seen
    assert "test.note" not in sink.names


# The state store


def test_plain_store_gives_live_references() -> None:
    store = StateStore()
    store.set("a.b", 1)
    before = store.get("a")
    store.set("a.c", 2)
    assert before == {"b": 1, "c": 2}


def test_store_gives_what_stays_as_it_was() -> None:
    store = SnapshotStore()
    store.set("a.b", 1)
    before = store.get("a")
    store.commit(1)
    snapshot = store.snapshot()
    store.set("a.c", 2)
    assert before == {"b": 1}
    assert snapshot == (1, {"a": {"b": 1}})


def copy_while_it_changes(store: StateStore | SnapshotStore) -> dict[str, Any]:
    """A copy of ``a``, with a change each time that the copy takes an item."""
    copied = {}
    for n, (key, value) in enumerate(store.get("a").items()):
        copied[key] = value
        store.set(f"a.new{n}", 0)
    return copied


def test_plain_store_cannot_be_copied_while_it_changes() -> None:
    store = StateStore()
    store.set("a.b", 1)
    with pytest.raises(RuntimeError, match="changed size during iteration"):
        copy_while_it_changes(store)


def test_store_can_be_copied_while_it_changes() -> None:
    store = SnapshotStore()
    store.set("a.b", 1)
    assert copy_while_it_changes(store) == {"b": 1}


def test_plain_store_cannot_give_the_whole_state() -> None:
    with pytest.raises(ValueError, match="path cannot be empty"):
        StateStore().get("")


def test_store_gives_the_whole_state() -> None:
    store = SnapshotStore()
    store.set("a.b", 1)
    assert store.get("") == {"a": {"b": 1}}
