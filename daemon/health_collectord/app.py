"""The composition root: the only file that knows every part."""

import os
from collections.abc import Callable
from dataclasses import replace

import zmq
from bussdcc.io import EventSinkProtocol

from health_collectord import catalogue
from health_collectord.config import Config, MetricConfig
from health_collectord.host import Host
from health_collectord.interfaces.operations import Operations
from health_collectord.interfaces.publisher import EventPublisher
from health_collectord.interfaces.state import StateEndpoint
from health_collectord.messages import CollectorStarted
from health_collectord.processes.health import HealthProcess
from health_collectord.processes.history import HistoryProcess
from health_collectord.processes.system import SystemProcess
from health_collectord.runtime.grid import GridService, Heartbeat
from health_collectord.runtime.runtime import CollectorRuntime
from health_collectord.services.sampling import MetricTask
from health_collectord.sinks.console import ConsoleSink
from health_collectord.sinks.jsonl import JsonlSink
from health_collectord.version import VERSION


class Collector:
    """A collector put together from its configuration; `serve` runs it.

    Attributes:
        epoch: 32 hexadecimal digits, new for each.
        runtime: the bussdcc runtime with everything registered.
        publisher, state: the interfaces; their endpoints are final once booted.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self.epoch = os.urandom(16).hex()
        self.runtime = CollectorRuntime(sinks=_sinks(config), deadline=config.shutdown_seconds)
        enabled = tuple(m for m in config.metrics if m.enabled)
        history = HistoryProcess(tuple((m.entry, m.interval) for m in enabled))
        self.runtime.processes.register(SystemProcess())
        self.runtime.processes.register(
            HealthProcess(tuple((m.entry, m.rules, m.interval) for m in enabled))
        )
        self.runtime.processes.register(history)
        self._context = zmq.Context()
        allow_remote = config.allow_remote_plaintext
        self.publisher = EventPublisher(
            self._context,
            config.events,
            host=config.host_id,
            epoch=self.epoch,
            allow_remote=allow_remote,
        )
        operations = Operations(
            host=config.host_id,
            epoch=self.epoch,
            version=VERSION,
            clock=self.runtime.clock,
            store=self.runtime.store,
            history=history,
            entries=tuple((m.entry, _describe(m)) for m in enabled),
        )
        self.state = StateEndpoint(
            self._context, config.state, operations, allow_remote=allow_remote
        )
        self.runtime.interfaces.register(self.publisher)
        self.runtime.interfaces.register(self.state)
        for service in _services(config, enabled):
            self.runtime.services.register(service)

    def serve(self, ready: Callable[["Collector"], None]) -> int:
        """Runs until told to stop; returns the exit status.

        Raises:
            StartError: it cannot start.
        """

        def started() -> None:
            self.runtime.ctx.emit(
                CollectorStarted(
                    version=VERSION,
                    host=self.config.host_id,
                    epoch=self.epoch,
                    interval_seconds=self.config.interval,
                )
            )
            ready(self)

        return self.runtime.serve(started)


def _sinks(config: Config) -> tuple[EventSinkProtocol, ...]:
    sinks: list[EventSinkProtocol] = []
    if config.console:
        sinks.append(ConsoleSink())
    if config.record:
        sinks.append(JsonlSink(config.data_dir / "history", config.segment_seconds))
    return tuple(sinks)


def _services(config: Config, metrics: tuple[MetricConfig, ...]) -> list[GridService]:
    """The fast readers together, and each reader that can block in a service of its own."""
    host = Host(config.procfs, config.sysfs)
    fast: list[MetricTask] = []
    services = []
    for m in metrics:
        task = MetricTask(m.entry, host, m.options, m.interval)
        if m.entry.metric.blocking:
            services.append(GridService(m.entry.name, (task,)))
        else:
            fast.append(task)
    return [GridService("system", (*fast, Heartbeat())), *services]


def _describe(m: MetricConfig) -> dict[str, object]:
    """The catalogue's description, with the thresholds and interval as configured."""
    entry = catalogue.Entry(m.entry.name, replace(m.entry.metric, rules=m.rules))
    return {**entry.describe(), "interval": m.interval}
