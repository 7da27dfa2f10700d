"""Rules applied to samples; what follows for the verdict is tested in test_health.py."""

from health_collectord.messages import MetricLost
from health_collectord.processes.checks import Checks
from health_collectord.vocabulary import Above, Raised

from tests.declarations import metric, sample
from tests.doubles import sequenced

ROWS = (Above("level_percent", warning=80.0, critical=90.0, rows="rows"),)


def checks() -> Checks:
    return Checks(metric(rules=ROWS), ROWS, 1.0)


def test_a_sample_changes_the_verdict_or_moves_a_figure_or_neither() -> None:
    found = checks()
    assert found.judge(sequenced(sample(a=70.0))) == (False, False)
    assert found.judge(sequenced(sample(a=80.0))) == (True, False)
    assert found.judge(sequenced(sample(a=80.0))) == (False, False)
    assert found.judge(sequenced(sample(a=85.0))) == (False, True)
    assert found.judge(sequenced(sample(a=85.0, b=95.0))) == (True, False)
    assert found.judge(sequenced(sample(a=95.0, b=95.0))) == (True, True)
    assert found.judge(sequenced(MetricLost(event="system.probe.updated"))) == (True, False)
    assert found.problems == {}


def test_a_problem_follows_its_figure_and_keeps_its_beginning() -> None:
    found = checks()
    found.judge(sequenced(sample(a=81.0), 1, 1.0))
    found.judge(sequenced(sample(a=91.0), 2, 2.0))
    found.judge(sequenced(sample(a=92.0), 3, 3.0))
    [problem] = [p.as_dict() for p in found.problems.values()]
    assert problem == {
        "metric": "probe", "rows": "rows", "row": "a", "field": "level_percent", "value": 92.0,
        "value_at_onset": 81.0, "threshold": 90.0, "severity": "critical",
        "since": "2026-01-01T12:00:01.000Z", "subject": "probe a level percent",
        "reason": "probe a level percent 92 %",
    }  # fmt: skip


def test_a_problem_that_was_gone_begins_anew() -> None:
    found = checks()
    found.judge(sequenced(sample(a=81.0), 1, 1.0))
    found.judge(sequenced(sample(a=10.0), 2, 2.0))
    found.judge(sequenced(sample(a=83.0), 3, 3.0))
    [problem] = found.problems.values()
    assert (problem.value_at_onset, problem.since) == (83.0, "2026-01-01T12:00:03.000Z")


def test_a_flag_is_critical_in_the_rows_that_everything_depends_on() -> None:
    rules = (Raised("level_percent", "warning", rows="rows", critical_rows=("/", "/boot*")),)
    found = Checks(metric(rules=rules), rules, 1.0)
    rows = {"/": 1.0, "/boot/firmware": 1.0, "/srv": 1.0, "/mnt/boot": 1.0, "/quiet": 0.0}
    found.judge(sequenced(sample(**rows)))
    assert {p.row: p.severity for p in found.problems.values()} == {
        "/": "critical", "/boot/firmware": "critical", "/srv": "warning", "/mnt/boot": "warning",
    }  # fmt: skip
