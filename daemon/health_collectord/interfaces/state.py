"""Answers requests about the state."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import zmq
from bussdcc import ContextProtocol, Process
from health_wire import protocol

from health_collectord.interfaces.access import Gate
from health_collectord.interfaces.limits import Allowances
from health_collectord.interfaces.memory import Ceiling
from health_collectord.interfaces.operations import Operations
from health_collectord.interfaces.questions import Question
from health_collectord.interfaces.reading import RecordReading
from health_collectord.interfaces.sockets import LINGER_MILLISECONDS, bind, bind_again, endpoint_of
from health_collectord.runtime.resources import give_back_memory
from health_collectord.runtime.runtime import StartError

_log = logging.getLogger(__name__)
_STOP, _PROBE, _ANSWER = b"stop", b"probe", b"answer"
_TURN_SECONDS = 0.01
_LOOK_MILLISECONDS = 500  # until a revoked client is shut out
_DEAF = 4096
_TAKE_SECONDS = 0.02  # for libzmq's thread to take a reply
_FREE_SECONDS = 1.0  # for it to free what ended connections had
_TOO_MUCH = "you ask for more than your share; ask again later, and for less"
_BUSY = protocol.encode(
    {"ok": False, "v": protocol.VERSION, "error": protocol.BUSY, "message": _TOO_MUCH}
)


class StateEndpoint(Process):
    """A ROUTER that answers REQ clients, in a thread of its own.

    A REP socket could be wedged by one client that sends half a message; a ROUTER cannot. What
    cannot be answered (no delimiter, so no plain request) is counted and dropped.

    Args:
        ceiling: for the memory that clients take. When it is exceeded all are shut out, here and
            by what `shut_out` does elsewhere; nothing tells whose the memory is.
        reading: answers what only the record can.
    """

    name = "state"

    def __init__(
        self,
        context: zmq.Context[Any],
        endpoint: str,
        operations: Operations,
        *,
        allow_remote: bool = False,
        gate: Gate | None = None,
        ceiling: Ceiling | None = None,
        shut_out: Callable[[], None] = lambda: None,
        reading: RecordReading | None = None,
    ) -> None:
        self._context = context
        self._reading = reading
        # What has been read meanwhile: by which socket it was asked, by whom, and the reply.
        self._read: deque[tuple[zmq.Socket[bytes], bytes, bytes]] = deque()
        self._operations = operations
        self._ceiling = ceiling
        self._shut_out_elsewhere = shut_out
        self._allow_remote = allow_remote
        self._gate = gate
        self._allowances = Allowances()
        self._deaf: set[bytes] = set()  # connections whose replies wait: they get no work done
        self._thread: threading.Thread | None = None
        self._control = threading.Lock()
        self.endpoint = endpoint
        self.guarded = False
        self.answered = 0
        self.busy = 0
        self.dropped = 0
        self.bytes = 0
        self.answered_probes = 0

    def start(self, ctx: ContextProtocol) -> None:  # noqa: ARG002 the protocol's signature
        router = bind(
            self._context, zmq.ROUTER, self.endpoint,
            key="state", allow_remote=self._allow_remote, gate=self._gate,
        )  # fmt: skip
        self.guarded = router.mechanism == zmq.CURVE
        self.endpoint = endpoint_of(router)
        commands, self._commands = self._context.socket(zmq.PAIR), self._context.socket(zmq.PAIR)
        commands.bind(f"inproc://state-{id(self)}")
        self._commands.connect(f"inproc://state-{id(self)}")
        self._thread = threading.Thread(
            target=self._serve, args=(router, commands), name="state", daemon=True
        )
        self._thread.start()

    def stop(self, ctx: ContextProtocol) -> None:  # noqa: ARG002 the protocol's signature
        thread, self._thread = self._thread, None
        if thread is not None:
            with self._control:
                self._commands.send(_STOP)
            thread.join(2.0)
            with self._control:
                self._commands.close(linger=0)
            if self._reading is not None:
                self._reading.stop()

    def probe(self) -> None:
        """Asks the thread for a sign of life: it raises `answered_probes`."""
        with self._control:
            if self._thread is not None:
                self._commands.send(_PROBE, zmq.NOBLOCK)

    def _serve(self, router: zmq.Socket[bytes], commands: zmq.Socket[bytes]) -> None:
        gate = self._gate if self._gate is not None and self._gate.socket is not None else None
        generation = 0 if gate is None else gate.generation
        look_at = 0.0
        poller = zmq.Poller()
        poller.register(router, zmq.POLLIN)
        poller.register(commands, zmq.POLLIN)
        ceiling = self._ceiling
        if ceiling is not None:
            poller.register(ceiling.fd, zmq.POLLIN)
        if gate is not None:
            poller.register(gate.socket, zmq.POLLIN)
        try:
            while True:
                waiting = dict(poller.poll(None if gate is None else _LOOK_MILLISECONDS))
                if commands in waiting:
                    command = commands.recv()
                    if command == _STOP:
                        return
                    if command == _PROBE:
                        self.answered_probes += 1
                    else:
                        self._hand_out(router)
                if gate is not None:
                    if gate.socket in waiting:
                        gate.answer()
                    if time.monotonic() >= look_at:
                        look_at = time.monotonic() + _LOOK_MILLISECONDS / 1000
                        gate.look()
                    if self.guarded and gate.generation != generation:
                        generation = gate.generation
                        poller.unregister(router)
                        router = self._shut_out(router)
                        poller.register(router, zmq.POLLIN)
                        continue
                if ceiling is not None and ceiling.fd in waiting:
                    poller.unregister(router)
                    router = self._relieve(router, ceiling)
                    poller.register(router, zmq.POLLIN)
                    continue
                if router in waiting:
                    self._turn(router)
        except zmq.ContextTerminated:
            pass  # while it was trying in vain to be bound again
        finally:
            router.close(linger=LINGER_MILLISECONDS)
            commands.close(linger=0)
            if gate is not None:
                gate.close()

    def _shut_out(self, router: zmq.Socket[bytes]) -> zmq.Socket[bytes]:
        """Ends every connection; who is still allowed asks again."""
        self._deaf.clear()
        router.close(linger=0)
        while True:
            try:
                return bind_again(
                    self._context, zmq.ROUTER, self.endpoint,
                    key="state", allow_remote=self._allow_remote, gate=self._gate,
                )  # fmt: skip
            except StartError as error:  # a thread that waits here gives no sign of life
                _log.error("nobody gets an answer: %s", error)

    def _relieve(self, router: zmq.Socket[bytes], ceiling: Ceiling) -> zmq.Socket[bytes]:
        """Gives back what ended connections had; where that is not enough, ends all of them."""
        if not self._given_back(ceiling, 0.0):
            _log.warning("clients take too much memory: all are shut out, and may come back")
            self._shut_out_elsewhere()
            router = self._shut_out(router)
            self._given_back(ceiling, _FREE_SECONDS)
        ceiling.renew()
        return router

    def _given_back(self, ceiling: Ceiling, seconds: float) -> bool:
        """Whether libzmq's threads free what brings memory below the ceiling, within that time."""
        until = time.monotonic() + seconds
        while True:
            give_back_memory()
            if not ceiling.exceeded():
                return True
            if time.monotonic() >= until:
                return False
            time.sleep(0.02)

    def _turn(self, router: zmq.Socket[bytes]) -> None:
        """Answers what has come, for a while: others wait at the gate, and for memory."""
        until = time.monotonic() + _TURN_SECONDS
        while time.monotonic() < until:
            try:
                frames = router.recv_multipart(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                return
            self._answer(router, frames)

    def _answer(self, router: zmq.Socket[bytes], frames: list[zmq.Frame]) -> None:
        # REQ sends an empty delimiter before the request; a DEALER that speaks to us does, too.
        if len(frames) < 2 or len(frames[1]):
            self.dropped += 1
            return
        peer = frames[0].bytes
        client, now, begun = self._client(frames), time.monotonic(), time.thread_time()
        waited = 0.0
        try:
            reply: bytes | Question = _BUSY
            if peer not in self._deaf and self._allowances.left(client, now) > 0:
                reply = self._operations.answer([frame.bytes for frame in frames[2:]])
            if isinstance(reply, Question) and not self._hand_on(router, peer, client, reply):
                reply = reply.refusal(protocol.BUSY, _TOO_MUCH)
                self.busy += 1
            elif reply is _BUSY:
                self.busy += 1
            elif not isinstance(reply, Question):
                self.answered += 1
                waited = _TAKE_SECONDS
            if not isinstance(reply, Question):
                waited = self._send(router, [peer, b"", reply], patience=waited)
                self.bytes += len(reply)
                self._deaf.discard(peer)
        except zmq.Again:
            self.dropped += 1
            if len(self._deaf) >= _DEAF:  # most of them are gone
                self._deaf.clear()
            self._deaf.add(peer)
        except zmq.ZMQError:
            self.dropped += 1  # the client is gone
            self._deaf.discard(peer)
        except Exception:  # noqa: BLE001 a request must not end the endpoint
            _log.exception("a request could not be answered")
            self.dropped += 1
        self._allowances.spend(client, now, time.thread_time() - begun + waited)

    def _hand_on(
        self, router: zmq.Socket[bytes], peer: bytes, client: bytes, question: Question
    ) -> bool:
        """Has the record asked; False where that asks too much."""

        def done(reply: bytes) -> None:
            self._read.append((router, peer, reply))
            with self._control:
                if self._thread is not None:
                    self._commands.send(_ANSWER)

        return self._reading is not None and self._reading.ask(question, client, done)

    def _hand_out(self, router: zmq.Socket[bytes]) -> None:
        """Sends what has been read; who has been shut out since gets nothing."""
        while self._read:
            asked, peer, reply = self._read.popleft()
            try:
                if asked is not router:
                    raise zmq.Again
                self._send(router, [peer, b"", reply], patience=0.0)
                self.answered += 1
                self.bytes += len(reply)
            except zmq.ZMQError:  # it is gone, or reads nothing
                self.dropped += 1

    def _send(self, router: zmq.Socket[bytes], frames: list[bytes], *, patience: float) -> float:
        """Sends a reply, and returns the seconds that it took until there was room for it.

        Raises:
            zmq.Again: there was none.
            zmq.ZMQError: the client is gone.
        """
        begun = time.monotonic()
        while True:
            try:
                router.send_multipart(frames, zmq.NOBLOCK)
                return time.monotonic() - begun
            except zmq.Again:
                if time.monotonic() - begun >= patience:
                    raise
            time.sleep(0.0001)
            router.get(zmq.EVENTS)  # has it look at what its thread has taken

    def _client(self, frames: list[zmq.Frame]) -> bytes:
        """Who asks: the name that a key belongs to, or else the connection."""
        if self.guarded:
            return str(frames[-1].get("User-Id")).encode()
        return b"\0" + frames[0].bytes
