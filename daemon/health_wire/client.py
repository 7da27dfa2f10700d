"""`CollectorClient`: follows one collector and holds its state, through silence and restarts.

It runs in whatever thread or greenlet calls it and imports no framework: give it a
``zmq.green.Context`` and it yields to gevent, give it none and it blocks its thread.

    with CollectorClient() as collector:
        for update in collector:
            print(update)
"""

import itertools
import struct
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Literal, Self

import zmq

from health_wire import protocol, tree
from health_wire.keys import ClientKeys
from health_wire.protocol import ProtocolError
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

_MAX_FRAME_BYTES = 16 * 1024 * 1024
_RETRY_SECONDS = 0.5
_ENDED_HANDSHAKES = 3  # in a row: no accident
_MENDED_SECONDS = 5.0  # events from before a break may still have waited here
_monitored = (
    zmq.EVENT_DISCONNECTED
    | zmq.EVENT_HANDSHAKE_SUCCEEDED
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
)
_serial = itertools.count()


class CollectorTimeout(TimeoutError):
    """The collector did not answer a request in time."""


def _open(
    context: zmq.Context[Any], kind: int, endpoint: str, keys: ClientKeys | None
) -> zmq.Socket[bytes]:
    """A socket with the link settings that PROTOCOL.md gives.

    Raises:
        ValueError: the endpoint is not one.
    """
    socket: zmq.Socket[bytes] = context.socket(kind)
    socket.linger = 0
    socket.setsockopt(zmq.HEARTBEAT_IVL, 1000)
    socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, 3000)
    socket.setsockopt(zmq.CONNECT_TIMEOUT, 2000)
    socket.setsockopt(zmq.RECONNECT_IVL, 100)
    socket.setsockopt(zmq.RECONNECT_IVL_MAX, 2000)
    socket.setsockopt(zmq.MAXMSGSIZE, _MAX_FRAME_BYTES)
    socket.setsockopt(zmq.IPV6, 1)  # as well as IPv4
    if keys is not None:
        keys.apply(socket)
    try:
        socket.connect(endpoint)
    except zmq.ZMQError as error:
        socket.close()
        raise ValueError(f"cannot connect to {endpoint!r}: {error.strerror}") from None
    return socket


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
        self.refusal: str | None = None
        self._ended = 0  # handshakes in a row that ended without a reason
        self._broken_until = float("-inf")  # a loss before that was the link's
        self._synced = False
        self._joined = False  # whether an event has come: from then on a hole is a loss
        self._left: set[str] = set()  # epochs that are over, while their events may still come
        self._next_try = self._clock()
        self._heard = self._clock()
        self._reconnect_at = self._heard + protocol.STALE_AFTER_SECONDS
        try:
            _open(self._context, zmq.REQ, state, keys).close()
            self._subscriber, self._monitor = self._subscribe()
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
        self._unsubscribe()
        if self._own_context:
            self._context.term()

    def __iter__(self) -> Iterator[Update]:
        """Updates for ever, as they come."""
        while not self._subscriber.closed:
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
        self._watch(updates)
        if not self._synced and not self.refusal and self._clock() >= self._next_try:
            self._synchronise(updates)
        wait = 0.0 if updates else self._wait(timeout)
        if self._subscriber.poll(int(wait * 1000)):
            for _ in range(1000):  # bounded, so that a flood cannot keep the caller from its turn
                try:
                    frames = self._subscriber.recv_multipart(zmq.NOBLOCK)
                except zmq.Again:
                    break
                self._accept(frames, updates)
        self._judge(updates)
        return updates

    def request(self, op: str, /, timeout: float | None = None, **members: Any) -> dict[str, Any]:
        """The collector's reply to a request; may be called from any thread at any time.

        Raises:
            CollectorTimeout: no reply in time.
            ProtocolError: the reply is an error, or is not of the protocol.
        """
        seconds = self._timeout if timeout is None else timeout
        socket = _open(self._context, zmq.REQ, self.state_endpoint, self._keys)
        try:
            socket.send(protocol.encode({"op": op, **members}))
            if not socket.poll(int(seconds * 1000)):
                raise CollectorTimeout(f"{self.state_endpoint} did not answer within {seconds:g} s")
            reply = protocol.decode_object(socket.recv())
        finally:
            socket.close()
        if reply.get("ok") is not True:
            error, message = reply.get("error"), reply.get("message")
            raise ProtocolError(str(error or protocol.INTERNAL), str(message or "no reason given"))
        return reply

    def _subscribe(self) -> tuple[zmq.Socket[bytes], zmq.Socket[bytes]]:
        """The subscriber, and the socket on which libzmq tells what becomes of its connection."""
        subscriber = _open(self._context, zmq.SUB, self.events_endpoint, self._keys)
        subscriber.setsockopt(zmq.RCVHWM, 4000)
        subscriber.setsockopt(zmq.SUBSCRIBE, b"")
        where = f"inproc://health-wire-{next(_serial)}"
        subscriber.monitor(where, _monitored)
        monitor: zmq.Socket[bytes] = self._context.socket(zmq.PAIR)
        monitor.linger = 0
        monitor.setsockopt(zmq.RCVHWM, 0)  # a full one would block the I/O thread for ever
        monitor.connect(where)
        return subscriber, monitor

    def _unsubscribe(self) -> None:
        if not self._subscriber.closed:
            self._subscriber.disable_monitor()
            self._subscriber.close()
            self._monitor.close()

    def _watch(self, updates: list[Update]) -> None:
        """Takes notice of what libzmq told of the connection."""
        while True:
            try:
                frames = self._monitor.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            (event,) = struct.unpack_from("=H", frames[0])  # man 3 zmq_socket_monitor
            if event == zmq.EVENT_DISCONNECTED:
                self._broken_until = float("inf")
            elif event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
                self._ended = 0
                self._broken_until = min(self._broken_until, self._clock() + _MENDED_SECONDS)
                self._refused(None, updates)
            elif event == zmq.EVENT_HANDSHAKE_FAILED_AUTH:
                self._refused("the collector does not allow this key", updates)
            elif event == zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL:
                asks = "asks for keys" if self._keys is None else "takes no keys"
                self._refused(f"the collector {asks}", updates)
            elif self._keys is not None:
                self._ended += 1
                if self._ended >= _ENDED_HANDSHAKES:
                    self._refused("the collector has a new key", updates)

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
        if not self._synced and not self.refusal:
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
            self._unsubscribe()
            self._subscriber, self._monitor = self._subscribe()

    def _synchronise(self, updates: list[Update]) -> bool:
        """Replaces the state by the collector's snapshot; false where it cannot be had now."""
        try:
            reply = self.request("snapshot")
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
        if self.epoch is not None and snapshot.epoch != self.epoch:
            updates.append(Gap(self.epoch, self.seq + 1, None, "restart"))
            self._left.add(self.epoch)
        self._left.discard(snapshot.epoch)
        self.host, self.epoch, self.seq = snapshot.host, snapshot.epoch, snapshot.seq
        self.state = snapshot.state
        self._synced = True
        updates.append(snapshot)
        self._alive(updates)
        return True

    def _alive(self, updates: list[Update]) -> None:
        now = self._clock()
        silent = now - self._heard
        self._heard = now
        self._reconnect_at = now + protocol.STALE_AFTER_SECONDS
        if self.status != "live" and self._synced:
            self.status = "live"
            updates.append(Link("live", silent))

    def _accept(self, frames: list[bytes], updates: list[Update]) -> None:
        event = decode_event(frames)
        if event is None or event.epoch in self._left:
            return  # not of this protocol version, or a straggler of an epoch that is over
        self._alive(updates)
        if not self._synced:
            if self._clock() < self._next_try or not self._synchronise(updates):
                return
        elif event.epoch != self.epoch:
            self._begin_epoch(event, updates)
        elif event.seq > self.seq + 1:
            if self._joined:
                self._watch(updates)
                broken = self._clock() < self._broken_until
                why: Literal["link", "slow"] = "link" if broken else "slow"
                updates.append(Gap(event.epoch, self.seq + 1, event.seq - 1, why))
            self._synced = False
            self._synchronise(updates)
        if self._synced and event.epoch == self.epoch:
            self._joined = True
            self._apply(event, updates)

    def _begin_epoch(self, event: Event, updates: list[Update]) -> None:
        """An event of another epoch: a daemon that started anew, or a straggler of an older one."""
        before = self.epoch
        self._synced = False
        if self._synchronise(updates) and self.epoch == before:
            self._left.add(event.epoch)

    def _apply(self, event: Event, updates: list[Update]) -> None:
        if event.seq <= self.seq:
            return
        if event.seq > self.seq + 1:  # published between a snapshot and the first event to come
            self._synced = False
            if not self._synchronise(updates) or event.epoch != self.epoch or event.seq <= self.seq:
                return
        try:
            self.state = tree.apply(self.state, event.name, event.data)
        except (ValueError, RecursionError):  # no path, or one through a value: not our state
            self._synced = False
            return
        self.seq = event.seq
        updates.append(event)
