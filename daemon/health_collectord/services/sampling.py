"""Reads metrics and turns whatever comes of it into events."""

from collections.abc import Iterable
from datetime import datetime

from bussdcc import Message

from health_collectord.config import MetricConfig
from health_collectord.events import format_time
from health_collectord.host import Host
from health_collectord.messages import MetricLost, MetricStatus
from health_collectord.runtime.grid import Task
from health_collectord.vocabulary import NotPermitted, Reader, Telemetry, Unavailable

_PROBE_AGAIN = 30.0  # seconds until a metric that this machine does not have is looked for again


class MetricTask(Task):
    """Reads one metric; a failure becomes the metric's status and never anybody else's.

    Args:
        config: the metric as configured.
        host: where to read it.
    """

    def __init__(self, config: MetricConfig, host: Host) -> None:
        self.entry = config.entry
        self._host = host
        self._reader: Reader | None = None
        self._status: tuple[str, str | None] = ("waiting", None)
        self._last: Telemetry | None = None
        self._options = config.options
        self._every = self.interval = config.interval

    def differs(self, config: MetricConfig) -> bool:
        """Whether `configure` would change how this metric is read."""
        return (config.options, config.interval) != (self._options, self._every)

    def configure(self, config: MetricConfig) -> None:
        """Takes other settings, while the service rests; other options need another reader."""
        if config.options != self._options:
            self._reader = None
        self._options = config.options
        self._every = self.interval = config.interval

    def run(self, now: float, time: datetime) -> Iterable[Message]:
        sample, status, reason = self._sample(now)
        self.interval = max(self._every, _PROBE_AGAIN) if status == "unavailable" else self._every
        if sample is not None and not (self.entry.metric.on_change and sample == self._last):
            yield sample
        if (status, reason) != self._status:
            self._status = (status, reason)
            yield MetricStatus(
                metric=self.entry.name, status=status, reason=reason, since=format_time(time)
            )
        if sample is None and self._last is not None:
            yield MetricLost(event=self.entry.event)
        self._last = sample

    def _sample(self, now: float) -> tuple[Telemetry | None, str, str | None]:
        try:
            if self._reader is None:
                self._reader = self.entry.metric.reader(self._host, self._options)
            sample = self._reader.read(now)
        except NotPermitted as error:
            return None, "denied", str(error)
        except Unavailable as error:
            return None, "unavailable", str(error)
        except PermissionError as error:
            return None, "denied", f"{error.filename or self.entry.name}: permission denied"
        except Exception as error:  # noqa: BLE001 the one place where any failure becomes a status
            return None, "failing", _describe(error)
        return sample, "waiting" if sample is None else "ok", None


def _describe(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error) or type(error).__name__
