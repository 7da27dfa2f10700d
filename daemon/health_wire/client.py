"""`CollectorClient`: follows one collector and holds its state, through silence and restarts.

It runs in whatever thread or greenlet calls it and imports no framework: give it a
``zmq.green.Context`` and it yields to gevent, give it none and it blocks its thread.

    with CollectorClient() as collector:
        for update in collector:
            print(update)
"""

import time
from collections.abc import Callable, Iterator
from typing import Any, Literal, Self

import zmq

from health_wire import door, protocol, tree
from health_wire.budget import LEAST_BYTES, Budget, Pace, Resting
from health_wire.door import Violation
from health_wire.keys import ClientKeys
from health_wire.protocol import ProtocolError
from health_wire.requests import CollectorTimeout, answers, ask
from health_wire.subscription import CONNECT_SECONDS, ENDED, REFUSALS, Subscription, connect
from health_wire.updates import Gap, Link, LinkStatus, Snapshot, Update

_RETRY_SECONDS = 0.5
_MOST_AT_ONCE = 256 * 1024  # bytes, some milliseconds' work
_MOST_EPOCHS = 50
_ENDED_HANDSHAKES = 3  # in a row: no accident
_MENDED_SECONDS = 5.0  # events from before a break may still have waited here
# A lost SYN is repeated by the kernel after a second: where connecting was quick before, a new
# connection is quicker. Should the way have become longer meanwhile, now and then it gets the time.
_QUICK_SECONDS = 0.3
_QUICK_FOR_SECONDS = 60.0
_PATIENT_EVERY = 4


class CollectorClient:
    """Follows one collector.

    Args:
        events: the collector's events endpoint.
        state: the collector's state endpoint.
        keys: what an `Invitation` gives; loopback endpoints need none.
        context: a zmq context to use; one of the client's own without it.
        clock: monotonic seconds.
        timeout: seconds to wait for the reply to a request.
        most: how many bytes a reply may have just now.
        turn: called before a message is read, with its size in bytes; it may wait.

    Raises:
        ValueError: an endpoint is not one.

    Attributes:
        state: the state tree, `tree.FrozenDict`; empty before the first snapshot.
        host, epoch, seq: what the state belongs to; None, None and 0 before that.
        status: ``connecting`` until the first snapshot, then ``live`` or ``stale``.
        reached: whether the events endpoint has ever taken a connection.
        fault: what it last sent that is not of the protocol, for which this client leaves it alone
            for a while: a second, and up to a minute where that goes on; else None.
        refusal: why the collector does not let this client in, with the remedy; else None. It is
            tried again all the while: once the keys are right, it goes on.
    """

    def __init__(
        self,
        events: str = protocol.EVENTS_ENDPOINT,
        state: str = protocol.STATE_ENDPOINT,
        *,
        keys: ClientKeys | None = None,
        context: zmq.Context[Any] | None = None,
        clock: Callable[[], float] = time.monotonic,
        timeout: float = 2.0,
        most: Callable[[], int] = lambda: door.MAX_REPLY_BYTES,
        turn: Callable[[int], None] = lambda _: None,
    ) -> None:
        self.events_endpoint = events
        self.state_endpoint = state
        self._keys = keys
        self._own_context = context is None
        self._closed = False
        self._context: zmq.Context[Any] = context or zmq.Context()
        self._clock = clock
        self._timeout = timeout
        self._most, self._turn = most, turn
        self.state = tree.EMPTY
        self.host: str | None = None
        self.epoch: str | None = None
        self.seq = 0
        self.status: LinkStatus = "connecting"
        self.reached = False
        self.refusal: str | None = None
        self.fault: str | None = None
        self._violated: Violation | None = None  # what a reply was, until `receive` takes notice
        self._budget = Budget(clock)
        self._rest = Resting(clock)
        self._ended = 0  # handshakes in a row that ended without a reason
        self._broken_until = float("-inf")  # a loss before that was the link's
        self._pace = Pace(self._clock, _MENDED_SECONDS)
        self._synced = False
        self._joined = False  # whether an event has come: from then on a hole is a loss
        self._left: set[str] = set()  # epochs that are over, while their events may still come
        self._next_try = self._heard = self._clock()
        self._reconnect_at = self._heard + protocol.STALE_AFTER_SECONDS
        self._reconnected = 0  # how often since anything was heard
        self._reach = CONNECT_SECONDS  # how long connecting may take
        try:
            connect(self._context, zmq.REQ, state, keys).close()
            self._subscription = Subscription(self._context, events, keys)
        except ValueError:
            if self._own_context:
                self._context.term()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the sockets; the client cannot be used afterwards."""
        self._closed = True
        self._subscription.close()
        if self._own_context:
            self._context.term()

    def __iter__(self) -> Iterator[Update]:
        """Updates for ever, as they come."""
        while not self._closed:
            yield from self.receive(1.0)

    @property
    def silent_seconds(self) -> float:
        """For how long nothing has come from the collector."""
        return self._clock() - self._heard

    @property
    def unread(self) -> int:
        """Bytes that have come and stand in libzmq's queues, or in a message without an end."""
        return 0 if self._subscription.closed else int(self._subscription.unread)

    def receive(self, timeout: float) -> list[Update]:
        """What has come within `timeout` seconds, in order; returns at the first that has.

        Never raises for what the other side sends or fails to send: that is what the updates say.
        """
        updates: list[Update] = []
        self._pace.ran()
        try:
            if self._subscription.closed:
                self._pause(timeout)
            else:
                self._take(timeout, updates)
        except Violation as error:
            updates.append(self.leave(error.fault))
        self._judge(updates)
        self._pace.ran()
        return updates

    def _take(self, timeout: float, updates: list[Update]) -> None:
        """Waits for events and takes what there is, but not so much as to keep the caller."""
        self._join(updates)
        if not updates:
            wait = self._wait(timeout)
            self._subscription.wait(wait)
            self._pace.ran(wait)
            self._join(updates)
        violated, self._violated = self._violated, None
        if violated is not None:
            raise violated
        taken = 0
        while taken < _MOST_AT_ONCE:
            frames = self._subscription.receive()
            if frames is None:
                self._subscription.unread.drain()
                break
            size = sum(map(len, frames))
            taken += max(size, LEAST_BYTES)
            self._budget.spend(size)
            self._turn(size)
            self._accept(frames, updates)

    def leave(self, fault: str) -> Link:
        """Leaves the collector alone for a while, for what it does."""
        self.fault = fault
        self._subscription.close()
        self._rest.begin()
        self._synced = False
        self._left.clear()
        self._broken_until = float("inf")
        return Link(self.status, self.silent_seconds, self.refusal, fault)

    def _pause(self, timeout: float) -> None:
        """Waits as this context's sockets do, and connects anew where there was rest enough."""
        left = self._rest.left
        if left:
            with self._context.socket(zmq.PAIR) as nothing_comes:
                nothing_comes.poll(int(min(timeout, left) * 1000) + 1)
        if not self._rest.left:
            self._connect(self._reach)

    def request(self, op: str, /, timeout: float | None = None, **members: Any) -> dict[str, Any]:
        """The collector's reply to a request; may be called from any thread at any time.

        Raises:
            CollectorTimeout: no reply in time.
            ProtocolError: the reply is an error, or is not of the protocol.
        """
        if self._rest.left:
            raise ProtocolError(protocol.BUSY, f"left alone, because it {self.fault}")
        try:
            return self._read(op, self._ask(timeout or self._timeout, op, **members))
        except Violation as error:
            self._violated = error  # whoever receives leaves it, then
            raise

    def _ask(self, seconds: float, op: str, **members: Any) -> bytes:
        where = self._context, self.state_endpoint, self._keys
        return ask(*where, seconds, self._most, op=op, **members)

    def _read(self, op: str, frame: bytes) -> dict[str, Any]:
        self._turn(len(frame))
        return door.answer(op, frame, self._most())

    def _watch(self, updates: list[Update]) -> None:
        """Takes notice of what became of the connection."""
        before = self._ended // _ENDED_HANDSHAKES
        for event in self._subscription.changes():
            if event == zmq.EVENT_DISCONNECTED:
                self._broken_until = float("inf")
                self._budget.cut()
            elif event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
                self._ended = 0
                self.reached = True
                self._broken_until = min(self._broken_until, self._clock() + _MENDED_SECONDS)
                self._refused(None, updates)
                if self.status == "stale":  # the next event need not be waited for
                    self._synced = False
                    self._next_try = self._clock()
            elif event in REFUSALS:
                self._ended = 0
                self._refused(REFUSALS[event][self._keys is not None], updates)
            elif self._keys is not None:
                # A wrong key looks like this, and often enough no key: libzmq can close the
                # connection before it has sent the greeting that would tell.
                self._ended += 1
        if self._ended // _ENDED_HANDSHAKES > before:  # once: meanwhile there will be more
            plain = answers(self._context, self.state_endpoint, _RETRY_SECONDS)
            self._refused(ENDED[plain], updates)

    def _refused(self, refusal: str | None, updates: list[Update]) -> None:
        if refusal != self.refusal:
            self.refusal = refusal
            self._next_try = self._clock()
            updates.append(Link(self.status, self.silent_seconds, refusal, self.fault))

    def _wait(self, timeout: float) -> float:
        """How long to wait for events: not past the moment at which silence means something."""
        now = self._clock()
        moments = [now + timeout, self._reconnect_at]
        if self.status == "live":
            moments.append(self._heard + protocol.STALE_AFTER_SECONDS)
        if self._subscription.connected and not self._synced:
            moments.append(self._next_try)
        return max(min(moments) - now, 0.0) + 0.001

    def _judge(self, updates: list[Update]) -> None:
        """Silence: say so once, and connect anew each time it has lasted as long again."""
        now = self._clock()
        silent = now - self._heard
        if silent >= protocol.STALE_AFTER_SECONDS and self.status == "live":
            self.status = "stale"
            updates.append(Link("stale", silent, self.refusal, self.fault))
        if now >= self._reconnect_at and not self._subscription.closed:
            self._reconnect_at = now + protocol.STALE_AFTER_SECONDS
            self._left.clear()
            self._broken_until = float("inf")
            self._watch(updates)
            self._subscription.close()
            self._reconnected += 1
            patient = silent > _QUICK_FOR_SECONDS and self._reconnected % _PATIENT_EVERY == 0
            self._connect(CONNECT_SECONDS if patient else self._reach)

    def _connect(self, patience: float) -> None:
        self._subscription = Subscription(
            self._context,
            self.events_endpoint,
            self._keys,
            patience=patience,
            again=self.refusal is None,  # else this is often enough
        )

    def _join(self, updates: list[Update]) -> None:
        """Gets the collector's state where there is none, as soon as its events come here."""
        self._watch(updates)
        self._budget.judge_cuts()
        if self._subscription.connected and not self._synced:
            self._synchronise(updates)

    def _synchronise(self, updates: list[Update]) -> bool:
        """Replaces the state by the collector's snapshot; false where it cannot be had now."""
        began = self._clock()
        if began < self._next_try:
            return False
        seconds = self._timeout
        if self.status == "live":  # silence has to be told in time
            left = self._heard + protocol.STALE_AFTER_SECONDS - began
            seconds = min(seconds, max(left, 0.1))
        self._pace.ran()
        try:
            frame = self._ask(seconds, "snapshot")
            self._budget.spend(len(frame))
            reply = self._read("snapshot", frame)
            names = ("host", "epoch", "seq", "time", "state")
            snapshot = Snapshot(*(reply[name] for name in names))
        except (CollectorTimeout, ProtocolError) as error:
            if isinstance(error, Violation):
                raise
            self._next_try = self._clock() + _RETRY_SECONDS
            return False
        finally:
            self._pace.ran(seconds)
        # At least four round trips: connecting alone takes one.
        self._reach = min(max((self._clock() - began) / 2, _QUICK_SECONDS), CONNECT_SECONDS)
        if self.status == "stale" and (snapshot.epoch, snapshot.seq) == (self.epoch, self.seq):
            self._synced = True  # it answers, but nothing happens there any more
            return True
        if snapshot.epoch != self.epoch:
            self._budget.start()
        self._budget.begin(len(frame))
        self._tell_lost(snapshot, updates)
        self._left.discard(snapshot.epoch)
        self.host, self.epoch, self.seq = snapshot.host, snapshot.epoch, snapshot.seq
        self.state = snapshot.state
        self._synced = True
        updates.append(snapshot)
        self._alive(updates)
        return True

    def _tell_lost(self, snapshot: Snapshot, updates: list[Update]) -> None:
        """Between what was applied last and a snapshot."""
        if self.epoch is not None and snapshot.epoch != self.epoch:
            updates.append(Gap(self.epoch, self.seq + 1, None, "restart"))
            self._left.add(self.epoch)
        elif self._joined and snapshot.seq > self.seq:
            self._watch(updates)
            now = self._clock()
            links = now < self._broken_until and not self._pace.slow
            why: Literal["link", "slow"] = "link" if links else "slow"
            updates.append(Gap(snapshot.epoch, self.seq + 1, snapshot.seq, why))

    def _alive(self, updates: list[Update]) -> None:
        now = self._clock()
        silent = now - self._heard
        self._heard = now
        self._reconnect_at = now + protocol.STALE_AFTER_SECONDS
        self._reconnected = 0
        if self.status != "live" and self._synced:
            self.status = "live"
            updates.append(Link("live", silent))
        elif self.fault is not None:
            updates.append(Link(self.status, silent))
        self.fault = None

    def _accept(self, frames: list[bytes], updates: list[Update]) -> None:
        event = door.event(frames)
        if event.epoch in self._left:
            return  # a straggler of an epoch that is over
        self._alive(updates)
        before = self.epoch
        if event.epoch != before or event.seq > self.seq + 1:
            self._synced = False
        if not self._synced and not self._synchronise(updates):
            return
        if event.epoch != self.epoch:
            if self.epoch == before:  # a straggler of an older one, then
                self._left.add(event.epoch)
                if len(self._left) > _MOST_EPOCHS:
                    raise Violation(f"events of more than {_MOST_EPOCHS} epochs at once")
            return
        if event.seq > self.seq + 1:  # not yet in a snapshot that was so quick
            self._synced = False
            return
        self._joined = True
        if event.seq <= self.seq:
            return
        path = tree.state_path(event.name)
        if path is not None:
            self._budget.put(path, len(frames[1]))
            try:
                self.state = tree.put(self.state, path, event.data)
            except ValueError as error:  # no path, or one through a value
                raise Violation(f"an event for {error}") from None
        self.seq = event.seq
        updates.append(event)
