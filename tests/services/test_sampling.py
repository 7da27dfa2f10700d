"""Reading a metric: whatever comes of it is an event, a status, and nobody else's trouble."""

from dataclasses import dataclass
from typing import Annotated, Any

import pytest
from bussdcc import Message
from health_collectord.host import Host
from health_collectord.messages import MetricLost, MetricStatus
from health_collectord.services.sampling import MetricTask
from health_collectord.vocabulary import NotPermitted, Options, Unavailable

from tests.declarations import ScriptedReader, configured, metric, sample
from tests.doubles import ManualClock


def run(task: MetricTask, times: int = 1) -> list[list[Message]]:
    """What each run said."""
    clock = ManualClock()
    found = []
    for _ in range(times):
        found.append(list(task.run(clock.monotonic(), clock.now_utc())))
        clock.advance(1.0)
    return found


def task_of(*outcomes: Any, on_change: bool = False, interval: float = 1.0) -> MetricTask:
    entry = metric(lambda host, options: ScriptedReader(*outcomes), on_change=on_change)
    return MetricTask(configured(entry, interval), Host())


def status(status: str, reason: str | None = None, second: int = 0) -> MetricStatus:
    since = f"2026-01-01T12:00:0{second}.000Z"
    return MetricStatus(metric="probe", status=status, reason=reason, since=since)


LOST = MetricLost(event="system.probe.updated")


def test_a_sample_comes_before_the_status_that_it_brings_about() -> None:
    assert run(task_of(sample()), 2) == [[sample(), status("ok")], [sample()]]


def test_a_rate_waits_for_its_second_sample() -> None:
    assert run(task_of(None, sample()), 2) == [[], [sample(), status("ok", second=1)]]


@pytest.mark.parametrize(
    ("error", "expected", "reason"),
    [
        (Unavailable("no such sensor"), "unavailable", "no such sensor"),
        (NotPermitted("add the user to group video"), "denied", "add the user to group video"),
        (PermissionError(13, "Permission denied", "/sys/x"), "denied", "/sys/x: permission denied"),
        (PermissionError(), "denied", "probe: permission denied"),
        (FileNotFoundError(2, "No such file or directory", "/proc/x"), "failing",
         "/proc/x: No such file or directory"),
        (OSError(5, "Input/output error"), "failing", "Input/output error"),
        (OSError("odd"), "failing", "odd"),
        (ValueError("line 3: 'kB' expected"), "failing", "line 3: 'kB' expected"),
        (IndexError(), "failing", "IndexError"),
        (KeyError("MemTotal"), "failing", "'MemTotal'"),
        (ZeroDivisionError("division by zero"), "failing", "division by zero"),
    ],
)  # fmt: skip
def test_a_failure_becomes_the_status(error: Exception, expected: str, reason: str) -> None:
    assert run(task_of(error), 2) == [[status(expected, reason)], []]


def test_figures_that_can_no_longer_be_had_are_said_to_be_gone() -> None:
    broken = OSError(5, "Input/output error", "/proc/x")
    reason = "/proc/x: Input/output error"
    assert run(task_of(sample(), broken, broken, sample()), 4) == [
        [sample(), status("ok")],
        [status("failing", reason, 1), LOST],
        [],
        [sample(), status("ok", second=3)],
    ]


def test_another_reason_is_told_anew() -> None:
    assert run(task_of(ValueError("a"), ValueError("b"), ValueError("b")), 3) == [
        [status("failing", "a")],
        [status("failing", "b", 1)],
        [],
    ]


def test_on_change_only_what_differs_is_published() -> None:
    found = run(task_of(sample(1), sample(1), sample(2), on_change=True), 4)
    assert found == [[sample(1), status("ok")], [], [sample(2)], []]


def test_on_change_it_is_published_again_after_a_failure() -> None:
    found = run(task_of(sample(1), ValueError("x"), sample(1), on_change=True), 3)
    assert found[2] == [sample(1), status("ok", second=2)]


def test_what_the_machine_does_not_have_is_looked_for_seldom() -> None:
    task = task_of(Unavailable("none"), sample())
    run(task)
    assert task.interval == 30.0
    run(task)
    assert task.interval == 1.0
    slow = task_of(Unavailable("none"), interval=60.0)
    run(slow)
    assert slow.interval == 60.0


def test_a_reader_that_cannot_be_made_is_made_at_the_next_try() -> None:
    made: list[int] = []

    def make(host: Host, options: Any) -> ScriptedReader:
        made.append(1)
        if len(made) < 3:
            raise Unavailable("not yet")
        return ScriptedReader(sample())

    task = MetricTask(configured(metric(make)), Host())
    found = run(task, 4)
    assert found == [[status("unavailable", "not yet")], [], [sample(), status("ok", second=2)],
                     [sample()]]  # fmt: skip
    assert len(made) == 3


@dataclass(slots=True, frozen=True, kw_only=True)
class Choice(Options):
    which: Annotated[str, "which one"] = "a"


def test_other_options_need_another_reader() -> None:
    made: list[str] = []

    def make(host: Host, options: Choice) -> ScriptedReader:
        made.append(options.which)
        return ScriptedReader(sample())

    entry = metric(make, options=Choice)
    task = MetricTask(configured(entry), Host())
    run(task)
    same, faster = configured(entry), configured(entry, interval=0.5)
    other = configured(entry, options=Choice(which="b"))
    assert not task.differs(same)
    assert task.differs(faster)
    task.configure(faster)
    assert task.interval == 0.5
    run(task)
    assert made == ["a"]
    assert task.differs(other)
    task.configure(other)
    run(task)
    assert made == ["a", "b"]
