"""What the collector says of itself."""

import os
from pathlib import Path

from health_collectord.messages import CollectorSelf
from health_collectord.services.self_report import SelfReport

from tests.doubles import START

COUNTS = {
    "queue_depth": 1,
    "events": 2,
    "events_bytes": 3,
    "subscribers": 4,
    "requests": 5,
    "reply_bytes": 6,
    "busy": 7,
    "dropped": 8,
    "refused": 9,
}


def said(report: SelfReport) -> CollectorSelf:
    [message] = report.run(0.0, START)
    assert isinstance(message, CollectorSelf)
    return message


def test_it_says_what_it_costs_and_did() -> None:
    first = said(SelfReport(lambda: COUNTS))
    assert first.event_name == "collector.self.updated"
    assert {name: getattr(first, name) for name in COUNTS} == COUNTS
    assert first.cpu_seconds > 0
    assert first.rss_bytes is not None
    assert 1e6 < first.rss_bytes < 1e10
    assert first.rss_bytes % os.sysconf("SC_PAGE_SIZE") == 0


def test_memory_that_cannot_be_told_is_null(tmp_path: Path) -> None:
    assert said(SelfReport(lambda: COUNTS, tmp_path / "none")).rss_bytes is None
    (tmp_path / "statm").write_text("nonsense")
    assert said(SelfReport(lambda: COUNTS, tmp_path / "statm")).rss_bytes is None
