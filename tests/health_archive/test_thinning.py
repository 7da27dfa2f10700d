"""Points of rows: few enough, with the extremes and means of what they cover."""

from itertools import pairwise

import pytest
from health_archive.minutes import Rows
from health_archive.thinning import Points, Thinning
from hypothesis import given
from hypothesis import strategies as st

AT = st.lists(st.integers(0, 5000), min_size=1, max_size=60, unique=True).map(sorted)


def rows_of(at: list[int]) -> Rows:
    return Rows(
        list(at), [1 + n % 3 for n in at], [n - 5 for n in at], [n % 97 for n in at],
        [n + 200 for n in at],
    )  # fmt: skip


def known(points: Points) -> list[tuple[float, float, float, float]]:
    rows = zip(points.t, points.low, points.mean, points.high, strict=True)
    return [
        (t, a, b, c) for t, a, b, c in rows if a is not None and b is not None and c is not None
    ]


def test_samples_that_are_few_are_the_points() -> None:
    points = Thinning(1, 0, 10_000, 10).of_samples([1000, 2000, 3500], [5, 6, -7])
    assert points == Points([1.0, 2.0, 3.5], *[[0.005, 0.006, -0.007]] * 3, None)


def test_no_rows_are_no_points() -> None:
    assert Thinning(60_000, 0, 10**9, 10).of_rows(Rows()).t == []


def test_many_become_few() -> None:
    at = list(range(0, 100_000, 1000))
    points = Thinning(1, 0, 99_999, 10).of_samples(at, list(range(100)))
    assert points.resolution == 10.0
    assert points.t == [10.0 * n for n in range(10)]
    assert points.low == [n / 1000 for n in range(0, 100, 10)]
    assert points.high == [(n + 9) / 1000 for n in range(0, 100, 10)]


def test_a_pause_is_a_gap() -> None:
    points = Thinning(1, 0, 100_000, 50).of_samples([1000, 2000, 3000, 9000, 10_000], [1] * 5)
    assert points.t == [1.0, 2.0, 3.0, 4.0, 9.0, 10.0]
    assert points.low == points.high == [0.001] * 3 + [None] + [0.001] * 2


def test_all_in_one() -> None:
    points = Thinning(60_000, 0, 600_000, 1).of_rows(Rows([1, 9], [1, 3], [5, 4], [6, 10], [7, 20]))
    assert points == Points([60.0], [0.004], [0.009], [0.02], 660.0)
    assert Thinning(1, 0, 5000, 1).of_samples([3000], [7]).t == [3.0]


@given(AT, st.integers(1, 70), st.sampled_from([1, 60_000]))
def test_whatever_the_times_are_nothing_is_lost(at: list[int], most: int, unit: int) -> None:
    thinning = Thinning(unit, 0, 5000 * unit, most)
    rows = rows_of(at)
    points = thinning.of_samples(at, rows.low) if unit == 1 else thinning.of_rows(rows)
    found = known(points)
    assert len(points.t) <= most
    assert points.t == sorted(set(points.t))
    assert min(low for _, low, _, _ in found) == min(rows.low) / 1000
    high = rows.low if unit == 1 else rows.high
    assert max(each for *_, each in found) == max(high) / 1000
    nothing = [n for n, low in enumerate(points.low) if low is None]
    assert all(b > a + 1 for a, b in pairwise(nothing)), "two gaps are one"
    assert points.low[0] is not None
    assert points.low[-1] is not None


@pytest.mark.parametrize("most", [4, 100])
def test_what_was_worked_out_for_some_times_serves_equal_ones(most: int) -> None:
    thinning, at = Thinning(60_000, 0, 6_000_000, most), [1, 2, 3, 20, 21, 22]
    first, second = thinning.of_rows(rows_of(at)), thinning.of_rows(rows_of(list(at)))
    assert first == second
    assert first.t is second.t
    other = thinning.of_rows(rows_of([1, 2, 3, 20, 21]))
    assert len(known(other)) <= len(known(first))
