"""Every event, to whoever listens."""

import struct
from typing import Any

import zmq
from bussdcc import ContextProtocol, Event, Message, Process, message
from health_wire.protocol import VERSION, encode

from health_collectord.events import SequencedEvent
from health_collectord.interfaces.sockets import bind, endpoint_of
from health_collectord.messages import CollectorHeartbeat


class EventPublisher(Process):
    """Publishes each event on a PUB socket, as PROTOCOL.md gives it.

    Handlers run one at a time, each after the one before it, so the socket is used by one thread
    at a time without a thread of its own. It is closed after the epoch's last event.
    """

    name = "publisher"

    def __init__(
        self,
        context: zmq.Context[Any],
        endpoint: str,
        *,
        host: str,
        epoch: str,
        allow_remote: bool = False,
    ) -> None:
        self._context = context
        self._allow_remote = allow_remote
        self._head = encode({"v": VERSION, "host": host, "epoch": epoch})[:-1]
        self._socket: zmq.Socket[bytes] | None = None
        self._monitor: zmq.Socket[bytes] | None = None
        self._peers: set[int] = set()
        self.endpoint = endpoint

    def start(self, ctx: ContextProtocol) -> None:  # noqa: ARG002 the protocol's signature
        self._socket = bind(
            self._context, zmq.PUB, self.endpoint, key="events", allow_remote=self._allow_remote
        )
        self.endpoint = endpoint_of(self._socket)
        self._monitor = self._context.socket(zmq.PAIR)
        self._monitor.setsockopt(zmq.RCVHWM, 0)  # a full one would block the I/O thread for ever
        self._socket.monitor(f"inproc://{id(self)}", zmq.EVENT_ACCEPTED | zmq.EVENT_DISCONNECTED)
        self._monitor.connect(f"inproc://{id(self)}")

    def count_subscribers(self) -> int:
        """How many are connected. To be called by an event's handler, as the socket is."""
        while self._monitor is not None:
            try:
                frames = self._monitor.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                break
            event, fd = struct.unpack("=Hi", frames[0])  # man 3 zmq_socket_monitor
            (self._peers.add if event == zmq.EVENT_ACCEPTED else self._peers.discard)(fd)
        return len(self._peers)

    def handle_event(self, ctx: ContextProtocol, evt: Event[Message]) -> None:  # noqa: ARG002
        assert isinstance(evt, SequencedEvent)
        socket = self._socket
        if socket is None:  # not bound yet
            return
        socket.send(evt.name.encode(), zmq.SNDMORE)
        socket.send(b'%b,"seq":%d,%b}' % (self._head, evt.seq, evt.core))
        if isinstance(evt.payload, CollectorHeartbeat):
            self.count_subscribers()  # whether or not it is asked for, so that nothing piles up
        elif isinstance(evt.payload, message.RuntimeShutdown):
            self._close()

    def _close(self) -> None:
        socket, self._socket = self._socket, None
        monitor, self._monitor = self._monitor, None
        if socket is not None:
            socket.disable_monitor()
            socket.close(linger=200)
        if monitor is not None:
            monitor.close(linger=0)
