import pytest
from health_wire.budget import (
    BURST_BYTES,
    BYTES_PER_SECOND,
    MAX_PATHS,
    MAX_STARTS,
    MAX_STATE_BYTES,
    Budget,
    Pace,
    Resting,
)
from health_wire.door import Violation

from tests.health_wire.scripted import SettableClock

MIB = 1024 * 1024


def test_what_comes_at_its_rate_comes_for_ever() -> None:
    clock = SettableClock()
    budget = Budget(clock)
    for _ in range(1000):
        budget.spend(BYTES_PER_SECOND)
        clock.now += 1.0


def test_a_flood_is_taken_for_a_while() -> None:
    budget = Budget(SettableClock())
    for _ in range(BURST_BYTES // MIB):
        budget.spend(MIB)
    with pytest.raises(Violation, match="2 MiB or 4096 events a second"):
        budget.spend(1)


def test_many_small_messages_are_a_flood_as_well() -> None:
    budget = Budget(SettableClock())
    for _ in range(BURST_BYTES // 512):
        budget.spend(1)
    with pytest.raises(Violation):
        budget.spend(1)


def test_a_state_may_change_for_ever_and_not_grow() -> None:
    budget = Budget(SettableClock())
    for number in range(100_000):
        budget.put(f"a{number % MAX_PATHS}", 100)
    with pytest.raises(Violation, match="paths"):
        budget.put("one more", 1)


def test_nor_may_what_stands_at_its_paths() -> None:
    budget = Budget(SettableClock())
    budget.begin(MAX_STATE_BYTES - 3 * MIB)
    budget.put("a", MIB)
    budget.put("a", 2 * MIB)
    budget.put("b", MIB)
    with pytest.raises(Violation, match="4 MiB"):
        budget.put("c", 1)
    budget.begin(0)
    budget.put("c", 1)


def test_who_does_nothing_but_begin_anew_is_told() -> None:
    clock = SettableClock()
    budget = Budget(clock)
    for _ in range(50):
        budget.start()
        clock.now += 60.0 / MAX_STARTS
    clock.now += 60.0
    for _ in range(MAX_STARTS):
        budget.start()
    with pytest.raises(Violation, match="new starts"):
        budget.start()


def test_rest_becomes_longer_and_short_again_after_a_good_minute() -> None:
    clock = SettableClock()
    rest = Resting(clock)
    assert rest.left == 0.0
    lasted = []
    for _ in range(9):
        rest.begin()
        lasted.append(rest.left)
        clock.now += rest.left
        assert rest.left == 0.0
    assert lasted == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0]
    clock.now += 61.0
    rest.begin()
    assert rest.left == 1.0


def test_who_did_not_run_for_long_was_slow_for_a_while() -> None:
    clock = SettableClock()
    pace = Pace(clock, 5.0)
    clock.now += 10.0
    pace.ran(waited=9.0)
    assert not pace.slow
    clock.now += 3.0
    pace.ran()
    assert pace.slow
    clock.now += 5.0
    assert not pace.slow


def test_connections_that_end_again_and_again() -> None:
    clock = SettableClock()
    budget = Budget(clock)
    for _ in range(100):
        budget.cut()
        budget.judge_cuts()
        clock.now += 1.0
    for _ in range(20):
        clock.now += 0.1
        budget.cut()
    with pytest.raises(Violation, match="end again and again"):
        budget.judge_cuts()
    budget.judge_cuts()
