"""A collector that says a lot: its state is as large as the test wants, and new each time."""

import json
import threading
from typing import Any

from tests.health_wire.scripted import TIME, ScriptedCollector


class LoudCollector(ScriptedCollector):
    """Publishes until it is told to stop; its verdict's reason is the number of the last event.

    Attributes:
        number: of the last event.
    """

    def __init__(self, size: int, hertz: float) -> None:
        self.number = 0
        self._size, self._pause = size, 1 / hertz
        self._quiet, self._closing = threading.Event(), threading.Event()
        super().__init__()
        self._publishing = threading.Thread(target=self._publish)

    def start(self) -> None:
        self._publishing.start()

    def stop(self) -> None:
        """From now on nothing but heartbeats is published."""
        self._quiet.set()

    def close(self) -> None:
        self._quiet.set()
        self._closing.set()
        if self._publishing.is_alive():
            self._publishing.join()
        super().close()

    @property
    def health(self) -> dict[str, Any]:
        return {"status": "warning", "summary": f"event {self.number}", "problems": []}

    def snapshot(self) -> bytes:
        reply = {"ok": True, "v": 1, "host": "loud", "epoch": self.epoch, "seq": self.seq}
        state = {"health": self.health, "bulk": self._bulk}
        described = {"metrics": [], "history": []}
        return json.dumps(reply | described | {"time": TIME, "state": state}).encode()

    @property
    def _bulk(self) -> dict[str, str]:
        """So many bytes, in texts that are no longer than they may be."""
        texts = -(-self._size // 8000)
        return {f"t{n}": f"{self.number:08}" + "x" * (self._size // texts) for n in range(texts)}

    def _say(self, name: str, data: Any) -> None:
        self.seq += 1
        body = {"v": 1, "host": "loud", "epoch": self.epoch, "seq": self.seq, "time": TIME}
        event = json.dumps(body | {"name": name, "data": data}).encode()
        self.pub.send_multipart([name.encode(), event])

    def _publish(self) -> None:
        while not self._quiet.wait(self._pause):
            self.number += 1
            self._say("bulk.updated", self._bulk)
            self._say("health.updated", self.health)
        while not self._closing.wait(0.5):
            self._say("collector.heartbeat", {})
