"""What is said of a host: its metrics read and judged as the collector does it."""

from dataclasses import replace
from typing import Any

from health_collectord import catalogue
from health_collectord.catalogue import Entry
from health_collectord.config import MetricConfig
from health_collectord.messages import CollectorHeartbeat, HealthUpdated, MetricStatus
from health_collectord.processes.health import HealthProcess
from health_collectord.services.sampling import MetricTask

from tests.declarations import configured
from tests.doubles import Context, at, sequenced

from .conftest import RecordedHost


class Judged:
    """A host as it is read again and again, at whatever moment the test says.

    Args:
        host: where to read.
        names: the metrics to read; all of them where none is named.
    """

    def __init__(self, host: RecordedHost, *names: str) -> None:
        entries = [e for e in catalogue.load() if not names or e.name in names]
        self._tasks = [MetricTask(_configured(entry, host), host.host) for entry in entries]
        rules = tuple((e, e.metric.rules, e.metric.interval) for e in entries)
        self._process = HealthProcess(rules)
        self._seq = 0
        self.health: dict[str, Any] = {}
        self.status: dict[str, str] = {}
        self.reason: dict[str, str | None] = {}

    def read(self, now: float) -> "Judged":
        """Reads every metric at that second, and judges what they gave."""
        for task in self._tasks:
            for message in task.run(now, at(now)):
                if isinstance(message, MetricStatus):
                    self.status[message.metric] = message.status
                    self.reason[message.metric] = message.reason
                self._hear(message, now)
        self._hear(CollectorHeartbeat(monotonic_seconds=now, uptime_seconds=now), now)
        return self

    @property
    def problems(self) -> list[tuple[str, str | None, str, str]]:
        """Metric, row, field and severity of each problem, the worst first."""
        told = self.health["problems"]
        return [(p["metric"], p["row"], p["field"], p["severity"]) for p in told]

    def _hear(self, payload: Any, now: float) -> None:
        self._seq += 1
        ctx = Context()
        self._process.handle_event(ctx, sequenced(payload, self._seq, now))
        for told in ctx.payloads:
            assert isinstance(told, HealthUpdated)
            self.health = told.health


def _configured(entry: Entry, host: RecordedHost) -> MetricConfig:
    """As delivered, read with what a recorded host cannot do by itself put in."""
    metric = entry.metric
    return configured(
        Entry(entry.name, replace(metric, reader=lambda _host, _options: host.reader(metric))),
        metric.interval,
    )


def judged(host: RecordedHost, *names: str) -> Judged:
    """After two readings a second apart, so that rates are known."""
    return Judged(host, *names).read(1.0).read(2.0)
