"""The history in arrays against lists of all samples."""

import math
from itertools import pairwise
from typing import Any

import pytest
from health_collectord.history.series import (
    BUCKET_SECONDS,
    COARSE_SECONDS,
    FINE_SECONDS,
    MetricHistory,
    Points,
)
from hypothesis import given
from hypothesis import strategies as st

BEGIN = 1_000_000.0
FOREVER = math.inf
FIGURES = st.none() | st.integers(-1000, 1000).map(float)


def ask(history: MetricHistory, name: str = "x", **given_: Any) -> Points:
    arguments = {"start": None, "end": FOREVER, "points": 5000} | given_
    return history.query(name, arguments["start"], arguments["end"], arguments["points"])


def filled(seconds: int, interval: float = 1.0) -> MetricHistory:
    """A sample every interval whose figure is its second."""
    history = MetricHistory(interval)
    for n in range(int(seconds / interval)):
        history.append(BEGIN + n * interval, {"x": n * interval})
    return history


def known(points: Points) -> list[tuple[float, float, float, float]]:
    rows = zip(points.t, points.low, points.mean, points.high, strict=True)
    return [row for row in rows if not math.isnan(row[2])]


@given(
    steps=st.lists(st.tuples(st.floats(0.5, 20), FIGURES), max_size=80),
    start=st.none() | st.floats(0, 600),
    length=st.floats(0, 600),
)
def test_gives_each_sample_while_there_are_few(
    steps: list[tuple[float, float | None]], start: float | None, length: float
) -> None:
    history = MetricHistory(1.0)
    samples = []
    t = BEGIN
    for step, value in steps:
        t += step
        history.append(t, {} if value is None else {"x": value})
        samples.append((t, value))
    since = -math.inf if start is None else BEGIN + start
    until = max(since, BEGIN) + length
    points = ask(history, start=None if start is None else since, end=until)
    expected = [(t, v) for t, v in samples if since <= t <= until]
    if points.resolution is None:
        assert [(t, low) for t, low, _, _ in known(points)] == [
            (t, v) for t, v in expected if v is not None
        ]
        assert points.low == pytest.approx(points.mean, nan_ok=True)
        assert points.low == pytest.approx(points.high, nan_ok=True)
        gaps = [a[0] + 1.0 for a, b in pairwise(expected) if b[0] - a[0] >= 3.0]
        nothing = sorted([t for t, v in expected if v is None] + gaps)
        assert [t for t, v in zip(points.t, points.mean, strict=True) if math.isnan(v)] == nothing
    else:  # only where a sample's bucket begins in the range and the sample itself ends after it
        assert not expected


@given(
    samples=st.lists(FIGURES, min_size=1, max_size=900),
    every=st.sampled_from([1.0, 2.0, 5.0, 10.0, 30.0]),
)
def test_buckets_are_smallest_mean_and_largest(samples: list[float | None], every: float) -> None:
    history = MetricHistory(every)
    buckets: dict[float, list[float]] = {}
    for n, value in enumerate(samples):
        t = BEGIN + n * every
        history.append(t, {} if value is None else {"x": value})
        if value is not None:
            buckets.setdefault(t // BUCKET_SECONDS * BUCKET_SECONDS, []).append(value)
    points = ask(history)
    if points.resolution is None:
        assert len(samples) * every <= FINE_SECONDS * 1.3 + max(every, 10) * 10
        return
    assert points.resolution == max(BUCKET_SECONDS, every)
    found = known(points)
    assert found
    for t, low, mean, high in found:
        values = buckets[t]
        assert (low, high) == (min(values), max(values))
        assert mean == pytest.approx(sum(values) / len(values))
    newest = [t for t in sorted(buckets) if t >= found[0][0]]
    assert [t for t, *_ in found] == newest


@given(
    seconds=st.integers(0, 500),
    interval=st.sampled_from([0.1, 1.0, 7.0]),
    points=st.integers(1, 50),
    start=st.none() | st.integers(0, 600),
)
def test_there_are_never_more_points_than_asked_for(
    seconds: int, interval: float, points: int, start: int | None
) -> None:
    history = filled(seconds, interval)
    since = None if start is None else BEGIN + start
    found = ask(history, start=since, points=points)
    assert len(found.t) <= points
    assert len(found.t) == len(found.low) == len(found.mean) == len(found.high)
    assert found.t == sorted(found.t)
    everything = ask(history, start=since)
    for merge, column in ((min, "low"), (max, "high")):
        before = [v for v in getattr(everything, column) if not math.isnan(v)]
        after = [v for v in getattr(found, column) if not math.isnan(v)]
        assert bool(before) == bool(after)
        assert not before or merge(before) == merge(after)
    if len(everything.t) > points:
        assert found.resolution is not None
        assert found.resolution * len(found.t) >= interval * len(everything.t)


@given(
    st.lists(
        st.tuples(st.sampled_from([1.0, 1.0, 1.0, 1.0, -30.0, -3600.0, 3600.0, 0.0]), FIGURES),
        max_size=120,
    )
)
def test_a_clock_that_jumps_gives_times_that_only_rise(
    steps: list[tuple[float, float | None]],
) -> None:
    history = MetricHistory(1.0)
    t = BEGIN
    newest: dict[float, float | None] = {}
    for step, value in steps:
        t += step
        history.append(t, {} if value is None else {"x": value})
        newest = {at: v for at, v in newest.items() if at < t} | {t: value}
    points = ask(history)
    assert points.t == sorted(set(points.t))
    if points.resolution is None:
        believed = {t: v for t, v in newest.items() if v is not None}
        assert {t: low for t, low, _, _ in known(points)} == believed


def test_a_page_opened_soon_after_the_start_sees_every_sample() -> None:
    """It asks for the last five minutes, of which there is only one."""
    history = filled(65)
    points = ask(history, start=BEGIN + 65 - FINE_SECONDS)
    assert points.resolution is None
    assert points.mean == [float(n) for n in range(65)]
    assert ask(history) == points


def test_the_last_five_minutes_are_every_sample() -> None:
    for seconds in (300, 301, 330, 374, 375, 376, 377, 1000):
        points = ask(filled(seconds), start=BEGIN + seconds - FINE_SECONDS)
        assert points.resolution is None
        assert points.mean == [float(n) for n in range(seconds - 300, seconds)]


def test_the_last_hour_is_ten_second_figures_up_to_now() -> None:
    points = ask(filled(5005), start=BEGIN + 5005 - COARSE_SECONDS)
    assert points.resolution == 10.0
    assert points.t[0] == BEGIN + 1410
    assert (points.low[0], points.mean[0], points.high[0]) == (1410.0, 1414.5, 1419.0)
    assert points.t[-1] == BEGIN + 5000
    assert (points.low[-1], points.mean[-1], points.high[-1]) == (5000.0, 5002.0, 5004.0)
    assert len(points.t) == 360


def test_a_gap_breaks_the_line() -> None:
    history = MetricHistory(1.0)
    for t in (0, 1, 2, 10, 11):
        history.append(BEGIN + t, {"x": 1.0})
    points = ask(history)
    assert [t - BEGIN for t in points.t] == [0, 1, 2, 3, 10, 11]
    assert points.as_json()["avg"] == [1.0, 1.0, 1.0, None, 1.0, 1.0]


def test_a_sample_without_figures_breaks_the_line() -> None:
    history = MetricHistory(1.0)
    history.append(BEGIN, {"x": 1.0})
    history.append(BEGIN + 1, {})
    history.append(BEGIN + 2, {"x": 1.23456})
    assert ask(history).as_json() == {
        "t": [BEGIN, BEGIN + 1, BEGIN + 2],
        "min": [1.0, None, 1.235],
        "avg": [1.0, None, 1.235],
        "max": [1.0, None, 1.235],
    }


def test_an_interface_that_comes_later_has_nothing_before() -> None:
    history = MetricHistory(1.0)
    history.append(BEGIN, {"a": 1.0})
    history.append(BEGIN + 1, {"a": 2.0, "b": 5.0})
    history.append(BEGIN + 2, {"b": 6.0})
    assert ask(history, "a").as_json()["avg"] == [1.0, 2.0, None]
    assert ask(history, "b").as_json()["avg"] == [None, 5.0, 6.0]
    assert history.names() == {"a", "b"}


def test_what_has_gone_for_good_is_forgotten() -> None:
    history = MetricHistory(1.0)
    history.append(BEGIN, {"gone": 1.0, "x": 1.0})
    for n in range(1, int(COARSE_SECONDS * 1.3) + 20):
        history.append(BEGIN + n, {"x": 1.0})
    assert history.names() == {"x"}


def test_memory_is_bounded_however_many_rows_come_and_go() -> None:
    history = MetricHistory(1.0)
    for n in range(60):
        history.append(BEGIN + n, {f"veth{n}.{i}": 1.0 for i in range(100)})
    assert len(history.names()) == 2000


@pytest.mark.parametrize("interval", [0.1, 1.0, 30.0, 3600.0])
def test_memory_is_what_the_documentation_says(interval: float) -> None:
    history = MetricHistory(interval)
    for n in range(6000):
        history.append(BEGIN + n * interval, {"x": 1.0})
    fine = len(history._fine.t)
    coarse = len(history._mean.t)
    assert fine <= 1.25 * max(min(math.ceil(FINE_SECONDS / interval), 3000), 10) + 1
    assert coarse <= 450
    if interval == 1.0:
        assert (fine + 3 * coarse) * 8 <= 13_800


def test_nothing_is_no_points() -> None:
    assert ask(MetricHistory(1.0)) == Points([], [], [], [], None)
    assert ask(filled(10), start=BEGIN + 100).t == []
    assert ask(filled(10), end=BEGIN - 100).t == []


def test_how_far_back_it_has_all() -> None:
    history = filled(1000)
    assert history.reaches(BEGIN - 5000, first=True), "there was nothing before"
    assert not history.reaches(BEGIN - 1, first=False)
    assert history.reaches(BEGIN, first=False)
    long = filled(int(COARSE_SECONDS * 1.5))
    begin = ask(long).t[0]
    for first in (True, False):
        assert long.reaches(begin, first=first)
        assert not long.reaches(begin - 1, first=first)
    assert not MetricHistory(1.0).reaches(BEGIN, first=False)
