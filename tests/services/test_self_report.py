"""What the collector says of itself."""

import os
from pathlib import Path
from typing import Any

import pytest
from health_collectord.messages import CollectorSelf
from health_collectord.services import self_report
from health_collectord.services.self_report import SelfReport

from tests.doubles import START

COUNTS: dict[str, Any] = {
    "queue_depth": 1,
    "events": 2,
    "events_bytes": 3,
    "subscribers": 4,
    "requests": 5,
    "reply_bytes": 6,
    "busy": 7,
    "dropped": 8,
    "refused": 9,
    "record": {"kept_bytes": 10},
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


def test_memory_is_given_back_now_and_then_while_it_has_grown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    statm = tmp_path / "statm"
    report = SelfReport(lambda: COUNTS, statm)
    given_back: list[str] = []
    monkeypatch.setattr(self_report, "give_back_memory", lambda: given_back.append("back"))
    counts = []
    for pages in (5000, 5000, 5000, 5000, 5100, 5600, 5600, 5600, 5600, 5100, 5100, 5100):
        statm.write_text(f"9999 {pages} 1 1 0 1 0\n")
        said(report)
        counts.append(len(given_back))
    assert counts == [1, 1, 1, 1, 1, 2, 2, 2, 3, 3, 3, 3]
