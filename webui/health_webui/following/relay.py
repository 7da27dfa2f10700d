"""Forwards what collectors say to the browsers that watch them: one message per host and tick.

collector -> CollectorClient -> Relay -> FrameBuffer -> Socket.IO room of the host
"""

import logging
import time
from collections.abc import Callable
from typing import Any

import gevent
from health_wire import (
    CollectorTimeout,
    Event,
    Link,
    ProtocolError,
    Snapshot,
    Update,
    protocol,
    tree,
)
from health_wire.door import Violation

from health_webui.following import catalogue
from health_webui.following.fleet import Follower

_LOG = logging.getLogger(__name__)
# What belongs to one tick arrives within a few milliseconds and is gathered into one message, which
# goes when nothing more has come for a moment; a shorter one after the heartbeat, which comes last.
GATHER_SECONDS = 0.03
QUIET_SECONDS = 0.006
LAST_SECONDS = 0.003
_DESCRIBE_RETRY_SECONDS = 1.0
_CONFIGURED = "collector.configured"  # after a reload: thresholds may be other ones

Message = tuple[str, dict[str, Any]]
Send = Callable[[str, dict[str, Any], str], None]


class FrameBuffer:
    """Gathers the events of a tick into one frame.

    A frame holds the newest data of each event that changes the state. A frame without events is
    sent as well: it says that the collector lives.
    """

    def __init__(self) -> None:
        self._events: dict[str, Event] = {}
        self._last: Event | None = None

    def __bool__(self) -> bool:
        return self._last is not None

    def add(self, event: Event) -> None:
        self._last = event
        if tree.state_path(event.name) is not None:
            self._events.pop(event.name, None)  # the newest goes last: order is the events' own
            self._events[event.name] = event

    def take(self) -> dict[str, Any] | None:
        """The frame, after which the buffer is empty; None where nothing was added."""
        last, events = self._last, self._events
        self._last, self._events = None, {}
        if last is None:
            return None
        frame: dict[str, Any] = {
            "host": last.host,
            "epoch": last.epoch,
            "seq": last.seq,
            "time": last.time,
            "events": [_entry(event, last.time) for event in events.values()],
        }
        if last.replay:
            frame["replay"] = True
        return frame


def _entry(event: Event, time: str) -> list[Any]:
    """State path and data, and the event's time where it is not the frame's."""
    entry = [tree.state_path(event.name), event.data]
    return entry if event.time == time else [*entry, event.time]


class Relay:
    """Follows one collector; `run` is a greenlet's work and ends with `stop`.

    Args:
        send: (event name, message, room); called once per message.
    """

    def __init__(
        self, follower: Follower, send: Send, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._follower = follower
        self._send = send
        self._clock = clock
        self._buffer = FrameBuffer()
        self._due = self._latest = 0.0
        self._describe_at: float | None = 0.0
        self._described_epoch: str | None = None
        self._described_at = float("-inf")
        self._refusal: str | None = None
        self._cause = follower.cause

    def run(self) -> None:
        """Forwards for ever. What goes wrong with one host is that host's state, and no more."""
        greenlet: Any = gevent.getcurrent()
        self._follower.interrupt = lambda error: greenlet.kill(error, block=False)
        while True:
            try:
                self.step()
                gevent.sleep(0)  # a host that always has something to say is not the only one
            except Violation as error:
                self._take(self._follower.client.leave(error.fault))
            except Exception as error:  # noqa: BLE001 else one host would end them all
                _LOG.exception("%s is left alone for a while", self._follower.name)
                self._follower.client.leave(f"made this page fail: {type(error).__name__}")

    def step(self) -> None:
        """Waits for what comes next, at most a second, and forwards what is due."""
        wait = max(self._due - self._clock(), 0.0) if self._buffer else 1.0
        for update in self._follower.client.receive(wait):
            self._take(update)
        if self._buffer and self._clock() >= self._due:
            self._flush()
        self._describe()
        self._follower.look_elsewhere()
        if self._cause != self._follower.cause:
            self._cause = self._follower.cause
            self._announce()

    def _take(self, update: Update) -> None:
        match update:
            case Event():
                self._follower.time, self._follower.replay = update.time, update.replay
                now = self._clock()
                if not self._buffer:
                    self._latest = now + GATHER_SECONDS
                if update.name == _CONFIGURED:
                    self._describe_at = self._described_at + _DESCRIBE_RETRY_SECONDS
                quiet = LAST_SECONDS if update.name == protocol.HEARTBEAT else QUIET_SECONDS
                self._due = min(self._latest, now + quiet)
                self._buffer.add(update)
            case Snapshot():
                self._follower.time = update.time
                self._buffer.take()  # the snapshot holds it already
                if update.epoch != self._described_epoch:
                    self._describe_at = 0.0  # another daemon may have another catalogue
                    self._describe()
                else:
                    self._announce()
                    # What was missed may have been a reload.
                    self._describe_at = self._described_at + _DESCRIBE_RETRY_SECONDS
            case Link():
                self._flush()
                self._send("link", self._follower.link(), self._follower.key)
                if self._refusal != self._follower.client.refusal:
                    self._refusal = self._follower.client.refusal
                    self._announce()

    def _flush(self) -> None:
        frame = self._buffer.take()
        if frame is not None:
            self._send("frame", frame, self._follower.key)

    def _describe(self) -> None:
        """Asks for the catalogue while it is missing; says so to browsers when it has come."""
        client = self._follower.client
        if self._describe_at is None or client.epoch is None or self._clock() < self._describe_at:
            return
        try:
            reply = client.request("describe")
        except (CollectorTimeout, ProtocolError):
            self._describe_at = self._clock() + _DESCRIBE_RETRY_SECONDS
            return
        self._described_at = self._clock()
        before = self._follower.catalogue
        self._follower.catalogue = catalogue.parse(reply)
        again = reply.get("epoch") == self._described_epoch
        self._described_epoch = reply["epoch"]
        told = self._described_epoch == client.epoch  # else of another start; not at once again
        self._describe_at = None if told else self._clock() + _DESCRIBE_RETRY_SECONDS
        if not again or before != self._follower.catalogue:
            self._announce()

    def _announce(self) -> None:
        self._send("snapshot", self._follower.snapshot(), self._follower.key)
