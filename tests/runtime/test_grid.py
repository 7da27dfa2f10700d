"""Services on the grid: what runs when, whatever happens in between."""

from collections.abc import Iterable
from datetime import datetime

import pytest
from bussdcc import Message
from health_collectord.messages import CollectorHeartbeat
from health_collectord.runtime.grid import GridService, Heartbeat
from hypothesis import given
from hypothesis import strategies as st

from tests.doubles import Context, ManualClock, Note

BEGIN = 1000.0


class Recorder:
    """A task that takes its time."""

    def __init__(
        self, interval: float, works: float = 0.0, clock: ManualClock | None = None
    ) -> None:
        self.interval = interval
        self.works = works
        self.clock = clock
        self.times: list[float] = []

    def run(self, now: float, time: datetime) -> Iterable[Message]:
        self.times.append(now)
        if self.clock is not None:
            self.clock.advance(self.works)
        yield Note(len(self.times))


def ticks(service: GridService, clock: ManualClock, count: int, late: float = 0.0) -> None:
    """Ticks as bussdcc does; each wake-up comes `late` seconds late, or early."""
    ctx = Context(clock)
    service.start(ctx)
    for _ in range(count):
        service.tick(ctx)
        clock.advance(max(service.interval + late, 0.0))


def test_samples_at_once_and_then_on_the_grid() -> None:
    clock = ManualClock(BEGIN + 0.4)
    task = Recorder(1.0, works=0.1, clock=clock)
    ticks(GridService("grid", (task,)), clock, 4)
    assert task.times == pytest.approx([1000.4, 1001.0, 1002.0, 1003.0])


def test_each_task_keeps_its_own_interval() -> None:
    clock = ManualClock(BEGIN)
    fast, slow = Recorder(1.0), Recorder(2.5)
    ticks(GridService("grid", (fast, slow)), clock, 8)
    assert fast.times == pytest.approx([BEGIN + n for n in (0, 1, 2, 3, 4, 5, 6)])
    assert slow.times == pytest.approx([BEGIN, BEGIN + 2.5, BEGIN + 5.0])


def test_skips_what_it_missed_and_never_bursts() -> None:
    clock, task = ManualClock(BEGIN), Recorder(1.0)
    service = GridService("grid", (task,))
    ticks(service, clock, 2)
    clock.advance(3600.3)  # the machine was suspended
    ctx = Context(clock)
    for _ in range(3):
        service.tick(ctx)
        clock.advance(service.interval)
    assert task.times[2:] == pytest.approx([4602.3, 4603.0, 4604.0])


def test_work_longer_than_the_interval_leaves_moments_out() -> None:
    clock = ManualClock(BEGIN)
    task = Recorder(1.0, works=2.4, clock=clock)
    ticks(GridService("grid", (task,)), clock, 4)
    assert task.times == pytest.approx([1000.0, 1002.4, 1004.8, 1007.2])


@given(
    begin=st.floats(0, 1e6),
    intervals=st.lists(st.floats(0.1, 100), min_size=1, max_size=4),
    late=st.floats(-0.0009, 0.01),
)
def test_a_moment_is_sampled_once(begin: float, intervals: list[float], late: float) -> None:
    """However early or late the thread wakes, no moment is sampled twice."""
    clock = ManualClock(begin)
    tasks = tuple(map(Recorder, intervals))
    ticks(GridService("grid", tasks), clock, 30, late)
    for task in tasks:
        for before, after in zip(task.times[1:], task.times[2:], strict=False):
            assert after - before > task.interval / 2


def test_its_lateness_is_how_long_its_moment_has_passed() -> None:
    clock = ManualClock(BEGIN)
    service = GridService("grid", (Recorder(1.0),))
    ctx = Context(clock)
    assert service.late(clock.now + 100) == 0.0
    service.start(ctx)
    assert service.late(clock.now + 7) == 7.0
    service.tick(ctx)
    assert service.late(clock.now + 7) == 6.0
    service.stop(ctx)
    assert service.late(clock.now + 100) == 0.0


def test_a_heartbeat_says_how_late_it_is() -> None:
    clock = ManualClock(BEGIN)
    clock.advance(2.0004)
    ctx = Context(clock)
    GridService("grid", (Heartbeat(clock),)).tick(ctx)
    assert ctx.payloads == [CollectorHeartbeat(monotonic_seconds=1002.0, uptime_seconds=2.0)]
    assert ctx.emitted[0].time == clock.now_utc()


def test_what_the_tasks_of_a_tick_say_comes_in_their_order_with_one_time() -> None:
    clock = ManualClock(BEGIN)
    ctx = Context(clock)
    service = GridService("grid", (Recorder(1.0, works=0.2, clock=clock), Recorder(2.0)))
    service.start(ctx)
    time = clock.now_utc()
    service.tick(ctx)
    assert ctx.payloads == [Note(1), Note(1)]
    assert {e.time for e in ctx.emitted} == {time}
