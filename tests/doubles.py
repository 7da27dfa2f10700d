"""Stand-ins that several tests share: messages, a clock that is set by hand, listeners."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, ClassVar

from bussdcc import ContextProtocol, Event, Message, Process, Service
from bussdcc.clock import ClockProtocol
from bussdcc.io import EventSinkProtocol
from health_collectord.events import SequencedEvent
from health_collectord.runtime.bus import OrderedBus
from health_collectord.vocabulary import Gauge, Row, Rows, Telemetry, Unit

START = datetime(2026, 1, 1, 12, tzinfo=UTC)


@dataclass(slots=True, frozen=True)
class Note(Message):
    """A sample: it may be dropped when too many wait."""

    namespace: ClassVar[str] = "test"
    number: int
    by: str = ""


@dataclass(slots=True, frozen=True, kw_only=True)
class RowSample(Row):
    level_percent: Annotated[float | None, Gauge(Unit.PERCENT, "how full")]


@dataclass(slots=True, frozen=True, kw_only=True)
class ProbeUpdated(Telemetry):
    """A metric's sample: ``system.probe.updated``."""

    used_percent: Annotated[float | None, Gauge(Unit.PERCENT, "how much is used", label="Used")]
    rows: Annotated[tuple[RowSample, ...], Rows("parts")] = ()


def at(seconds: float) -> datetime:
    """That many seconds after START."""
    return START + timedelta(seconds=seconds)


def event(payload: Message, seconds: float = 0.0) -> Event[Message]:
    return Event(time=at(seconds), payload=payload)


def sequenced(payload: Message, seq: int = 1, seconds: float = 0.0) -> SequencedEvent:
    return SequencedEvent(event(payload, seconds), seq)


class ManualClock(ClockProtocol):
    """Time passes when somebody sleeps or `advance` is called, and at no other moment."""

    def __init__(self, monotonic: float = 1000.0) -> None:
        self.now = monotonic
        self.origin = monotonic

    def advance(self, seconds: float) -> None:
        self.now += seconds

    def now_utc(self) -> datetime:
        return at(self.now - self.origin)

    def monotonic(self) -> float:
        return self.now

    def uptime(self) -> float:
        return self.now - self.origin

    def sleep(self, seconds: float, cancel: threading.Event | None = None) -> bool:
        self.advance(max(seconds, 0.0))
        return cancel is not None and cancel.is_set()


class Context(ContextProtocol):
    """A context without a runtime: emits go to a bus, or into `emitted` alone."""

    def __init__(self, clock: ClockProtocol | None = None, bus: Any = None, state: Any = None):
        self.clock = clock or ManualClock()
        self.events = self
        self.state = state
        self.emitted: list[Event[Message]] = []
        self._bus: OrderedBus | None = bus

    def emit(self, message: Any) -> None:
        emitted = message if isinstance(message, Event) else Event(self.clock.now_utc(), message)
        self.emitted.append(emitted)
        if self._bus is not None:
            self._bus.emit(emitted)

    @property
    def payloads(self) -> list[Message]:
        return [e.payload for e in self.emitted]


class ListSink(EventSinkProtocol):
    """Keeps every event."""

    def __init__(self) -> None:
        self.events: list[SequencedEvent] = []
        self.stopped = False

    def start(self, ctx: ContextProtocol) -> None: ...

    def stop(self) -> None:
        self.stopped = True

    def handle(self, evt: Event[Message]) -> None:
        assert isinstance(evt, SequencedEvent)
        self.events.append(evt)

    @property
    def names(self) -> list[str]:
        return [e.name for e in self.events]

    @property
    def seqs(self) -> list[int]:
        return [e.seq for e in self.events]


class CallingProcess(Process):
    """Calls a function with every event."""

    def __init__(self, name: str, handle: Callable[[Event[Message]], None]) -> None:
        self.name = name
        self._handle = handle

    def handle_event(self, ctx: ContextProtocol, evt: Event[Message]) -> None:
        self._handle(evt)


class CallingService(Service):
    """Calls a function at every tick; as fast as it can."""

    def __init__(self, name: str, tick: Callable[[ContextProtocol], None], **attributes: Any):
        self.name = name
        self.interval = 0.0
        self._tick = tick
        for key, value in attributes.items():
            setattr(self, key, value)

    def tick(self, ctx: ContextProtocol) -> None:
        self._tick(ctx)


class OneByOne:
    """A handler that notices when it is entered while it is running."""

    def __init__(self) -> None:
        self.inside = 0
        self.overlaps = 0

    def __call__(self, evt: object) -> None:
        self.inside += 1
        if self.inside > 1:
            self.overlaps += 1
        self.inside -= 1
