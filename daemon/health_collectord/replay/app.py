"""The composition of a replay: the collector's wire over a recording instead of a host."""

import logging
import math
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any

import zmq
from health_wire.version import VERSION

from health_collectord.config import Config
from health_collectord.interfaces.access import Gate, KeyFiles
from health_collectord.interfaces.memory import Ceiling
from health_collectord.interfaces.operations import Operations
from health_collectord.interfaces.publisher import EventPublisher
from health_collectord.interfaces.sockets import asks_for_keys, finish, warn_of_plaintext
from health_collectord.interfaces.state import StateEndpoint
from health_collectord.interfaces.watch import Watch
from health_collectord.processes.history import HistoryProcess
from health_collectord.processes.system import SystemProcess
from health_collectord.replay.player import Player, ReplayBus, ReplayClock
from health_collectord.replay.recording import Recording, Replayed
from health_collectord.replay.store import RestingStore
from health_collectord.runtime.runtime import CollectorRuntime
from health_collectord.runtime.store import SnapshotStore
from health_collectord.sinks.console import ConsoleSink
from health_collectord.sinks.log import LogSink

_UNNAMED = "recording"
_log = logging.getLogger(__name__)


class Replay:
    """Publishes a recording as if it happened now; every event says that it is replayed.

    What the live collector works out, such as the verdict, is in the recording and comes from
    there. Nothing is recorded again.

    Args:
        config: where to publish, for whom, and what the metrics are called.
        start: leaves out what was before, except for what was known by then.
        end: leaves out what was from then on.
        speed: recorded seconds in one second; infinite: as fast as it goes.

    Attributes:
        publisher, state: the interfaces; their endpoints are final once booted.
    """

    def __init__(
        self,
        config: Config,
        recording: Recording,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        speed: float = 1.0,
    ) -> None:
        # At full speed, most changes and samples are over before anybody asks for one.
        rests = math.isinf(speed)
        store, clock = RestingStore() if rests else SnapshotStore(), ReplayClock()
        sinks = (LogSink(), ConsoleSink()) if config.console else (LogSink(),)
        self.runtime = runtime = CollectorRuntime(
            clock=clock,
            state=store,
            events=ReplayBus(committed=store.commit),
            sinks=sinks,
            deadline=config.shutdown_seconds,
        )
        metrics = tuple(m for m in config.metrics if m.enabled)
        history = HistoryProcess(
            tuple((m.entry, m.interval) for m in metrics),
            rests=rests,
        )
        history.types = (Replayed,)
        runtime.processes.register(SystemProcess())
        runtime.processes.register(history)
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        host = config.loaded["host_id"] or recording.host() or _UNNAMED
        epoch = os.urandom(16).hex()
        allow_remote = config.allow_remote_plaintext
        gate = Gate(KeyFiles(config.keys_dir), everywhere=asks_for_keys(config))
        self.publisher = EventPublisher(
            self._context, config.events, host=host, epoch=epoch,
            allow_remote=allow_remote, gate=gate, replay=True,
        )  # fmt: skip
        operations = Operations(
            host=host, epoch=epoch, version=VERSION, mode="replay", clock=clock, store=store,
            history=history, entries=tuple((m.entry, m.describe()) for m in metrics),
        )  # fmt: skip
        ceiling = Ceiling()
        self.state = StateEndpoint(
            self._context, config.state, operations, allow_remote=allow_remote, gate=gate,
            ceiling=ceiling, shut_out=self.publisher.shut_out,
        )  # fmt: skip
        self._watch = Watch(self.publisher, self.state, ceiling)
        runtime.interfaces.register(self.publisher)
        runtime.interfaces.register(self.state)
        paths = [m.entry.metric.state for m in metrics]
        known, events = recording.between(start, end, paths)

        def ended() -> None:
            runtime.request_stop("the recording is over")

        runtime.services.register(Player(clock, known, events, speed=speed, ended=ended))

    def serve(self, ready: Callable[["Replay"], None]) -> int:
        """Runs until the recording is over or a signal comes; calls `ready` once it publishes.

        Returns:
            The exit status.

        Raises:
            StartError: it cannot start.
        """

        def is_ready() -> None:
            warn_of_plaintext(events=self.publisher, state=self.state)
            ready(self)

        self._watch.start()
        status = self.runtime.serve(is_ready)
        self.publisher.close()
        finish(self._context)
        return status


def beside_others(config: Config) -> Config:
    """The same with free endpoints instead of those that are in use, unless a flag asked for them.

    Where the service runs already, a replay need not know about its endpoints.
    """
    for key in ("events", "state"):
        endpoint: str = getattr(config, key)
        if not config.loaded.origins[key].startswith("--") and _in_use(endpoint):
            _log.info("%s is in use, and so the replay takes a free one for its %s", endpoint, key)
            free: dict[str, Any] = {key: "tcp://127.0.0.1:0"}
            config = replace(config, **free)
    return config


def _in_use(endpoint: str) -> bool:
    local = endpoint.startswith("ipc://")
    place: Any = endpoint.removeprefix("ipc://")
    if not local:
        host, _, port = endpoint.removeprefix("tcp://").rpartition(":")
        if not port.isdecimal() or port == "0":
            return False
        place = ("127.0.0.1" if host in ("*", "0.0.0.0") else host.strip("[]"), int(port))
    family = socket.AF_UNIX if local else socket.AF_INET6 if ":" in place[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe, suppress(OSError):
        probe.settimeout(1.0)
        probe.connect(place)
        return True
    return False
