"""Readiness and life, as heartbeats tell them."""

from typing import Any

import pytest
from health_collectord.messages import CollectorHeartbeat, HealthUpdated, MetricStatus
from health_collectord.processes.supervision import SupervisionProcess
from health_collectord.runtime.grid import GridService
from health_collectord.runtime.store import SnapshotStore

from tests.doubles import Context, ManualClock, sequenced


class HearingNotifier:
    """A notifier that keeps what it is told."""

    watchdog_seconds = 15.0

    def __init__(self, active: bool = True) -> None:
        self.active = active
        self.fed: list[float] = []
        self.said: list[str] = []
        self.now = 0.0

    def alive(self) -> None:
        self.fed.append(self.now)

    def status(self, text: str) -> None:
        self.said.append(text)


class Supervised:
    def __init__(self, *, active: bool = True, metrics: tuple[str, ...] = ("a", "b")) -> None:
        self.clock = ManualClock(1000.0)
        self.store = SnapshotStore()
        self.ctx = Context(self.clock, state=self.store)
        self.notifier = HearingNotifier(active)
        self.service = GridService("system", ())
        self.answers = 0
        self.answering = True
        self.alive = True
        self.subscribers = 2
        self.ready: list[float] = []
        self.process = SupervisionProcess(
            self.notifier,  # type: ignore[arg-type]
            metrics=metrics,
            services=(self.service,),
            threads={"jsonl": lambda: self.alive},
            probe=self.probe,
            subscribers=lambda: self.subscribers,
            interval=1.0,
            ready=lambda: self.ready.append(self.clock.now),
        )

    def probe(self) -> int:
        before = self.answers
        self.answers += self.answering
        return before

    def beat(self, times: int = 1) -> None:
        for _ in range(times):
            self.notifier.now = self.clock.now
            self.hear(CollectorHeartbeat(monotonic_seconds=self.clock.now, uptime_seconds=1.0))
            self.clock.advance(1.0)

    def hear(self, payload: Any) -> None:
        self.process.handle_event(self.ctx, sequenced(payload, 1, self.clock.now - 1000.0))

    def status(self, metric: str, status: str) -> None:
        self.hear(MetricStatus(metric=metric, status=status, reason=None, since=""))


@pytest.mark.parametrize("status", ["ok", "unavailable", "denied", "failing"])
def test_it_is_ready_when_every_metric_has_said_something(status: str) -> None:
    it = Supervised()
    it.status("a", "ok")
    it.beat()
    assert it.ready == []
    it.status("b", status)
    assert it.ready == []
    it.beat(3)
    assert it.ready == [1001.0]


def test_a_metric_that_says_nothing_is_not_waited_for_for_ever() -> None:
    it = Supervised()
    it.beat(20)
    assert it.ready == [1006.0]


def test_the_watchdog_is_fed_three_times_in_its_time() -> None:
    it = Supervised()
    it.beat(30)
    assert it.notifier.fed == [1000.0, 1005.0, 1010.0, 1015.0, 1020.0, 1025.0]


def test_without_systemd_nobody_is_told() -> None:
    it = Supervised(active=False)
    it.beat(30)
    assert (it.notifier.fed, it.notifier.said, it.answers) == ([], [], 0)
    assert len(it.ready) == 1


def test_the_status_line_says_how_things_are() -> None:
    it = Supervised()
    it.store.set("health", {"status": "warning", "summary": "disk /\n\x1b[2J 91 %"})
    it.status("a", "failing")
    it.status("b", "denied")
    it.process.interval = 2.5
    it.beat()
    assert it.notifier.said == [
        r"Warning: disk /\n\x1b[2J 91 %; every 2.5 s, last at 12:00:00 UTC; 2 subscribers; "
        "cannot read a, b"
    ]


def test_the_status_line_says_another_verdict_at_once() -> None:
    it = Supervised()
    it.subscribers = 1
    it.beat()
    assert it.notifier.said[-1].startswith("Unknown: no sample yet; every 1 s")
    health = {"status": "healthy", "summary": "all checks passed"}
    it.store.set("health", health)
    it.hear(HealthUpdated(health=health))
    last = "every 1 s, last at 12:00:01 UTC; 1 subscriber"
    assert it.notifier.said[-1] == f"Healthy: all checks passed; {last}"
    it.store.set("health", {"status": "critical", "summary": "x" * 5000})
    it.hear(HealthUpdated(health={}))
    assert len(it.notifier.said[-1]) < 400


def test_a_service_that_does_not_tick_is_not_alive() -> None:
    it = Supervised()
    it.service.start(it.ctx)
    it.beat(6)
    assert it.notifier.fed == [1000.0, 1005.0]
    it.clock.advance(4.0)
    it.beat(3)
    assert len(it.notifier.fed) == 2
    assert it.notifier.said[-1].endswith("service system has not ticked for 12 s")
    it.service.start(it.ctx)  # as a restart does
    it.beat()
    assert len(it.notifier.fed) == 3


def test_a_dead_thread_is_not_alive() -> None:
    it = Supervised()
    it.beat()
    it.alive = False
    it.beat(10)
    assert it.notifier.fed == [1000.0]
    assert it.notifier.said[-1].endswith("thread jsonl is dead")


def test_a_state_endpoint_that_does_not_answer_is_not_alive() -> None:
    it = Supervised()
    it.beat(6)
    assert it.notifier.fed == [1000.0, 1005.0]
    it.answering = False
    it.beat(5)  # this answer had been given before
    it.beat(20)
    assert it.notifier.fed == [1000.0, 1005.0, 1010.0]
    assert it.notifier.said[-1].endswith("the state endpoint's thread does not answer")
    it.answering = True
    it.beat(3)
    assert it.notifier.fed[3:]
