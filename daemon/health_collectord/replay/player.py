"""Time and order of a replay: recorded pauses are kept, recorded jumps are told."""

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from bussdcc import ContextProtocol, Service
from bussdcc.event import Event
from bussdcc.message import Message
from health_wire.tree import state_path

from health_collectord.events import SequencedEvent, format_time
from health_collectord.replay.recording import BOOTING, Recorded, RecordedEvent, Replayed
from health_collectord.runtime.bus import OrderedBus
from health_collectord.runtime.clock import WakeOnceClock

# Seconds. A collector says something every second: after a longer pause, it slept, or was not
# running, or its clock was set. Threads' events are some milliseconds out of order.
_LONGEST_PAUSE = 3.0
_LEAST_JUMP_BACK = 1.0
_MOST_IN_A_TURN = 1000  # events, before it is looked whether the player shall stop
_log = logging.getLogger(__name__)


@dataclass(slots=True, frozen=True, kw_only=True)
class ReplayJumped(Replayed):
    """The recording goes on at another time; the replay did not wait for it."""

    since: str
    until: str
    seconds: float

    @property
    def event_name(self) -> str:
        return "collector.replay.jumped"


class ReplayClock(WakeOnceClock):
    """The date is the recording's; what sleeps, sleeps real seconds.

    bussdcc's own sleeps through recorded jumps, and lets sleepers wait for the recording's time.
    """

    def __init__(self) -> None:
        super().__init__()
        self.recorded: datetime | None = None

    def now_utc(self) -> datetime:
        return self.recorded or super().now_utc()


class ReplayBus(OrderedBus):
    """Numbers and delivers what is replayed, and nothing else.

    What the runtime says of itself reaches only those who ask for its class by name: who watches
    for failures, and the log. With bussdcc's own replay it stands among the recorded events.
    """

    def emit_all(self, events: Iterable[Event[Message]]) -> None:
        """The same as `emit` for each, in less time."""
        self._queue.extend(events)
        self._combine()

    @staticmethod
    def sequence(event: Event[Message], seq: int) -> SequencedEvent:
        return event.placed(seq) if isinstance(event, RecordedEvent) else SequencedEvent(event, seq)

    def _dispatch(self, event: Event[Message]) -> None:
        payload = event.payload
        if isinstance(payload, Replayed):
            super()._dispatch(event)
            return
        own = SequencedEvent(event, self.seq)
        for subscription in self._by_type.get(type(payload)) or self._find(type(payload)):
            if subscription.type is not Message:
                subscription.handler(own)


class Player(Service):
    """Emits recorded events, each as long after the one before it as it was recorded.

    Where the recorded collector starts anew its state does too: all that was known is taken back
    with ``null``, as a metric's is that can no longer be read.

    Args:
        clock: is set to each event's time.
        known: emitted at once: what was known when `events` begin.
        speed: recorded seconds in one second.
        ended: called once after the last event.
    """

    name = "player"
    critical = True

    def __init__(
        self,
        clock: ReplayClock,
        known: Iterable[Event[Message]],
        events: Iterator[Event[Message]],
        *,
        speed: float,
        ended: Callable[[], None],
    ) -> None:
        self.interval = 0.0
        self._clock = clock
        self._known = known
        self._events = events
        self._held: Event[Message] | None = None  # the next, whose time has not come
        self._speed = speed
        self._ended = ended
        self._state: dict[str, None] = {}
        self._time: datetime | None = None
        self._played: datetime | None = None  # the last event's
        self._due = 0.0
        self._said: list[Event[Message]] = []  # what has yet to be emitted
        self._over = False

    def tick(self, ctx: ContextProtocol) -> None:
        """Emits what is due, and sleeps until the next is."""
        for known in self._known:
            self._clock.recorded = known.time
            self._play(known)
        self._known = ()
        self.interval = 0.0
        self._gather(ctx)
        said, self._said = self._said, []
        bus = ctx.events
        if isinstance(bus, ReplayBus):
            bus.emit_all(said)
        else:
            for event in said:
                bus.emit(event)
        if self._over:
            self.interval = _LONGEST_PAUSE
            ended, self._ended = self._ended, lambda: None
            ended()

    def _gather(self, ctx: ContextProtocol) -> None:
        """What is due, some of it at a time; when that is all, sets how long to sleep."""
        for _ in range(_MOST_IN_A_TURN):
            event = self._held or next(self._events, None)
            if event is None:
                self._over = True
                return
            if event.time is not self._played:  # those of a tick share one
                if event is not self._held:
                    self._wait_for(ctx, event)
                left = self._due - ctx.clock.monotonic()
                if left > 0:
                    self._held = event
                    self.interval = left
                    return
                self._held = None
                self._played = self._clock.recorded = event.time
            self._play(event)

    def _wait_for(self, ctx: ContextProtocol, event: Event[Message]) -> None:
        """Moves `_due` to the moment of this event."""
        if self._time is None:
            self._due = ctx.clock.monotonic()
            self._time = event.time
        pause = (event.time - self._time).total_seconds()
        if -_LEAST_JUMP_BACK <= pause <= _LONGEST_PAUSE:
            self._due += max(pause, 0.0) / self._speed
            self._time = max(self._time, event.time)
            return
        since, until = format_time(self._time), format_time(event.time)
        _log.info("the recording goes on at %s instead of %s", until, since)
        jumped = ReplayJumped(since=since, until=until, seconds=round(pause, 3))
        self._time = event.time
        self._due = ctx.clock.monotonic()
        self._clock.recorded = event.time
        self._said.append(Event(time=event.time, payload=jumped))

    def _play(self, event: Event[Message]) -> None:
        payload = event.payload
        assert isinstance(payload, Recorded)
        name = payload.event_name
        if name not in self._state:
            if name == BOOTING:
                self._forget(event.time)
            elif state_path(name) is not None:
                self._state[name] = None
        self._said.append(event)

    def _forget(self, time: datetime) -> None:
        for name in self._state:
            self._said.append(Event(time=time, payload=Recorded(name, None)))
        self._state.clear()
