"""What the collector says of itself. Metrics have their messages in their own modules."""

from dataclasses import dataclass
from typing import Any, ClassVar

from bussdcc.message import Message, Severity


@dataclass(slots=True, frozen=True, kw_only=True)
class CollectorHeartbeat(Message):
    """Once a second, through the same dispatcher as every event."""

    monotonic_seconds: float
    uptime_seconds: float


@dataclass(slots=True, frozen=True, kw_only=True)
class CollectorStarted(Message):
    """The first thing a collector says: what it is, so that a record explains itself."""

    version: str
    host: str
    epoch: str
    interval_seconds: float


@dataclass(slots=True, frozen=True, kw_only=True)
class CollectorConfigured(Message):
    """Settings were changed by a reload; `changed` maps each key to its new value."""

    changed: dict[str, Any]


@dataclass(slots=True, frozen=True, kw_only=True)
class CollectorEventsDropped(Message):
    """Samples came faster than they could be dispatched; this many were left out."""

    severity = Severity.WARNING
    count: int


@dataclass(slots=True, frozen=True, kw_only=True)
class CollectorSelf(Message):
    """What the collector costs and has done since it started; PROTOCOL.md explains each."""

    cpu_seconds: float
    rss_bytes: int | None
    queue_depth: int
    events: int
    events_bytes: int
    subscribers: int
    requests: int
    reply_bytes: int
    busy: int
    dropped: int
    refused: int
    record: dict[str, Any] | None

    @property
    def event_name(self) -> str:
        return "collector.self.updated"


@dataclass(slots=True, frozen=True, kw_only=True)
class CollectorSinkDegraded(Message):
    """A sink cannot write; what comes until `collector.sink.recovered` is not in it."""

    severity = Severity.WARNING
    sink: str
    error: str
    lost: int


@dataclass(slots=True, frozen=True, kw_only=True)
class CollectorSinkRecovered(Message):
    """A sink writes again; `lost` events are missing from it."""

    sink: str
    lost: int


@dataclass(slots=True, frozen=True, kw_only=True)
class CollectorRecordRecovered(Message):
    """What the black box had beyond a segment's text is in it now.

    Events `first_seq` to `last_seq` of the start `of_epoch`; `damaged_bytes` of the text were no
    whole records.
    """

    segment: str
    of_epoch: str
    first_seq: int
    last_seq: int
    events: int
    damaged_bytes: int


@dataclass(slots=True, frozen=True, kw_only=True)
class CollectorRecordRemoved(Message):
    """Segments of the record had to go, from `first` to `last`, which took `removed_bytes`.

    `reason` is ``size``, ``age`` or ``free``: which bound they were beyond.
    """

    first: str
    last: str
    segments: int
    removed_bytes: int
    reason: str


@dataclass(slots=True, frozen=True, kw_only=True)
class KernelMessage(Message):
    """The kernel's log has a warning or worse: `priority` 4 to 0 (emergency).

    `facility` is ``kern`` for the kernel itself; `sequence` and `boot_seconds` are the log's own.
    """

    severity = Severity.WARNING  # it may be the last that is heard: it is recorded at once
    priority: int
    facility: str
    sequence: int
    boot_seconds: float
    text: str


@dataclass(slots=True, frozen=True, kw_only=True)
class KernelMessagesMissed(Message):
    """Of the kernel's log there are no events.

    `suppressed` are warnings or worse that came faster than they are told; `overwritten` are
    records of any priority that were gone before they could be read, at most so many.
    """

    severity = Severity.WARNING
    suppressed: int
    overwritten: int


@dataclass(slots=True, frozen=True, kw_only=True)
class KernelLogStatus(Message):
    """Whether the kernel's log can be read: ``collector.kernel.updated``; as a metric's status."""

    status: str
    reason: str | None
    since: str

    @property
    def event_name(self) -> str:
        return "collector.kernel.updated"


@dataclass(slots=True, frozen=True, kw_only=True)
class MetricStatus(Message):
    """A metric's status changed: ``collector.metrics.NAME.updated``.

    `status` is one of waiting, ok, unavailable, denied, failing (PROTOCOL.md).
    """

    metric: str
    status: str
    reason: str | None
    since: str

    @property
    def event_name(self) -> str:
        return f"collector.metrics.{self.metric}.updated"

    def event_data(self) -> dict[str, Any]:
        return {"status": self.status, "reason": self.reason, "since": self.since}


@dataclass(slots=True, frozen=True, kw_only=True)
class MetricLost(Message):
    """A metric's figures can no longer be had: its own event, with ``null`` for data."""

    namespace: ClassVar[str] = "system"
    event: str

    @property
    def event_name(self) -> str:
        return self.event

    def event_data(self) -> None:
        return None


@dataclass(slots=True, frozen=True, kw_only=True)
class HealthUpdated(Message):
    """The verdict changed; `health` as PROTOCOL.md gives it.

    With `figures_only` the verdict stands, and nothing but its problems' figures have moved.
    """

    health: dict[str, Any]
    figures_only: bool = False

    @property
    def event_name(self) -> str:
        return "health.updated"

    def event_data(self) -> dict[str, Any]:
        return self.health
