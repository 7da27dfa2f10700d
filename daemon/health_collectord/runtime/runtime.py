"""`CollectorRuntime`: boots, waits for a reason to end, and ends in bounded time."""

import logging
import os
import signal
import threading
import traceback
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue
from types import FrameType
from typing import TYPE_CHECKING, Any

from bussdcc import Process, Runtime, Service, message
from bussdcc.event import Event, SubscriptionProtocol
from bussdcc.io import EventSinkProtocol
from bussdcc.message import Message, Severity
from bussdcc.service import ServiceProtocol

from health_collectord.runtime.bus import OrderedBus
from health_collectord.runtime.clock import WakeOnceClock
from health_collectord.runtime.store import SnapshotStore

if TYPE_CHECKING:
    from collections.abc import Iterator

_log = logging.getLogger(__name__)


_Listeners = list[tuple[Any, Callable[[str, Event[Message], Exception], Message]]]


class StartError(Exception):
    """The collector cannot start; the text is one line that says why and what to do."""


@dataclass(slots=True, frozen=True)
class _Stop:
    reason: str
    status: int


class CollectorRuntime(Runtime):
    """bussdcc's runtime with one order of events, sinks, signals, and a deadline for ending.

    Args:
        clock, events, state: this application's own, behind bussdcc's protocols.
        sinks: they see every event from the first to the last, and are stopped after it.
        deadline: seconds that services, and then everything else, may take to stop.
    """

    def __init__(
        self,
        *,
        clock: WakeOnceClock | None = None,
        events: OrderedBus | None = None,
        state: SnapshotStore | None = None,
        sinks: Iterable[EventSinkProtocol] = (),
        deadline: float = 5.0,
    ) -> None:
        self.store = state or SnapshotStore()
        self.bus = events or OrderedBus(committed=self.store.commit)
        super().__init__(clock=clock or WakeOnceClock(), events=self.bus, state=self.store)
        self.sinks = tuple(sinks)
        self.deadline = deadline
        self.on_reload: Callable[[], None] = lambda: None
        self.on_stopping: Callable[[], None] = lambda: None
        self._stopping = False
        self._subscriptions: list[SubscriptionProtocol] = []
        self._restarting: set[str] = set()
        self._listeners: _Listeners = []
        self._by_type: dict[type, _Listeners] = {}
        # A handler may put into a SimpleQueue at any point of the main thread's program.
        self._wakeups: SimpleQueue[int | _Stop] = SimpleQueue()

    def serve(self, ready: Callable[[], None] = lambda: None) -> int:
        """Boots, calls `ready`, runs until a signal or a failure, and shuts down.

        Returns:
            The process's exit status: 0 after SIGTERM or SIGINT, 1 after a failure or when
            something would not stop in time.

        Raises:
            StartError: it could not boot; nothing is left running.
        """
        with self._signals():
            try:
                self.boot()
                ready()
            except Exception as error:
                self._abandon(f"cannot start: {error}")
                if isinstance(error, StartError):
                    raise
                raise StartError(f"cannot start: {error!r}") from error
            stop = self._wait()
            in_time = self.end(stop.reason)
        return stop.status if in_time else 1

    def request_stop(self, reason: str, status: int = 0) -> None:
        """Ends `serve` from any thread."""
        self._wakeups.put(_Stop(reason, status))

    def restart_service(self, name: str, change: Callable[[], None]) -> None:
        """Stops a service, makes a change to it while it rests, and starts it again."""
        self._restarting.add(name)
        try:
            self.services.stop(name)
            self.bus.drain(self.deadline)
            change()
        finally:
            self._restarting.discard(name)
            self.services.start(name)

    def boot(self) -> None:
        if self._booted:
            return
        self._stopping = False
        for sink in self.sinks:
            sink.start(self.ctx)
            for wanted in getattr(sink, "types", (Message,)):
                self._subscriptions.append(self.events.subscribe(wanted, sink.handle))
        for ended in (message.ServiceFailure, message.ServiceStopped):
            self._subscriptions.append(self.events.subscribe(ended, self._watch))
        self._listeners = _listeners(self)
        self._by_type = {}
        super().boot()

    def _dispatch(self, evt: Event[Message]) -> None:
        """As bussdcc dispatches, to those parts that handle events at all.

        It asks every part about every event, and the supervisor which services run; most parts
        here only emit, or say in `types` which messages they want to see, and this is a good
        part of what a second costs.
        """
        kind = type(evt.payload)
        listeners = self._by_type.get(kind)
        if listeners is None:
            listeners = self._by_type[kind] = [
                (part, failed)
                for part, failed in self._listeners
                if issubclass(kind, getattr(part, "types", Message))
            ]
        for part, failed in listeners:
            try:
                part.handle_event(self.ctx, evt)
            except Exception as error:  # noqa: BLE001 a part's failure must not end the others
                if evt.payload.severity < Severity.ERROR:  # never an error about an error
                    self.ctx.emit(failed(part.name, evt, error))

    def shutdown(self, reason: str | None = None) -> None:
        self.end(reason)

    def end(self, reason: str | None = None) -> bool:
        """Stops services, interfaces, processes and devices, delivers every event, flushes sinks.

        A part that raises does not keep the others from being stopped, and one that hangs is
        left behind when the deadline is over.

        Returns:
            Whether everything stopped in time.
        """
        if not self._booted:
            return True
        self._stopping = True
        self.on_stopping()
        self.ctx.emit(message.RuntimeShuttingDown(reason=reason))
        in_time = self._within("services", self._stop_services)
        in_time &= self._within("interfaces, processes and devices", self._stop_parts)
        in_time &= self.bus.drain(self.deadline)  # it may have drops to tell: nothing comes after
        self.ctx.emit(message.RuntimeShutdown(version=self.version))
        in_time &= self._deliver_and_cancel()
        self._booted = False
        self._stop_event.set()
        self._stop_sinks()
        return in_time

    def _wait(self) -> _Stop:
        while True:
            wakeup = self._wakeups.get()
            if isinstance(wakeup, _Stop):
                return wakeup
            if wakeup == signal.SIGHUP:
                self.on_reload()
            else:
                return _Stop(f"received {signal.Signals(wakeup).name}", 0)

    def _watch(self, event: Event[Message]) -> None:
        """A service that ended by itself, or was declared critical and failed, ends the process."""
        payload = event.payload
        if isinstance(payload, message.ServiceFailure):
            self.request_stop(f"service {payload.service} failed: {payload.error}", 1)
        elif isinstance(payload, message.ServiceStopped) and not (
            self._stopping or payload.service in self._restarting
        ):
            self.request_stop(f"service {payload.service} ended by itself", 1)

    def _within(self, what: str, stop: Callable[[], None]) -> bool:
        thread = threading.Thread(target=stop, name="shutdown", daemon=True)
        thread.start()
        thread.join(self.deadline)
        if thread.is_alive():
            hung = ", ".join(i.name for i in self.services.statuses() if i.running)
            _log.error(
                "%s did not stop within %g s%s; left behind",
                what, self.deadline, f" ({hung})" if hung else "",
            )  # fmt: skip
            return False
        return True

    def _deliver_and_cancel(self) -> bool:
        """Delivers what was emitted, then ends all subscriptions, also those of a failed boot."""
        if not self.bus.drain(self.deadline):
            return False
        if hasattr(self, "_sub"):  # bussdcc's own, made early in its boot
            self._sub.cancel()
        for subscription in self._subscriptions:
            subscription.cancel()
        self._subscriptions.clear()
        return True

    def _stop_services(self) -> None:
        """Stops all at once, so that one that hangs keeps no other from being stopped."""
        threads = [
            threading.Thread(target=self._stop_service, args=(service,), daemon=True)
            for service in self.services.list()
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _stop_service(self, service: ServiceProtocol) -> None:
        self._contain(service.name, partial(self.services.stop, service.name))
        self._contain(service.name, service.detach)

    def _stop_parts(self) -> None:
        for interface in reversed(self.interfaces.list()):
            self._contain(interface.name, partial(interface.stop, self.ctx))
            self._contain(interface.name, interface.detach)
            self.ctx.emit(message.InterfaceStopped(interface=interface.name))
        for process in reversed(self.processes.list()):
            self._contain(process.name, partial(process.stop, self.ctx))
            self._contain(process.name, process.detach)
            self.ctx.emit(message.ProcessStopped(process=process.name))
        self._contain("devices", self.devices.shutdown)
        self._contain("runtime", self._on_shutdown)

    def _contain(self, name: str, stop: Callable[[], None]) -> None:
        try:
            stop()
        except Exception as error:  # noqa: BLE001 the other parts have to be stopped all the same
            _log.exception("%s failed to stop", name)
            self.ctx.emit(message.ProcessError(process=name, error=repr(error)))

    def _stop_sinks(self) -> None:
        for sink in self.sinks:
            try:
                sink.stop()
            except Exception:  # noqa: BLE001 the other sinks have to be flushed all the same
                _log.exception("sink %r failed to stop", sink)

    def _abandon(self, reason: str) -> None:
        """Ends what a failed boot left: it may have started some parts and not others."""
        self._booted = True
        self.end(reason)

    @contextmanager
    def _signals(self) -> "Iterator[None]":
        """SIGTERM and SIGINT stop, SIGHUP reloads: handlers only wake the main thread."""

        def wake(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 the signature
            self._wakeups.put(number)

        numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = [signal.signal(number, wake) for number in numbers]
        try:
            yield
        finally:
            for number, handler in zip(numbers, before, strict=True):
                signal.signal(number, handler)


def _listeners(runtime: Runtime) -> _Listeners:
    """Processes, interfaces and services that override `handle_event`, with how each fails."""
    parts = [*runtime.processes.list(), *runtime.interfaces.list()]
    listeners: _Listeners = [
        (part, _process_error)
        for part in parts
        if type(part).handle_event is not Process.handle_event
    ]
    listeners += [
        (service, _service_error)
        for service in runtime.services.list()
        if type(service).handle_event is not Service.handle_event
    ]
    return listeners


def _process_error(name: str, evt: Event[Message], error: Exception) -> Message:
    return message.ProcessError(
        process=name, error=repr(error), evt=evt, traceback=traceback.format_exc()
    )


def _service_error(name: str, evt: Event[Message], error: Exception) -> Message:
    return message.ServiceError(
        service=name, error=repr(error), evt=evt, traceback=traceback.format_exc()
    )


def leave(status: int) -> None:
    """Ends the process even where a thread is stuck in the kernel or holds a library's lock."""
    logging.shutdown()
    os._exit(status)
