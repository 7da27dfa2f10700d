"""A link that can be cut without a word and mended: what is sent meanwhile waits on the way."""

import selectors
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Cuttable:
    """Forwards TCP from a free port on loopback, `port`, to another, while it is not cut."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._whole, self._ended = threading.Event(), threading.Event()
        self._whole.set()
        self._thread = threading.Thread(target=self._forward)
        self._thread.start()

    def cut(self) -> None:
        self._whole.clear()

    def mend(self) -> None:
        self._whole.set()

    def close(self) -> None:
        self._ended.set()
        self._whole.set()
        self._thread.join()

    def _forward(self) -> None:
        others: dict[socket.socket, socket.socket] = {}
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            while not self._ended.is_set():
                self._whole.wait()
                for key, _ in selector.select(0.02):
                    ready = key.fileobj
                    assert isinstance(ready, socket.socket)
                    if not self._whole.is_set():
                        break
                    if ready is self._listener:
                        here, _ = self._listener.accept()
                        there = socket.create_connection(("127.0.0.1", self._target))
                        others |= {here: there, there: here}
                        selector.register(here, selectors.EVENT_READ)
                        selector.register(there, selectors.EVENT_READ)
                    elif ready in others and not self._pass(ready, others[ready]):
                        for end in (ready, others[ready]):
                            selector.unregister(end)
                            del others[end]
                            end.close()
            for end in others:
                end.close()
            self._listener.close()

    @staticmethod
    def _pass(here: socket.socket, there: socket.socket) -> bool:
        """Whether there was something to pass on, and somebody to take it."""
        try:
            found = here.recv(65536)
            there.sendall(found)
        except OSError:
            return False
        return bool(found)


@contextmanager
def cuttable(target: int) -> Iterator[Cuttable]:
    link = Cuttable(target)
    try:
        yield link
    finally:
        link.close()
