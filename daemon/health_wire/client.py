"""`CollectorClient`: follows one collector and holds its state, through silence and restarts.

It runs in whatever thread or greenlet calls it and imports no framework: give it a
``zmq.green.Context`` and it yields to gevent, give it none and it blocks its thread.

    with CollectorClient() as collector:
        for update in collector:
            print(update)
"""

import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Literal, Self

import zmq

from health_wire import protocol, tree
from health_wire.keys import ClientKeys
from health_wire.protocol import ProtocolError
from health_wire.subscription import CONNECT_SECONDS, Subscription, connect
from health_wire.updates import (
    Event,
    Gap,
    Link,
    LinkStatus,
    Snapshot,
    Update,
    decode_event,
    natural,
    object_,
    text,
)

__all__ = [
    "CollectorClient",
    "CollectorTimeout",
    "Event",
    "Gap",
    "Link",
    "LinkStatus",
    "Snapshot",
    "Update",
]

_RETRY_SECONDS = 0.5
_ENDED_HANDSHAKES = 3  # in a row: no accident
_MENDED_SECONDS = 5.0  # events from before a break may still have waited here
_LATE_SECONDS = 2.0  # this client did not run: before long, a collector gives up on it
# A lost SYN is repeated by the kernel after a second: where connecting was quick before, a new
# connection is quicker. Should the way have become longer meanwhile, now and then it gets the time.
_QUICK_SECONDS = 0.3
_QUICK_FOR_SECONDS = 60.0
_PATIENT_EVERY = 4


class CollectorTimeout(TimeoutError):
    """The collector did not answer a request in time."""


class CollectorClient:
    """Follows one collector.

    Args:
        events: the collector's events endpoint.
        state: the collector's state endpoint.
        keys: what an `Invitation` gives; loopback endpoints need none.
        context: a zmq context to use; one of the client's own without it.
        clock: monotonic seconds.
        timeout: seconds to wait for the reply to a request.

    Raises:
        ValueError: an endpoint is not one.

    Attributes:
        state: the state tree, `tree.FrozenDict`; empty before the first snapshot.
        host, epoch, seq: what the state belongs to; None, None and 0 before that.
        status: ``connecting`` until the first snapshot, then ``live`` or ``stale``.
        reached: whether the events endpoint has ever taken a connection.
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
    ) -> None:
        self.events_endpoint = events
        self.state_endpoint = state
        self._keys = keys
        self._own_context = context is None
        self._context: zmq.Context[Any] = context or zmq.Context()
        self._clock = clock
        self._timeout = timeout
        self.state = tree.EMPTY
        self.host: str | None = None
        self.epoch: str | None = None
        self.seq = 0
        self.status: LinkStatus = "connecting"
        self.reached = False
        self.refusal: str | None = None
        self._ended = 0  # handshakes in a row that ended without a reason
        self._broken_until = float("-inf")  # a loss before that was the link's
        self._slow_until = float("-inf")  # a loss before that was this client's own
        self._synced = False
        self._joined = False  # whether an event has come: from then on a hole is a loss
        self._left: set[str] = set()  # epochs that are over, while their events may still come
        self._next_try = self._heard = self._paced = self._clock()
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

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the sockets; the client cannot be used afterwards."""
        self._subscription.close()
        if self._own_context:
            self._context.term()

    def __iter__(self) -> Iterator[Update]:
        """Updates for ever, as they come."""
        while not self._subscription.closed:
            yield from self.receive(1.0)

    @property
    def silent_seconds(self) -> float:
        """For how long nothing has come from the collector."""
        return self._clock() - self._heard

    def receive(self, timeout: float) -> list[Update]:
        """What has come within `timeout` seconds, in order; returns at the first that has.

        Never raises for what the other side sends or fails to send: that is what the updates say.
        """
        updates: list[Update] = []
        self._pace()
        self._join(updates)
        if not updates:
            wait = self._wait(timeout)
            self._subscription.wait(wait)
            self._pace(wait)
            self._join(updates)
        for _ in range(1000):  # bounded, so that a flood cannot keep the caller from its turn
            frames = self._subscription.receive()
            if frames is None:
                break
            self._accept(frames, updates)
        self._judge(updates)
        self._pace()
        return updates

    def request(self, op: str, /, timeout: float | None = None, **members: Any) -> dict[str, Any]:
        """The collector's reply to a request; may be called from any thread at any time.

        Raises:
            CollectorTimeout: no reply in time.
            ProtocolError: the reply is an error, or is not of the protocol.
        """
        seconds = self._timeout if timeout is None else timeout
        return self._ask({"op": op, **members}, seconds, self._keys)

    def _ask(
        self, request: dict[str, Any], seconds: float, keys: ClientKeys | None
    ) -> dict[str, Any]:
        socket = connect(self._context, zmq.REQ, self.state_endpoint, keys)
        try:
            socket.send(protocol.encode(request))
            if not socket.poll(int(seconds * 1000)):
                raise CollectorTimeout(f"{self.state_endpoint} did not answer within {seconds:g} s")
            reply = protocol.decode_object(socket.recv())
        finally:
            socket.close()
        if reply.get("ok") is not True:
            error, message = reply.get("error"), reply.get("message")
            raise ProtocolError(str(error or protocol.INTERNAL), str(message or "no reason given"))
        return reply

    def _takes_no_keys(self) -> bool:
        """Whether the collector answers a client that has none."""
        try:
            self._ask({"op": "ping"}, _RETRY_SECONDS, None)
        except CollectorTimeout:
            return False
        except ProtocolError:
            pass
        return True

    def _pace(self, waited: float = 0.0) -> None:
        """Takes notice of where this client did not run for longer than it meant to wait."""
        now = self._clock()
        if now - self._paced > waited + _LATE_SECONDS:
            self._slow_until = now + _MENDED_SECONDS
        self._paced = now

    def _watch(self, updates: list[Update]) -> None:
        """Takes notice of what became of the connection."""
        for event in self._subscription.changes():
            if event == zmq.EVENT_DISCONNECTED:
                self._broken_until = float("inf")
            elif event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
                self._ended = 0
                self.reached = True
                self._broken_until = min(self._broken_until, self._clock() + _MENDED_SECONDS)
                self._refused(None, updates)
                if self.status == "stale":  # the next event need not be waited for
                    self._synced = False
                    self._next_try = self._clock()
            elif event == zmq.EVENT_HANDSHAKE_FAILED_AUTH:
                self._refused("the collector does not allow this key", updates)
            elif event == zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL:
                asks = "asks for keys" if self._keys is None else "takes no keys"
                self._refused(f"the collector {asks}", updates)
            elif self._keys is not None:
                # A wrong key looks like this, and often enough no key: libzmq can close the
                # connection before it has sent the greeting that would tell.
                self._ended += 1
                if self._ended % _ENDED_HANDSHAKES == 0:
                    has = "takes no keys" if self._takes_no_keys() else "has a new key"
                    self._refused(f"the collector {has}", updates)

    def _refused(self, why: str | None, updates: list[Update]) -> None:
        refusal = why and f"{why}: `health-collectord invite` there makes a new invitation"
        if why and why.endswith("takes no keys"):
            refusal = f"{why}: follow its endpoints without an invitation"
        if refusal != self.refusal:
            self.refusal = refusal
            self._next_try = self._clock()
            updates.append(Link(self.status, self.silent_seconds, refusal))

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
            updates.append(Link("stale", silent, self.refusal))
        if now >= self._reconnect_at:
            self._reconnect_at = now + protocol.STALE_AFTER_SECONDS
            self._left.clear()
            self._broken_until = float("inf")
            self._watch(updates)
            self._subscription.close()
            self._reconnected += 1
            patient = silent > _QUICK_FOR_SECONDS and self._reconnected % _PATIENT_EVERY == 0
            self._subscription = Subscription(
                self._context,
                self.events_endpoint,
                self._keys,
                patience=CONNECT_SECONDS if patient else self._reach,
                again=self.refusal is None,  # else this is often enough
            )

    def _join(self, updates: list[Update]) -> None:
        """Gets the collector's state where there is none, as soon as its events come here."""
        self._watch(updates)
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
        self._pace()
        try:
            reply = self._ask({"op": "snapshot"}, seconds, self._keys)
            snapshot = Snapshot(
                host=text(reply, "host"),
                epoch=text(reply, "epoch"),
                seq=natural(reply, "seq"),
                time=text(reply, "time"),
                state=tree.freeze(object_(reply, "state")),
            )
        except (CollectorTimeout, ProtocolError, RecursionError):  # the last: nested too deeply
            self._next_try = self._clock() + _RETRY_SECONDS
            return False
        finally:
            self._pace(seconds)
        # At least four round trips: connecting alone takes one.
        self._reach = min(max((self._clock() - began) / 2, _QUICK_SECONDS), CONNECT_SECONDS)
        if self.status == "stale" and (snapshot.epoch, snapshot.seq) == (self.epoch, self.seq):
            self._synced = True  # it answers, but nothing happens there any more
            return True
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
            links = now < self._broken_until and now >= self._slow_until
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

    def _accept(self, frames: list[bytes], updates: list[Update]) -> None:
        event = decode_event(frames)
        if event is None or event.epoch in self._left:
            return  # not of this protocol version, or a straggler of an epoch that is over
        self._alive(updates)
        before = self.epoch
        if event.epoch != before or event.seq > self.seq + 1:
            self._synced = False
        if not self._synced and not self._synchronise(updates):
            return
        if event.epoch != self.epoch:
            if self.epoch == before:  # a straggler of an older one, then
                self._left.add(event.epoch)
            return
        if event.seq > self.seq + 1:  # not yet in a snapshot that was so quick
            self._synced = False
            return
        self._joined = True
        if event.seq <= self.seq:
            return
        try:
            self.state = tree.apply(self.state, event.name, event.data)
        except (ValueError, RecursionError):  # no path, or one through a value: not our state
            self._synced = False
            return
        self.seq = event.seq
        updates.append(event)
