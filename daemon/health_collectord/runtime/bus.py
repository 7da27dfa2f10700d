"""One total order for all events."""

import logging
import math
import threading
import traceback
from collections import deque
from collections.abc import Callable
from datetime import datetime
from time import monotonic
from typing import Any, TypeVar

from bussdcc import message
from bussdcc.event import Event, EventBusProtocol, EventHandler, SubscriptionProtocol
from bussdcc.message import Message, Severity

from health_collectord.events import SequencedEvent
from health_collectord.messages import CollectorEventsDropped

T = TypeVar("T")
_log = logging.getLogger(__name__)

_MOST_IN_A_TURN = 1000
_TELL_DROPPED_SECONDS = 1.0


class _Subscription:
    __slots__ = ("_bus", "handler", "type")

    def __init__(self, bus: "OrderedBus", type_: type[Any], handler: Callable[[Any], None]) -> None:
        self._bus = bus
        self.type = type_
        self.handler = handler

    def cancel(self) -> None:
        """Ends the subscription after everything emitted so far has been delivered to it."""
        self._bus.unsubscribe(self)


class OrderedBus(EventBusProtocol):
    """An event bus on which every handler sees every event in one order, one at a time.

    bussdcc's own bus runs handlers in the emitting thread: two services that emit at once run
    handlers at once, and an event emitted by a handler overtakes the one that caused it. Here an
    emitter appends to a queue, and whichever thread finds no dispatch in progress works the
    queue off (flat combining). No waiting, and no lock that an emitter could wait for while it
    holds another: `emit` never blocks. No thread of its own either, unless others emit so fast
    that the dispatching thread would never get back to its own work.

    An event gets its sequence number when it is dispatched. `committed` is called with the number
    after all handlers have seen the event.

    Args:
        limit: how many events may wait. Beyond it, samples are dropped, counted, and the count
            is told in `collector.events.dropped`; life-cycle and error events are never dropped.

    Attributes:
        sequence: what makes an event and its number one.
    """

    sequence: Callable[[Event[Message], int], SequencedEvent] = SequencedEvent

    def __init__(
        self,
        *,
        limit: int = 10_000,
        committed: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._limit = limit
        self._committed = committed
        self._queue: deque[Event[Message]] = deque()
        self._turn = threading.Lock()
        self._dispatcher: int | None = None
        self._subscriptions: tuple[_Subscription, ...] = ()
        self._by_type: dict[type, tuple[_Subscription, ...]] = {}
        self._change = threading.Lock()
        self._dropped = 0
        self.seq = 0
        self.advanced = monotonic()
        self._told = self.advanced

    @property
    def depth(self) -> int:
        """How many events wait."""
        return len(self._queue)

    def subscribe(self, event_type: type[T], handler: EventHandler[T]) -> SubscriptionProtocol:
        subscription = _Subscription(self, event_type, handler)
        with self._change:
            self._subscriptions = (*self._subscriptions, subscription)
            self._by_type = {}
        return subscription

    def unsubscribe(self, subscription: SubscriptionProtocol) -> None:
        self.drain()
        with self._change:
            self._subscriptions = tuple(s for s in self._subscriptions if s is not subscription)
            self._by_type = {}

    def emit(self, event: Event[Message]) -> None:
        payload = event.payload
        if len(self._queue) >= self._limit and _may_be_dropped(payload):
            self._dropped += 1
            return
        self._queue.append(event)
        self._combine()

    def drain(self, timeout: float = 5.0) -> bool:
        """Waits until everything emitted so far has been dispatched.

        Returns:
            False if it has not within `timeout` seconds, or when called by a handler, which
            cannot wait for itself.
        """
        if self._dispatcher == threading.get_ident():
            return False
        deadline = monotonic() + timeout
        while self._queue or self._turn.locked():
            self._combine()
            left = deadline - monotonic()
            if left <= 0:
                return False
            if self._turn.acquire(timeout=left):  # the dispatching thread is done, or never is
                self._turn.release()
        return True

    def _combine(self, most: float = _MOST_IN_A_TURN) -> None:
        # An event appended after the inner loop saw an empty queue and before the release is
        # found by the outer condition, or by its own emitter, who then gets the turn.
        while self._queue and self._turn.acquire(blocking=False):
            count = 0
            self._dispatcher = threading.get_ident()
            try:
                while self._queue and count < most:
                    event = self._queue.popleft()
                    self._dispatch(event)
                    count += 1
                    if self._dropped:
                        self._tell_dropped(event.time)
            finally:
                self._dispatcher = None
                self._turn.release()
            if count >= most:  # whoever emits has work of its own to go back to
                threading.Thread(
                    target=self._combine, args=(math.inf,), name="bus", daemon=True
                ).start()
                return

    def _tell_dropped(self, time: datetime) -> None:
        """Once the queue is worked off; once a second while it never is."""
        if self._queue and self.advanced - self._told < _TELL_DROPPED_SECONDS:
            return
        self._told = self.advanced
        count, self._dropped = self._dropped, 0
        self._queue.append(Event(time=time, payload=CollectorEventsDropped(count=count)))

    def _dispatch(self, event: Event[Message]) -> None:
        payload = event.payload
        try:
            sequenced = self.sequence(event, self.seq + 1)
        except Exception:  # noqa: BLE001 whatever a message does when it is asked for its data
            _log.exception("an event that cannot be encoded was dropped: %r", payload)
            return
        self.seq += 1
        for subscription in self._by_type.get(type(payload)) or self._find(type(payload)):
            try:
                subscription.handler(sequenced)
            except Exception as error:  # noqa: BLE001 a handler's failure must not end the order
                self._report(sequenced, subscription, error)
        self._committed(self.seq)
        self.advanced = monotonic()

    def _find(self, payload: type) -> tuple[_Subscription, ...]:
        """Who listens to messages of this class; kept until a subscription comes or goes."""
        with self._change:
            found = tuple(s for s in self._subscriptions if issubclass(payload, s.type))
            self._by_type[payload] = found
        return found

    def _report(self, event: SequencedEvent, subscription: _Subscription, error: Exception) -> None:
        trace = traceback.format_exc()
        if event.payload.severity >= Severity.ERROR:  # never an error about an error
            _log.error("%r failed on %s: %s\n%s", subscription.handler, event.name, error, trace)
            return
        failure = message.EventSubscriberError(
            event=event, handler=repr(subscription.handler), error=repr(error), traceback=trace
        )
        self._queue.append(Event(time=event.time, payload=failure))


def _may_be_dropped(payload: Message) -> bool:
    return payload.severity < Severity.ERROR and hasattr(payload, "namespace")
