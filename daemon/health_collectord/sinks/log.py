"""The log for people: a line for each change of state, none for samples."""

import os
from collections.abc import Callable, Mapping
from typing import Any

from bussdcc import Message, message
from health_wire.terminal import escape

from health_collectord.events import SequencedEvent
from health_collectord.messages import (
    CollectorConfigured,
    CollectorEventsDropped,
    CollectorSinkDegraded,
    CollectorSinkRecovered,
    CollectorStarted,
    HealthUpdated,
    KernelLogStatus,
    KernelMessagesMissed,
    MetricStatus,
)
from health_collectord.sinks.queued import QueuedSink, Record, lines_of

# The journal's priorities (man 3 sd-daemon): 3 error, 4 warning, 5 notice, 6 informational.
Line = tuple[int, str]


class LogSink(QueuedSink):
    """Writes to standard error, each line with its priority where the journal reads it."""

    name = "log"
    pause = None

    def __init__(self, fd: int = 2, *, prefixed: bool = False) -> None:
        super().__init__(limit=500)
        self._fd = fd
        self._prefixed = prefixed

    def line(self, evt: SequencedEvent) -> bytes | None:
        said = _LINES[type(evt.payload)](evt.payload)
        if said is None:
            return None
        priority, text = said
        prefix = f"<{priority}>" if self._prefixed else ""
        return f"{prefix}{escape(text)}\n".encode()  # one line, whatever an error's text holds

    def write(self, batch: list[Record]) -> int:
        rest = memoryview(b"".join(lines_of(batch)))
        while rest:
            rest = rest[os.write(self._fd, rest) :]
        return len(batch)


def _started(said: CollectorStarted) -> Line:
    return 6, f"collector {said.version} observes {said.host}, epoch {said.epoch}"


def _status(said: MetricStatus | KernelLogStatus) -> Line | None:
    if said.status == "waiting":
        return None
    priority = {"failing": 4, "denied": 4}.get(said.status, 6)
    of = said.metric if isinstance(said, MetricStatus) else "kernel messages"
    return priority, f"{of}: {said.status}{f': {said.reason}' if said.reason else ''}"


def _missed(said: KernelMessagesMissed) -> Line:
    return 4, (
        f"of the kernel's messages {said.suppressed} are not told, too many at once, and"
        f" {said.overwritten} were overwritten before they could be read"
    )


def _health(said: HealthUpdated) -> Line | None:
    if said.figures_only:
        return None
    priority = {"critical": 3, "warning": 4, "unknown": 5}.get(said.health["status"], 6)
    return priority, f"health is {said.health['status']}: {said.health['summary']}"


def _degraded(said: CollectorSinkDegraded) -> Line:
    return 3, f"sink {said.sink} cannot write: {said.error}"


def _recovered(said: CollectorSinkRecovered) -> Line:
    return 5, f"sink {said.sink} writes again; {said.lost} events are not in it"


def _dropped(said: CollectorEventsDropped) -> Line:
    return 4, f"{said.count} samples came faster than they could be dispatched and were dropped"


def _configured(said: CollectorConfigured) -> Line:
    changes = ", ".join(f"{key} = {value}" for key, value in said.changed.items())
    return 5, f"configuration reloaded: {changes or 'nothing changed'}"


def _stopping(said: message.RuntimeShuttingDown) -> Line:
    return 6, f"stopping: {said.reason}"


def _error(said: Message) -> Line:
    """Any error of bussdcc's, such as `ServiceError`, in its own words."""
    words = [str(getattr(said, name, "")) for name in ("service", "process", "handler", "error")]
    return 3, f"{type(said).__name__}: {' '.join(filter(None, words))}"


_LINES: Mapping[type[Message], Callable[[Any], Line | None]] = {
    CollectorStarted: _started,
    KernelLogStatus: _status,
    KernelMessagesMissed: _missed,
    MetricStatus: _status,
    HealthUpdated: _health,
    CollectorSinkDegraded: _degraded,
    CollectorSinkRecovered: _recovered,
    CollectorEventsDropped: _dropped,
    CollectorConfigured: _configured,
    message.RuntimeShuttingDown: _stopping,
    message.EventSubscriberError: _error,
    message.ProcessError: _error,
    message.ServiceError: _error,
    message.ServiceFailure: _error,
}
LogSink.types = tuple(_LINES)
