"""The verdict, from samples, statuses and heartbeats alone."""

from typing import Any

from health_collectord.messages import (
    CollectorConfigured,
    CollectorHeartbeat,
    HealthUpdated,
    MetricLost,
    MetricStatus,
)
from health_collectord.processes.health import HealthProcess
from health_collectord.vocabulary import Above, Below, Raised, Rule
from hypothesis import given
from hypothesis import strategies as st

from tests.declarations import RULES, metric, sample
from tests.doubles import Context, sequenced

ROWS = (Above("level_percent", warning=80.0, critical=90.0, rows="rows"),)


class Judge:
    """A health process with a second between what is said and the next."""

    def __init__(self, rules: tuple[Rule, ...] = RULES, interval: float = 1.0, **given: Any):
        self.process = HealthProcess(((metric(rules=rules, **given), rules, interval),))
        self.second = 0
        self.seq = 0

    def tell(self, payload: Any) -> list[HealthUpdated]:
        self.seq += 1
        ctx = Context()
        self.process.handle_event(ctx, sequenced(payload, self.seq, self.second))
        assert all(e.time == sequenced(payload, 1, self.second).time for e in ctx.emitted)
        said = [p for p in ctx.payloads if isinstance(p, HealthUpdated)]
        assert len(said) == len(ctx.payloads)
        return said

    def hear(self, payload: Any) -> list[dict[str, Any]]:
        return [said.health for said in self.tell(payload)]

    def status(self, status: str = "ok", reason: str | None = None) -> None:
        told = MetricStatus(metric="probe", status=status, reason=reason, since="")
        assert self.hear(told) == []

    def beat(self, after: int = 1) -> list[dict[str, Any]]:
        self.second += after
        seconds = float(self.second)
        return self.hear(CollectorHeartbeat(monotonic_seconds=1000 + seconds, uptime_seconds=1.0))

    def tick(self, payload: Any) -> list[HealthUpdated]:
        """What a whole tick with this sample leads to."""
        assert self.tell(payload) == []
        self.second += 1
        seconds = 1000.0 + self.second
        return self.tell(CollectorHeartbeat(monotonic_seconds=seconds, uptime_seconds=1.0))

    def sample(self, *args: Any, **rows: Any) -> list[dict[str, Any]]:
        return [said.health for said in self.tick(sample(*args, **rows))]


def test_nothing_is_known_before_the_first_sample() -> None:
    [health] = Judge().beat()
    assert health == {
        "status": "unknown",
        "summary": "probe: no sample yet",
        "problems": [],
        "checks": {"known": 0, "total": 1, "not_applicable": 0},
    }


def test_healthy_is_said_once() -> None:
    judge = Judge()
    judge.status()
    [health] = judge.sample(50.0)
    assert (health["status"], health["summary"]) == ("healthy", "all checks passed")
    assert health["checks"] == {"known": 1, "total": 1, "not_applicable": 0}
    assert judge.sample(51.0) == []


def test_a_problem_begins_worsens_and_ends() -> None:
    judge = Judge()
    judge.status()
    judge.sample(50.0)
    [warning] = judge.sample(80.0)  # a value equal to the threshold counts
    assert warning["status"] == "warning"
    assert warning["summary"] == "probe 80 %"
    assert warning["problems"] == [
        {
            "metric": "probe", "rows": None, "row": None, "field": "used_percent", "value": 80.0,
            "value_at_onset": 80.0, "threshold": 80.0, "severity": "warning",
            "since": "2026-01-01T12:00:01.000Z", "subject": "probe", "reason": "probe 80 %",
        }
    ]  # fmt: skip
    assert judge.sample(85.0) == []
    [critical] = judge.sample(95.55)
    assert critical["status"] == "critical"
    assert critical["problems"][0]["threshold"] == 90.0
    assert critical["problems"][0]["since"] == "2026-01-01T12:00:01.000Z"  # of the problem
    assert critical["problems"][0]["value_at_onset"] == 80.0
    assert critical["summary"] == "probe 95.5 %"
    [better] = judge.sample(81.0)
    assert better["status"] == "warning"
    [healthy] = judge.sample(79.9)
    assert (healthy["status"], healthy["problems"]) == ("healthy", [])


def test_a_problem_shows_its_figure_of_now_beside_the_one_it_began_with() -> None:
    judge = Judge(ROWS)
    judge.status()
    judge.sample(1.0, **{"/": 81.0})
    [health] = judge.sample(1.0, **{"/": 84.0, "/home": 82.0})  # another verdict, with all figures
    assert [(p["row"], p["value"], p["value_at_onset"]) for p in health["problems"]] == [
        ("/", 84.0, 81.0),
        ("/home", 82.0, 82.0),
    ]
    assert health["problems"][0]["reason"] == "probe / level percent 84 %"
    assert health["problems"][0]["rows"] == "rows"
    assert health["problems"][0]["subject"] == "probe / level percent"


def test_figures_that_move_are_said_every_ten_seconds_at_most() -> None:
    judge = Judge()
    judge.status()
    [begun] = judge.tick(sample(80.0))
    assert begun.figures_only is False
    assert [judge.tick(sample(81.0 + n / 10)) for n in range(9)] == [[]] * 9
    [moved] = judge.tick(sample(83.0))
    assert moved.figures_only is True
    assert moved.health["summary"] == "probe 83 %"
    [problem] = moved.health["problems"]
    assert (problem["value"], problem["value_at_onset"]) == (83.0, 80.0)
    assert problem["since"] == begun.health["problems"][0]["since"]
    assert [judge.tick(sample(83.0)) for _ in range(30)] == [[]] * 30
    assert [judge.tick(sample(83.01)) for _ in range(30)] == [[]] * 30  # it reads the same
    [worse] = judge.tick(sample(91.0))
    assert worse.figures_only is False


def test_a_threshold_that_a_reload_moves_is_the_standing_problems_as_well() -> None:
    judge = Judge()
    judge.status()
    judge.sample(85.0)
    judge.hear(CollectorConfigured(changed={"metrics.probe.used_percent_warning": 70.0}))
    [health] = judge.sample(85.0)
    assert health["problems"][0]["threshold"] == 70.0
    assert health["problems"][0]["since"] == "2026-01-01T12:00:00.000Z"


def test_each_row_is_judged_and_the_worst_comes_first() -> None:
    judge = Judge(ROWS)
    judge.status()
    [health] = judge.sample(1.0, **{"/": 85.0, "/home": 95.0, "/boot": 10.0})
    assert health["status"] == "critical"
    assert [(p["row"], p["severity"]) for p in health["problems"]] == [
        ("/home", "critical"),
        ("/", "warning"),
    ]
    assert health["summary"] == "probe /home level percent 95 %; probe / level percent 85 %"
    [fewer] = judge.sample(1.0, **{"/": 85.0})
    assert [p["row"] for p in fewer["problems"]] == ["/"]


def test_below_and_raised() -> None:
    low = Judge((Below("used_percent", warning=20.0, critical=10.0),))
    low.status()
    [health] = low.sample(20.0)
    assert health["status"] == "warning"
    [health] = low.sample(9.0)
    assert health["status"] == "critical"
    raised = Judge((Raised("used_percent", "critical"),))
    raised.status()
    [health] = raised.sample(True)
    assert (health["status"], health["summary"]) == ("critical", "used percent")
    assert health["problems"][0]["threshold"] is None
    [health] = raised.sample(False)
    assert health["status"] == "healthy"


def test_a_figure_that_this_machine_has_not_is_no_check() -> None:
    judge = Judge()
    judge.status()
    [health] = judge.sample(None)
    assert health["status"] == "healthy"
    assert health["checks"] == {"known": 0, "total": 0, "not_applicable": 1}


def test_a_metric_that_this_machine_has_not_is_no_check_either() -> None:
    judge = Judge()
    judge.status("unavailable", "no such thing")
    [health] = judge.beat()
    assert health["status"] == "healthy"
    assert health["checks"] == {"known": 0, "total": 0, "not_applicable": 1}


def test_what_cannot_be_read_is_unknown_and_no_longer_a_problem() -> None:
    judge = Judge()
    judge.status()
    assert judge.sample(95.0)[0]["status"] == "critical"
    judge.status("failing", "broken")
    assert judge.hear(MetricLost(event="system.probe.updated")) == []
    [health] = judge.beat()
    assert health["status"] == "unknown"
    assert health["summary"] == "probe: cannot be read"
    assert health["problems"] == []
    judge.status("denied")
    assert judge.beat()[0]["summary"] == "probe: not permitted"
    judge.status()
    assert judge.sample(10.0)[0]["status"] == "healthy"


def test_a_sample_that_does_not_come_is_unknown_after_three_intervals_and_two_seconds() -> None:
    judge = Judge(interval=10.0)
    judge.status()
    judge.sample(10.0)
    assert judge.beat(32) == []
    [health] = judge.beat(1)
    assert (health["status"], health["summary"]) == ("unknown", "probe: stale")
    [health] = judge.sample(10.0)
    assert health["status"] == "healthy"


def test_a_collector_that_was_stopped_has_fresh_samples_at_once() -> None:
    """The first tick after it has samples before the heartbeat that tells how late it is."""
    judge = Judge(interval=1.0)
    judge.status()
    assert judge.sample(10.0)[0]["status"] == "healthy"
    assert judge.hear(sample(10.0)) == []
    assert judge.beat(3600) == []


def test_what_is_published_on_change_does_not_grow_stale() -> None:
    judge = Judge(on_change=True)
    judge.status()
    judge.sample(10.0)
    assert judge.beat(10_000) == []


def test_a_rule_without_thresholds_is_no_check() -> None:
    judge = Judge((Above("used_percent"),))
    judge.status()
    [health] = judge.sample(100.0)
    assert health["status"] == "healthy"
    assert health["checks"] == {"known": 0, "total": 0, "not_applicable": 0}


def test_a_reload_changes_thresholds_and_intervals() -> None:
    judge = Judge()
    judge.status()
    judge.sample(50.0)
    judge.hear(CollectorConfigured(changed={"metrics.probe.used_percent_warning": 40.0}))
    assert judge.sample(50.0)[0]["problems"][0]["threshold"] == 40.0
    judge.hear(
        CollectorConfigured(
            changed={
                "metrics.probe.used_percent_warning": False,
                "metrics.probe.used_percent_critical": False,
                "metrics.other.used_percent_warning": 1.0,
                "interval": 3.0,
            }
        )
    )
    [health] = judge.sample(50.0)
    assert health["status"] == "healthy"
    assert health["checks"]["total"] == 0
    judge.hear(CollectorConfigured(changed={"metrics.probe.used_percent_warning": 99.0}))
    assert judge.beat()[0]["checks"]["total"] == 1  # said without waiting for another change
    judge.hear(CollectorConfigured(changed={"metrics.probe.interval": 100.0}))
    judge.sample(50.0)
    assert judge.beat(300) == []


@given(st.lists(st.none() | st.floats(0, 100), max_size=30))
def test_the_verdict_that_stands_is_the_one_the_last_sample_gives(
    levels: list[float | None],
) -> None:
    judge = Judge()
    judge.status()
    stands = judge.beat()[-1]["status"]
    for level in levels:
        said = judge.sample(level)
        assert len(said) <= 1
        stands = said[0]["status"] if said else stands
        worst = "healthy" if level is None or level < 80 else "warning"
        assert stands == ("critical" if level is not None and level >= 90 else worst)
