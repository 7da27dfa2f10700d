"""A collector that says what the test wants, when it wants it, and a clock for its listener."""

import json
import threading
from typing import Any

import zmq
from health_wire import CollectorClient

from tests.running import wait_for

OLD, NEW = "0" * 32, "1" * 32
TIME = "2026-01-01T12:00:00.000Z"


class ScriptedCollector:
    """A PUB and a ROUTER on loopback; each reply is what `replies` or `snapshot` holds."""

    def __init__(self) -> None:
        self.context = zmq.Context()
        self.pub = self.context.socket(zmq.XPUB)  # which tells when a subscription has come
        self.router = self.context.socket(zmq.ROUTER)
        self.pub.setsockopt(zmq.XPUB_VERBOSER, 1)  # of each, and not only of the first
        self.pub.linger = self.router.linger = 0
        self.pub.bind("tcp://127.0.0.1:0")
        self.router.bind("tcp://127.0.0.1:0")
        self.events = self.pub.getsockopt_string(zmq.LAST_ENDPOINT).rstrip("\0")
        self.state = self.router.getsockopt_string(zmq.LAST_ENDPOINT).rstrip("\0")
        self.epoch, self.seq = OLD, 0
        self.values: dict[str, Any] = {}
        self.silent = False  # no answer to requests
        self.answer: bytes | None = None  # instead of a snapshot
        self.requests: list[dict[str, Any]] = []
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        self._ending.set()
        self._thread.join()
        self.pub.close()
        self.router.close()
        self.context.term()

    def _serve(self) -> None:
        while not self._ending.is_set():
            if not self.router.poll(20):
                continue
            client, _, request = self.router.recv_multipart()
            self.requests.append(json.loads(request))
            if not self.silent:
                self.router.send_multipart([client, b"", self.answer or self.snapshot()])

    def snapshot(self) -> bytes:
        reply = {"ok": True, "v": 1, "host": "pi", "epoch": self.epoch, "seq": self.seq}
        return json.dumps(reply | {"time": TIME, "state": {"system": self.values}}).encode()

    def wait_subscribed(self) -> None:
        wait_for(lambda: self.pub.poll(10) and self.pub.recv() == b"\x01", "nobody subscribed")

    def happen(self, value: int) -> list[bytes]:
        """An event happens: state and sequence number move on. Returns its frames, unsent."""
        self.seq += 1
        self.values = {"value": value}
        return self.frames(self.seq, value)

    def frames(self, seq: int, value: Any, /, **members: Any) -> list[bytes]:
        body = {"v": 1, "host": "pi", "epoch": self.epoch, "seq": seq, "time": TIME}
        body |= {"name": "system.updated", "data": {"value": value}} | members
        return [b"system.updated", json.dumps(body).encode()]

    def say(self, value: int) -> None:
        self.pub.send_multipart(self.happen(value))


class SettableClock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def updates(client: CollectorClient, count: int) -> list[Any]:
    found: list[Any] = []

    def enough() -> bool:
        found.extend(client.receive(0.05))
        return len(found) >= count

    wait_for(enough, f"no {count} updates")
    return found


def kinds(found: list[Any]) -> list[str]:
    return [type(update).__name__ for update in found]
