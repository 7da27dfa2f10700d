"""Any window, at most so many points, and true extremes at every zoom."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from health_archive.history import History, unit_of
from health_archive.index import Index
from health_archive.thinning import Points

from tests.health_archive.kept import DAY, FIRST, HOUR, Kept, Sample, days

LOAD, RX = "system.load.load1", "system.net.links[e.0].rx"
MINUTE = 60_000


def opened(kept: Kept, path: Path) -> History:
    index = Index(path, kept.folder)
    list(index.update())
    index.close()
    return History(kept.folder, path)


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Kept, History]]:
    folder = tmp_path_factory.mktemp("record")
    kept = days(folder / "history", 4)
    kept.add(FIRST + 4 * DAY, end=False)  # under way
    history = opened(kept, folder / "index")
    yield kept, history
    history.close()


def within(samples: list[Sample], start: int, end: int, unit: int) -> list[Sample]:
    return [(t, v) for t, v in samples if start // unit <= t // unit <= end // unit]


def known(points: Points) -> list[tuple[float, float, float, float]]:
    rows = zip(points.t, points.low, points.mean, points.high, strict=True)
    return [
        (t, a, b, c) for t, a, b, c in rows if a is not None and b is not None and c is not None
    ]


WINDOWS = [
    (FIRST, FIRST + HOUR), (FIRST + 30_000, FIRST + 95_000), (FIRST, FIRST + DAY),
    (FIRST + 5 * HOUR, FIRST + 3 * DAY), (FIRST - DAY, FIRST + 10 * DAY),
    (FIRST + DAY + 7 * MINUTE, FIRST + DAY + 3 * HOUR), (FIRST - 30 * DAY, FIRST + 30 * DAY),
    (FIRST + 4 * DAY, FIRST + 4 * DAY + HOUR), (FIRST + 3 * DAY, FIRST + 5 * DAY),
    (FIRST + 20 * DAY, FIRST + 21 * DAY), (0, 10**13), (FIRST, FIRST),
]  # fmt: skip


@pytest.mark.parametrize("points", [1, 2, 7, 50, 1000])
@pytest.mark.parametrize(("start", "end"), WINDOWS)
def test_extremes_and_means_are_those_of_the_samples(
    record: tuple[Kept, History], start: int, end: int, points: int
) -> None:
    kept, history = record
    unit = unit_of(end - start, points)
    answer = history.query([LOAD, RX], start, end, points)
    for name, samples in ((LOAD, kept.load), (RX, kept.rows)):
        found = answer[name]
        inside = within(samples, start, end, unit)
        assert len(found.t) <= points
        assert found.t == sorted(found.t)
        rows = known(found)
        if not inside:
            assert found.t == []
            continue
        assert min(low for _, low, _, _ in rows) == min(v for _, v in inside)
        assert max(high for _, _, _, high in rows) == max(v for _, v in inside)
        if found.resolution is None:
            assert [(round(t * 1000), low) for t, low, _, _ in rows] == inside
            continue
        width = round(found.resolution * 1000)
        for t, low, mean, high in rows:
            own = [v for at, v in inside if t * 1000 <= at < t * 1000 + width]
            assert (low, high) == (min(own), max(own))
            assert mean == pytest.approx(sum(own) / len(own), abs=0.0021)


@pytest.mark.parametrize(
    ("window", "points", "unit"),
    [
        (HOUR, 1000, 1), (2 * HOUR, 1000, 1), (2 * HOUR + 1, 1000, MINUTE), (HOUR, 60, MINUTE),
        (HOUR, 1, MINUTE), (47 * MINUTE, 1, 1), (DAY, 1000, MINUTE), (7 * DAY, 1000, MINUTE),
        (30 * DAY, 1000, HOUR), (30 * DAY, 5000, MINUTE), (46 * DAY, 5000, HOUR),
        (365 * DAY, 1000, HOUR), (0, 1000, 1),
    ],
)  # fmt: skip
def test_figures_are_as_fine_as_there_are_points_for(window: int, points: int, unit: int) -> None:
    assert unit_of(window, points) == unit


def test_pauses_are_gaps(record: tuple[Kept, History]) -> None:
    _, history = record
    found = history.query([LOAD], FIRST, FIRST + DAY, 1000)[LOAD]
    gaps = [t for t, low in zip(found.t, found.low, strict=True) if low is None]
    assert len(gaps) == 4
    assert all(round(t * 1000 - FIRST) % (6 * HOUR) // MINUTE == 10 for t in gaps), gaps
    assert found.resolution == 60.0


def test_a_series_that_is_not_there_has_no_points(record: tuple[Kept, History]) -> None:
    _, history = record
    for name in ("system.load.nothing", "nothing", "", "a[b", "system.net.links[x].rx"):
        assert history.query([name], FIRST, FIRST + DAY)[name].t == []


def test_all_series_are_named(record: tuple[Kept, History]) -> None:
    assert record[1].series() == ["system.load.cores", LOAD, RX]


def test_before_there_is_an_index_the_newest_is_known(tmp_path: Path) -> None:
    kept = days(tmp_path / "history", 2)
    Index(tmp_path / "index", kept.folder).close()
    history = History(kept.folder, tmp_path / "index")
    found = history.query([LOAD], FIRST, FIRST + 2 * DAY)[LOAD]
    assert min(low for _, low, _, _ in known(found)) == min(v for _, v in kept.load)
    history.close()


def test_figures_of_an_index_that_was_changed_are_left_out(tmp_path: Path) -> None:
    kept = days(tmp_path / "history", 3)
    history = opened(kept, tmp_path / "index")
    db = sqlite3.connect(tmp_path / "index")
    db.execute("UPDATE days SET minutes = x'00112233'")
    db.commit()
    db.close()
    found = history.query([LOAD], FIRST, FIRST + 3 * DAY)[LOAD]
    assert {int(t * 1000 - FIRST) // DAY for t, *_ in known(found)} == {0, 2}
    history.close()


def test_where_the_clock_went_back_the_figures_are_together(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "history")
    for begin in (FIRST + 10 * MINUTE, FIRST, FIRST + 5 * MINUTE):
        kept.add(begin)
    history = opened(kept, tmp_path / "index")
    for window in (HOUR, DAY, 60 * DAY):
        found = history.query([LOAD], FIRST, FIRST + window)[LOAD]
        assert found.t == sorted(set(found.t))
        assert max(high for *_, high in known(found)) == max(v for _, v in kept.load)
    history.close()
