from typing import Any

import pytest
from health_webui.verdict import SEVERITY, WORDS, coverage, judge, problems

HEALTHY = {"status": "healthy", "summary": "all checks passed"}


@pytest.mark.parametrize(
    ("link", "health", "text"),
    [
        ("connecting", None, "Unknown: never seen by this server"),
        ("live", None, "Unknown: waiting for the first verdict"),
        ("live", "nonsense", "Unknown: waiting for the first verdict"),
        ("live", {"status": "splendid"}, "Unknown: waiting for the first verdict"),
        ("live", HEALTHY, "Healthy: all checks passed"),
        ("live", {"status": "healthy", "summary": "healthy"}, "Healthy"),
        ("live", {"status": "critical", "summary": "disk full"}, "Critical: disk full"),
        ("stale", HEALTHY, "Stale: no data for 12 s; last known: Healthy"),
        ("stale", None, "Stale: no data for 12 s"),
    ],
)
def test_the_verdict_says_what_is_known(link: Any, health: Any, text: str) -> None:
    verdict = judge(link, 12.4, health)
    assert verdict.text == text
    assert verdict.status in WORDS


def test_what_is_not_known_is_worse_than_healthy() -> None:
    assert set(SEVERITY) == set(WORDS)
    assert SEVERITY.index("healthy") == len(SEVERITY) - 1


@pytest.mark.parametrize(
    ("checks", "text"),
    [
        ({"known": 9, "total": 9, "not_applicable": 4}, "9 of 9 checks; 4 do not apply here"),
        ({"known": 8, "total": 9, "not_applicable": 1}, "8 of 9 checks; 1 does not apply here"),
        ({"known": 2, "total": 2, "not_applicable": 0}, "2 of 2 checks"),
        (None, "Nothing has been checked yet"),
    ],
)
def test_it_says_how_much_was_checked(checks: Any, text: str) -> None:
    assert coverage({"checks": checks}) == text


def test_problems_that_are_none_are_left_out() -> None:
    found = problems({"problems": [None, 3, {}, {"severity": "critical", "reason": "full"}]})
    assert [(p.severity, p.reason) for p in found] == [
        ("warning", "problem without a reason"),
        ("critical", "full"),
    ]
    assert problems({"problems": 7}) == problems(None) == ()
