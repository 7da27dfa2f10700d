"""The grid, for any moment and any interval."""

import threading
from datetime import UTC
from time import monotonic

from health_collectord.runtime.clock import WakeOnceClock, next_grid_point
from hypothesis import given
from hypothesis import strategies as st

INTERVALS = st.floats(0.1, 86400) | st.sampled_from([0.1, 0.3, 1.0, 2.5, 10.0, 30.0])


@given(st.floats(0, 1e8), INTERVALS)
def test_the_next_moment_is_a_whole_multiple_and_not_too_near(now: float, interval: float) -> None:
    point = next_grid_point(now, interval)
    assert 0.0999 * interval < point - now < 1.1001 * interval
    assert abs(point / interval - round(point / interval)) * interval < 1e-6 * max(now, 1)


@given(st.floats(0, 1e6), INTERVALS)
def test_from_point_to_point_nothing_is_left_out(now: float, interval: float) -> None:
    first = next_grid_point(now, interval)
    second = next_grid_point(first, interval)
    assert abs(second - first - interval) < 1e-6 * max(now, 1)


def test_a_sleep_ends_when_it_is_cancelled() -> None:
    cancel = threading.Event()
    threading.Timer(0.05, cancel.set).start()
    began = monotonic()
    assert WakeOnceClock().sleep(30, cancel) is True
    assert monotonic() - began < 5


def test_a_sleep_without_a_cancellation_lasts() -> None:
    clock = WakeOnceClock()
    began = clock.monotonic()
    assert clock.sleep(0.02) is False
    assert clock.sleep(-1) is False
    assert clock.monotonic() - began >= 0.02
    assert clock.uptime() >= 0.02


def test_the_wall_clock_is_utc() -> None:
    assert WakeOnceClock().now_utc().tzinfo is UTC
