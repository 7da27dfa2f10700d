"""Figures of minutes and hours are those of the samples, and come back as they were stored."""

import pytest
from health_archive import minutes
from health_archive.minutes import HOUR, MINUTE, Rows, Stretches, merged
from health_archive.numbers import DamagedSegment
from health_archive.series import Samples
from hypothesis import given
from hypothesis import strategies as st

FIGURES = st.integers(-(2**80), 2**80) | st.integers(-1000, 1000)


@st.composite
def rows(draw: st.DrawFn) -> Rows:
    found = Rows()
    for at in sorted(draw(st.sets(st.integers(0, 10**8), max_size=8))):
        low, mean, high = sorted(draw(st.tuples(FIGURES, FIGURES, FIGURES)))
        found.add(at, draw(st.integers(1, 60)), low, mean, high)
    return found


def test_rows_are_of_their_samples() -> None:
    times = [0, 1000, 59_999, 60_000, 200_000, 201_000]
    figures = [5, None, 8, -1, None, None]
    found = Stretches().rows([Samples(times, figures)])
    assert found == Rows([0, 1], [2, 1], [5, -1], [7, -1], [8, -1])


@given(st.lists(st.lists(st.tuples(st.integers(0, 10 * MINUTE), st.none() | FIGURES)), max_size=4))
def test_rows_of_any_samples_are_as_counted_one_by_one(
    parts: list[list[tuple[int, int | None]]],
) -> None:
    samples = [Samples([t for t, _ in part], [f for _, f in part]) for part in parts]
    found = Stretches().rows(samples)
    known: dict[int, list[int]] = {}
    for time, figure in (pair for part in parts for pair in part):
        if figure is not None:
            known.setdefault(time // MINUTE, []).append(figure)
    assert found.at == sorted(known)
    assert found.count == [len(known[at]) for at in found.at]
    assert found.low == [min(known[at]) for at in found.at]
    assert found.high == [max(known[at]) for at in found.at]
    for at, mean in zip(found.at, found.mean, strict=True):
        assert abs(2 * (mean * len(known[at]) - sum(known[at]))) <= len(known[at])


def test_hours_are_of_minutes() -> None:
    found = merged(Rows([59, 60, 61], [1, 2, 2], [1, 2, 3], [1, 4, 6], [1, 9, 7]))
    assert found == Rows([0, 1], [1, 4], [1, 2], [1, 5], [1, 9])
    assert HOUR == 60 * MINUTE


@given(st.dictionaries(st.text(), rows(), max_size=4))
def test_figures_of_a_segment_come_back(series: dict[str, Rows]) -> None:
    blob = minutes.pack(series)
    assert minutes.unpack(blob) == series
    for name in series:
        assert minutes.unpack(blob, {name}) == {name: series[name]}
    assert minutes.unpack(blob, {"another name"}) == {}
    assert minutes.pack(minutes.unpack(blob)) == blob


@given(st.dictionaries(st.sampled_from(["2026-01-01/0", "2026-01-01/1", "x"]), rows()))
def test_a_day_is_joined_and_split_without_loss(parts: dict[str, Rows]) -> None:
    blob = minutes.join(parts)
    assert dict(minutes.split(blob)) == parts
    whole = minutes.joined(blob)
    assert whole.at == [at for name in sorted(parts) for at in parts[name].at]
    assert minutes.join(dict(minutes.split(blob))) == blob
    assert minutes.read_alone(minutes.alone(whole)) == whole


@given(st.binary(max_size=60))
def test_whatever_bytes_there_are_it_is_figures_or_damage(blob: bytes) -> None:
    for read in (minutes.unpack, minutes.joined, minutes.read_alone):
        with pytest.raises(DamagedSegment):
            read(blob)


def test_a_blob_that_was_changed_is_damage() -> None:
    blob = minutes.pack({"a": Rows([1], [1], [1], [1], [1])})
    for at in range(len(blob)):
        with pytest.raises(DamagedSegment):
            minutes.unpack(blob[:at] + bytes([blob[at] ^ 0xFF]) + blob[at + 1 :])
        with pytest.raises(DamagedSegment):
            minutes.unpack(blob[:at])
