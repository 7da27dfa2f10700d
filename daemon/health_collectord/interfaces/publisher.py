"""Every event, to whoever listens."""

import logging
import struct
import threading
from typing import Any

import zmq
import zmq.backend
from bussdcc import ContextProtocol, Event, Message, Process, message
from health_wire.protocol import HEARTBEAT, VERSION, encode

from health_collectord.events import SequencedEvent
from health_collectord.interfaces.access import Gate
from health_collectord.interfaces.sockets import LINGER_MILLISECONDS, bind, bind_again, endpoint_of
from health_collectord.runtime.runtime import StartError

# Without what zmq.Socket.send adds: it looks at options that are not used here, twice an event.
_send = zmq.backend.Socket.send
# And plain numbers: arithmetic with an enumeration runs a page of Python.
_MORE, _POLLIN = int(zmq.SNDMORE), int(zmq.POLLIN)
_log = logging.getLogger(__name__)


class EventPublisher(Process):
    """Publishes each event on a PUB socket, as PROTOCOL.md gives it.

    It has no thread of its own: handlers run one at a time, each after the one before it, and a
    lock keeps `shut_out` from coming in between. It is closed after the epoch's last event.
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
        gate: Gate | None = None,
        replay: bool = False,
    ) -> None:
        self._context = context
        self._allow_remote = allow_remote
        self._gate = gate
        self._generation = 0
        head = {"v": VERSION, "host": host, "epoch": epoch}
        self._head = encode({**head, "replay": True} if replay else head)[:-1]
        self._socket: zmq.Socket[bytes] | None = None
        self._monitor: zmq.Socket[bytes] | None = None
        self._peers: set[int] = set()
        self._lock = threading.RLock()
        self._wanted = False
        self.endpoint = endpoint
        self.guarded = False
        self.events = 0
        self.bytes = 0

    def start(self, ctx: ContextProtocol) -> None:  # noqa: ARG002 the protocol's signature
        socket = bind(
            self._context, zmq.PUB, self.endpoint,
            key="events", allow_remote=self._allow_remote, gate=self._gate,
        )  # fmt: skip
        self.guarded = socket.mechanism == zmq.CURVE
        self._wanted = True
        self._open(socket)

    def _open(self, socket: zmq.Socket[bytes]) -> None:
        self._socket = socket
        self.endpoint = endpoint_of(socket)
        self._generation = 0 if self._gate is None else self._gate.generation
        self._peers.clear()
        self._monitor = self._context.socket(zmq.PAIR)
        self._monitor.setsockopt(zmq.RCVHWM, 0)  # a full one would block the I/O thread for ever
        where = f"inproc://{id(self)}-{self._generation}"
        socket.monitor(where, zmq.EVENT_ACCEPTED | zmq.EVENT_DISCONNECTED)
        self._monitor.connect(where)

    def shut_out(self) -> None:
        """Ends every connection; who is still allowed comes back by itself, and tells the gap."""
        with self._lock:
            if self._wanted:
                self._shut_out()

    def _shut_out(self) -> None:
        self._close(linger=0)
        try:
            self._open(
                bind_again(
                    self._context, zmq.PUB, self.endpoint,
                    key="events", allow_remote=self._allow_remote, gate=self._gate,
                )
            )  # fmt: skip
        except StartError as error:
            _log.error("nobody gets an event: %s", error)  # until the next heartbeat's attempt

    @property
    def subscribers(self) -> int:
        """How many were connected at the last heartbeat; from any thread."""
        return len(self._peers)

    def count_subscribers(self) -> int:
        """How many are connected."""
        with self._lock:
            # Asked first: an attempt in vain raises, which costs more than the rest of a heartbeat.
            while self._monitor is not None and int(self._monitor.get(zmq.EVENTS)) & _POLLIN:
                frames = self._monitor.recv_multipart(zmq.NOBLOCK)
                event, fd = struct.unpack("=Hi", frames[0])  # man 3 zmq_socket_monitor
                (self._peers.add if event == zmq.EVENT_ACCEPTED else self._peers.discard)(fd)
            return len(self._peers)

    def handle_event(self, ctx: ContextProtocol, evt: Event[Message]) -> None:  # noqa: ARG002
        assert isinstance(evt, SequencedEvent)
        with self._lock:
            if evt.name == HEARTBEAT:
                self._beat()
            socket = self._socket
            if socket is None:  # not bound yet
                return
            body = b'%b,"seq":%d,%b}' % (self._head, evt.seq, evt.core)
            _send(socket, evt.name.encode(), _MORE)
            _send(socket, body)
        self.events += 1
        self.bytes += len(body)
        if isinstance(evt.payload, message.RuntimeShutdown):
            self.close()

    def _beat(self) -> None:
        self.count_subscribers()  # whether or not it is asked for, so that nothing piles up
        gate = self._gate
        if self.guarded and gate is not None:
            gate.look()
            if gate.generation != self._generation:
                self._shut_out()
        if self._wanted and self._socket is None:
            self._shut_out()

    def close(self) -> None:
        """Ends the publishing; `finish` waits for what was said to go out."""
        with self._lock:
            self._wanted = False
            self._close(linger=LINGER_MILLISECONDS)

    def _close(self, *, linger: int) -> None:
        socket, self._socket = self._socket, None
        monitor, self._monitor = self._monitor, None
        if socket is not None:
            socket.disable_monitor()
            socket.close(linger=linger)
        if monitor is not None:
            monitor.close(linger=0)
