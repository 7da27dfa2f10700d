"""The runtime's own: booting anew, restarting a service, failing to start, ending."""

import threading

import pytest
from bussdcc import Event, Message, Process, message
from health_collectord.runtime.runtime import CollectorRuntime, StartError

from tests.doubles import CallingProcess, CallingService, ListSink, Note
from tests.running import wait_for


def test_sinks_see_everything_from_the_first_to_the_last() -> None:
    sink = ListSink()
    runtime = CollectorRuntime(sinks=(sink,))
    runtime.processes.register(CallingProcess("process", lambda evt: None))
    runtime.interfaces.register(CallingProcess("interface", lambda evt: None))
    runtime.services.register(CallingService("service", lambda ctx: None, interval=60.0))
    runtime.boot()
    runtime.end("enough")
    assert sorted(sink.names[5:7]) == ["service.stopped", "runtime.shutting.down"][::-1]
    assert [n for n in sink.names if n != "service.stopped"] == [
        "runtime.booting",
        "process.started",
        "interface.started",
        "runtime.booted",
        "service.started",
        "runtime.shutting.down",
        "interface.stopped",
        "process.stopped",
        "runtime.shutdown",
    ]
    assert sink.seqs == list(range(1, 11))
    assert sink.stopped


def test_booted_again_it_delivers_each_event_once() -> None:
    sink = ListSink()
    seen: list[Message] = []
    runtime = CollectorRuntime(sinks=(sink,))
    runtime.processes.register(CallingProcess("seen", lambda evt: seen.append(evt.payload)))
    for n in (1, 2):
        runtime.boot()
        runtime.boot()  # does nothing: it is booted
        runtime.ctx.emit(Note(n))
        runtime.shutdown()
        runtime.shutdown()  # does nothing: it is shut down
    assert sink.names.count("test.note") == 2
    assert seen.count(Note(2)) == 1


def test_a_snapshot_is_the_state_after_its_event() -> None:
    runtime = CollectorRuntime()

    def project(evt: Event[Message]) -> None:
        if isinstance(evt.payload, Note):
            runtime.ctx.state.set("a.first", evt.payload.number)
            seen.append(runtime.store.snapshot())
            runtime.ctx.state.set("a.second", evt.payload.number)

    seen: list[tuple[int, object]] = []
    runtime.processes.register(CallingProcess("project", project))
    runtime.boot()
    runtime.ctx.emit(Note(1))
    seq, state = runtime.store.snapshot()
    assert state == {"a": {"first": 1, "second": 1}}
    assert seen == [(seq - 1, {})]  # within the event: still the state before it
    runtime.end()


def test_only_parts_that_handle_events_are_asked() -> None:
    class Silent(Process):
        name = "silent"

    handled: list[str] = []

    class Hearing(CallingService):
        def handle_event(self, ctx: object, evt: Event[Message]) -> None:
            handled.append(type(evt.payload).__name__)

    runtime = CollectorRuntime()
    runtime.processes.register(Silent())
    runtime.services.register(Hearing("hearing", lambda ctx: None, interval=60.0))
    runtime.services.register(CallingService("deaf", lambda ctx: None, interval=60.0))
    runtime.boot()
    assert len(runtime._listeners) == 1
    runtime.ctx.emit(Note(1))
    assert "Note" in handled
    runtime.end()


def test_a_failing_process_is_told_and_keeps_nobody_from_the_event() -> None:
    def fail(evt: Event[Message]) -> None:
        if isinstance(evt.payload, Note):
            raise OSError("no")

    sink = ListSink()
    seen: list[Message] = []
    runtime = CollectorRuntime(sinks=(sink,))
    runtime.processes.register(CallingProcess("failing", fail))
    runtime.processes.register(CallingProcess("after", lambda evt: seen.append(evt.payload)))
    runtime.boot()
    runtime.ctx.emit(Note(1))
    assert Note(1) in seen
    error = next(e for e in sink.events if e.name == "process.error")
    assert (error.data["process"], error.data["error"]) == ("failing", "OSError('no')")
    runtime.end()


def test_a_service_is_restarted_and_the_collector_goes_on() -> None:
    sink = ListSink()
    ticked = threading.Event()
    runtime = CollectorRuntime(sinks=(sink,))
    service = CallingService("service", lambda ctx: ticked.set(), interval=60.0)
    runtime.services.register(service)
    running_at_change: list[bool] = []

    def change() -> None:
        running_at_change.append(runtime.services.is_running("service"))
        ticked.clear()

    def ready() -> None:
        assert ticked.wait(5)
        runtime.restart_service("service", change)
        assert ticked.wait(5)
        runtime.request_stop("test")

    assert runtime.serve(ready) == 0
    assert running_at_change == [False]
    names = [n for n in sink.names if n.startswith("service.")]
    assert names.count("service.started") == names.count("service.stopped") == 2
    ending = next(e for e in sink.events if e.name == "runtime.shutting.down")
    assert ending.data["reason"] == "test"


def test_it_can_be_ended_from_any_thread_with_a_status() -> None:
    runtime = CollectorRuntime()
    stopper = threading.Thread(target=lambda: runtime.request_stop("enough", 3))
    assert runtime.serve(stopper.start) == 3
    stopper.join()


def test_failing_to_be_ready_is_failing_to_start() -> None:
    def ready() -> None:
        raise StartError("port taken")

    runtime = CollectorRuntime()
    with pytest.raises(StartError, match=r"^port taken$"):
        runtime.serve(ready)
    assert not runtime.booted


def test_a_sink_that_fails_to_stop_keeps_no_other_from_stopping(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class FailingSink(ListSink):
        def stop(self) -> None:
            raise OSError("no")

    after = ListSink()
    runtime = CollectorRuntime(sinks=(FailingSink(), after))
    runtime.boot()
    assert runtime.end()
    assert after.stopped
    assert "failed to stop" in caplog.text


def test_a_handler_that_hangs_ends_the_wait_at_the_deadline() -> None:
    release = threading.Event()
    sink = ListSink()

    def hang(evt: Event[Message]) -> None:
        if isinstance(evt.payload, Note):
            release.wait(30)

    runtime = CollectorRuntime(sinks=(sink,), deadline=0.1)
    runtime.processes.register(CallingProcess("hanging", hang))
    runtime.boot()
    emitter = threading.Thread(target=runtime.ctx.emit, args=(Note(1),))
    emitter.start()
    wait_for(lambda: "test.note" in sink.names)
    assert runtime.end() is False
    assert sink.stopped
    release.set()
    emitter.join()


def test_a_service_that_ends_by_itself_ends_the_collector() -> None:
    def fail(ctx: object) -> None:
        raise OSError("once")

    sink = ListSink()
    runtime = CollectorRuntime(sinks=(sink,))
    runtime.services.register(CallingService("brittle", fail, restart=False))
    assert runtime.serve() == 1
    assert any(isinstance(e.payload, message.ServiceError) for e in sink.events)
    ending = next(e for e in sink.events if e.name == "runtime.shutting.down")
    assert ending.data["reason"] == "service brittle ended by itself"
