"""Answers requests about the state."""

import logging
import threading
from typing import Any

import zmq
from bussdcc import ContextProtocol, Process

from health_collectord.interfaces.operations import Operations
from health_collectord.interfaces.sockets import bind, endpoint_of

_log = logging.getLogger(__name__)
_STOP, _PROBE = b"stop", b"probe"


class StateEndpoint(Process):
    """A ROUTER that answers REQ clients, in a thread of its own.

    A REP socket could be wedged by one client that sends half a message; a ROUTER cannot. What
    cannot be answered (no delimiter, so no plain request) is counted and dropped.
    """

    name = "state"

    def __init__(
        self,
        context: zmq.Context[Any],
        endpoint: str,
        operations: Operations,
        *,
        allow_remote: bool = False,
    ) -> None:
        self._context = context
        self._operations = operations
        self._allow_remote = allow_remote
        self._thread: threading.Thread | None = None
        self._control = threading.Lock()
        self.endpoint = endpoint
        self.dropped = 0
        self.answered_probes = 0

    def start(self, ctx: ContextProtocol) -> None:  # noqa: ARG002 the protocol's signature
        router = bind(
            self._context, zmq.ROUTER, self.endpoint, key="state", allow_remote=self._allow_remote
        )
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
            self._commands.close(linger=0)

    def probe(self) -> None:
        """Asks the thread for a sign of life: it raises `answered_probes`."""
        with self._control:
            if self._thread is not None:
                self._commands.send(_PROBE, zmq.NOBLOCK)

    def _serve(self, router: zmq.Socket[bytes], commands: zmq.Socket[bytes]) -> None:
        poller = zmq.Poller()
        poller.register(router, zmq.POLLIN)
        poller.register(commands, zmq.POLLIN)
        try:
            while True:
                waiting = dict(poller.poll())
                if commands in waiting:
                    if commands.recv() == _STOP:
                        return
                    self.answered_probes += 1
                if router in waiting:
                    self._answer(router)
        finally:
            router.close(linger=200)
            commands.close(linger=0)

    def _answer(self, router: zmq.Socket[bytes]) -> None:
        client, *frames = router.recv_multipart(copy=True)
        # REQ sends an empty delimiter before the request; a DEALER that speaks to us does, too.
        if not frames or frames[0]:
            self.dropped += 1
            return
        try:
            reply = self._operations.answer(frames[1:])
            router.send_multipart([client, b"", reply], zmq.NOBLOCK)
        except zmq.ZMQError:
            self.dropped += 1  # the client is gone, or does not read its replies
        except Exception:  # noqa: BLE001 a request must not end the endpoint
            _log.exception("a request could not be answered")
            self.dropped += 1
