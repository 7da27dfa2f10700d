"""The composition root: the only file that knows every part."""

import logging
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import zmq
from bussdcc.clock import ClockProtocol
from health_archive.lines import milliseconds
from health_archive.shelf import Bounds
from health_wire.settings import SettingsError
from health_wire.version import VERSION

from health_collectord.config import Config, MetricConfig, changes, waiting
from health_collectord.host import Host, Start
from health_collectord.interfaces.access import Gate, KeyFiles
from health_collectord.interfaces.memory import Ceiling
from health_collectord.interfaces.operations import Operations
from health_collectord.interfaces.publisher import EventPublisher
from health_collectord.interfaces.reading import RecordReading
from health_collectord.interfaces.sockets import asks_for_keys, finish, warn_of_plaintext
from health_collectord.interfaces.state import StateEndpoint
from health_collectord.interfaces.watch import Watch
from health_collectord.messages import CollectorConfigured, CollectorStarted
from health_collectord.processes.health import HealthProcess
from health_collectord.processes.history import HistoryProcess
from health_collectord.processes.supervision import SupervisionProcess
from health_collectord.processes.system import SystemProcess
from health_collectord.runtime.clock import WakeOnceClock
from health_collectord.runtime.grid import GridService
from health_collectord.runtime.runtime import CollectorRuntime
from health_collectord.runtime.store import SnapshotStore
from health_collectord.runtime.systemd import Notifier
from health_collectord.services.kernel import KernelService
from health_collectord.services.sampling import MetricTask
from health_collectord.services.self_report import SelfReport
from health_collectord.services.system import SystemService
from health_collectord.sinks.black_box import BlackBoxWriter
from health_collectord.sinks.checkpoints import Checkpoints
from health_collectord.sinks.console import ConsoleSink
from health_collectord.sinks.jsonl import JsonlSink
from health_collectord.sinks.keeper import RecordKeeper
from health_collectord.sinks.log import LogSink
from health_collectord.sinks.queued import QueuedSink

_log = logging.getLogger(__name__)


class Collector:
    """A collector put together from its configuration; `serve` runs it.

    Args:
        config: the configuration at the start.
        reread: reads it anew, for a reload; raises SettingsError where it cannot be used.

    Attributes:
        epoch: 32 hexadecimal digits, new for each.
        runtime: the bussdcc runtime with everything registered.
        publisher, state: the interfaces; their endpoints are final once booted.
    """

    def __init__(self, config: Config, reread: Callable[[], Config] | None = None) -> None:
        self.config = self._started = config
        self._reread = reread or (lambda: config)
        self._notifier = Notifier()
        self.epoch = os.urandom(16).hex()
        store, clock = SnapshotStore(), WakeOnceClock()
        self._sinks = _sinks(config)
        self._record: JsonlSink | None = None
        self._reading: RecordReading | None = None
        if config.record.enabled:
            self._record = self._recorder(store, clock)
            self._sinks += (self._record,)
            self._reading = RecordReading(*_record(config), settle=self._record.settle)
        self.runtime = runtime = CollectorRuntime(
            clock=clock, state=store, sinks=self._sinks, deadline=config.shutdown_seconds
        )
        enabled = tuple(m for m in config.metrics if m.enabled)
        history = HistoryProcess(tuple((m.entry, m.interval) for m in enabled))
        runtime.processes.register(SystemProcess())
        runtime.processes.register(
            HealthProcess(tuple((m.entry, m.rules, m.interval) for m in enabled))
        )
        runtime.processes.register(history)
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        allow_remote = config.allow_remote_plaintext
        gate = Gate(KeyFiles(config.keys_dir), everywhere=asks_for_keys(config))
        self.publisher = EventPublisher(
            self._context,
            config.events,
            host=config.host_id,
            epoch=self.epoch,
            allow_remote=allow_remote,
            gate=gate,
        )
        self._operations = Operations(
            host=config.host_id,
            epoch=self.epoch,
            version=VERSION,
            clock=runtime.clock,
            store=runtime.store,
            history=history,
            entries=tuple((m.entry, m.describe()) for m in enabled),
            recorded=config.record.enabled,
            recorded_before=config.record.enabled and _has_any(_record(config)[0]),
        )
        ceiling = Ceiling()
        self.state = StateEndpoint(
            self._context, config.state, self._operations, allow_remote=allow_remote, gate=gate,
            ceiling=ceiling, shut_out=self.publisher.shut_out, reading=self._reading,
        )  # fmt: skip
        self._watch = Watch(self.publisher, self.state, ceiling)
        runtime.interfaces.register(self.publisher)
        runtime.interfaces.register(self.state)
        self._gate = gate
        self._services = _services(
            config, enabled, SelfReport(self._counts), runtime.clock, self._this_start()
        )
        for service in self._services:
            runtime.services.register(service)
        if config.kernel_messages:
            memory = config.data_dir if config.record.enabled else None
            host = Host(config.procfs, config.sysfs, memory=memory)
            runtime.services.register(KernelService(host))
        runtime.on_stopping = self._notifier.stopping
        runtime.on_reload = self._reload

    def serve(self, ready: Callable[["Collector"], None]) -> int:
        """Runs until told to stop, and calls `ready` when everything has been sampled once.

        Returns:
            The exit status.

        Raises:
            StartError: it cannot start.
        """

        def is_ready() -> None:
            ready(self)
            self._notifier.ready()

        self._supervision = SupervisionProcess(
            self._notifier,
            metrics=tuple(m.entry.name for m in self.config.metrics if m.enabled),
            services=tuple(self._services),
            threads={sink.name: partial(getattr, sink, "alive") for sink in self._sinks},
            probe=self._probe,
            subscribers=self.publisher.count_subscribers,
            interval=self.config.interval,
            ready=is_ready,
        )
        self.runtime.processes.register(self._supervision)
        self._watch.start()
        status = self.runtime.serve(self._say_started)
        finish(self._context)
        return status

    def _recorder(self, store: SnapshotStore, clock: ClockProtocol) -> JsonlSink:
        """The record: text, black box, and what becomes of ended segments."""
        config = self.config
        (folder, _), box = _record(config), config.data_dir / "black-box"
        checkpoints = Checkpoints(
            store,
            clock,
            catalogue=lambda: [described for _, described in self._operations.entries],
            boot_id=Host(config.procfs).text(Path(config.procfs, "sys/kernel/random/boot_id")),
            epoch=self.epoch,
        )
        return JsonlSink(
            folder,
            config.record.segment_seconds,
            checkpoint=checkpoints,
            black_box=BlackBoxWriter(box, self.epoch, config.record.sync_seconds)
            if config.record.black_box
            else None,
            keeper=RecordKeeper(
                folder,
                box if config.record.black_box else None,
                config.record.text_seconds,
                Bounds(
                    size=int(config.record.total_bytes),
                    age=config.record.age_days * 86400,
                    free=int(config.record.free_bytes),
                ),
                lambda message: self.runtime.ctx.emit(message),
                lambda: self._reading.look() if self._reading else None,
            ),
        )

    def _this_start(self) -> Start:
        state, _, _ = os.environ.get("STATE_DIRECTORY", "").partition(":")  # man 5 systemd.exec
        now = milliseconds(self.runtime.clock.now_utc())
        return Start(self.epoch, VERSION, now, Path(state) if state else None)

    def _say_started(self) -> None:
        warn_of_plaintext(events=self.publisher, state=self.state)
        self.runtime.ctx.emit(
            CollectorStarted(
                version=VERSION,
                host=self.config.host_id,
                epoch=self.epoch,
                interval_seconds=self.config.interval,
            )
        )

    def _counts(self) -> dict[str, Any]:
        now, text_seconds = self.runtime.clock.now_utc(), self._started.record.text_seconds
        recorder = self._record
        return {
            "queue_depth": self.runtime.bus.depth,
            "events": self.publisher.events,
            "events_bytes": self.publisher.bytes,
            "subscribers": self.publisher.subscribers,
            "requests": self.state.answered,
            "reply_bytes": self.state.bytes,
            "busy": self.state.busy,
            "dropped": self.state.dropped,
            "refused": self._gate.refused,
            "record": recorder.amounts(now, text_seconds) if recorder else None,
        }

    def _probe(self) -> int:
        answered = self.state.answered_probes
        self.state.probe()
        return answered

    def _reload(self) -> None:
        """Applies what can be applied to a running collector; a bad file changes nothing."""
        self._notifier.reloading()
        try:
            config = self._reread()
        except SettingsError as error:
            _log.error("the configuration stays as it was: %s", error)
        else:
            self._apply(config)
        self._notifier.ready()

    def _apply(self, config: Config) -> None:
        running = {m.entry.name for m in self._started.metrics if m.enabled}
        changed = changes(self.config, config, running)
        if restart := waiting(self._started, config):
            _log.warning("changed, but only a restart applies: %s", ", ".join(restart))
        metrics = {m.entry.name: m for m in config.metrics if m.entry.name in running}
        for service in self._services:
            tasks = [t for t in service.tasks if isinstance(t, MetricTask)]
            stale = [t for t in tasks if t.differs(metrics[t.entry.name])]
            if stale:
                self.runtime.restart_service(service.name, partial(_configure, stale, metrics))
        self._operations.entries = tuple((m.entry, m.describe()) for m in metrics.values())
        self._supervision.interval = config.interval
        # Thresholds are judged by a process, which knows the time of nothing but events.
        self.runtime.ctx.emit(CollectorConfigured(changed=changed))
        self.config = config


def _configure(tasks: list[MetricTask], metrics: dict[str, MetricConfig]) -> None:
    for task in tasks:
        task.configure(metrics[task.entry.name])


def _sinks(config: Config) -> tuple[QueuedSink, ...]:
    sinks: list[QueuedSink] = [LogSink(prefixed="JOURNAL_STREAM" in os.environ)]
    if config.console:
        sinks.append(ConsoleSink())
    return tuple(sinks)


def _record(config: Config) -> tuple[Path, Path]:
    """The record's folder, and its index."""
    return config.data_dir / "history", config.data_dir / "index"


def _has_any(folder: Path) -> bool:
    """Whether there is anything in a folder, or that cannot be told."""
    try:
        return any(folder.iterdir())
    except FileNotFoundError:
        return False
    except OSError:
        return True


def _services(
    config: Config,
    metrics: tuple[MetricConfig, ...],
    report: SelfReport,
    clock: ClockProtocol,
    start: Start,
) -> list[GridService]:
    """The fast readers together, and each reader that can block in a service of its own."""
    host = Host(config.procfs, config.sysfs, memory=config.data_dir, start=start)
    fast: list[MetricTask] = []
    services = []
    for m in metrics:
        task = MetricTask(m, host)
        if m.entry.metric.blocking:
            services.append(GridService(m.entry.name, (task,)))
        else:
            fast.append(task)
    return [SystemService(tuple(fast), clock, report), *services]
