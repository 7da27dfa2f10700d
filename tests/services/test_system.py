"""The fast metrics, the heartbeat and the report, in one tick."""

from dataclasses import fields

from health_collectord.host import Host
from health_collectord.messages import CollectorHeartbeat, CollectorSelf, MetricStatus
from health_collectord.services.sampling import MetricTask
from health_collectord.services.self_report import SelfReport
from health_collectord.services.system import SystemService

from tests.declarations import ScriptedReader, configured, metric, sample
from tests.doubles import Context, ManualClock

COUNTED = [f.name for f in fields(CollectorSelf) if f.name not in ("cpu_seconds", "rss_bytes")]


def test_it_reads_the_metrics_then_beats_and_reports() -> None:
    clock = ManualClock()
    ctx = Context(clock)
    tasks = tuple(
        MetricTask(configured(metric(lambda host, options: ScriptedReader(sample())), 1.0), Host())
        for _ in range(2)
    )
    SystemService(tasks, clock, SelfReport(lambda: dict.fromkeys(COUNTED, 0))).tick(ctx)
    probe = type(sample())
    assert [type(said) for said in ctx.payloads] == [
        *(probe, MetricStatus, probe, MetricStatus), CollectorHeartbeat, CollectorSelf,
    ]  # fmt: skip
