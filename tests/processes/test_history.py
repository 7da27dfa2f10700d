"""Which figures of a sample have a series, and how they are named."""

import pytest
from health_collectord.messages import MetricLost
from health_collectord.processes.history import HistoryProcess

from tests.declarations import metric, sample
from tests.doubles import START, Context, Note, ProbeUpdated, sequenced

T0 = START.timestamp()


@pytest.fixture
def history() -> HistoryProcess:
    return HistoryProcess(((metric(), 1.0),))


def feed(history: HistoryProcess, *samples: ProbeUpdated | MetricLost | Note) -> None:
    for second, each in enumerate(samples):
        history.handle_event(Context(), sequenced(each, second + 1, second))


def ask(history: HistoryProcess, series: str) -> dict[str, list[float | None]]:
    return history.query(series, None, float("inf"), 100).as_json()


def test_a_field_is_a_series_at_the_events_own_times(history: HistoryProcess) -> None:
    feed(history, sample(1.0), Note(1), sample(3.0))
    found = ask(history, "system.probe.used_percent")
    assert found["t"] == [T0, T0 + 2]
    assert found["min"] == found["avg"] == found["max"] == [1.0, 3.0]


def test_its_times_are_those_that_the_events_carry(history: HistoryProcess) -> None:
    for second in (0.0006, 1.1236, 2.9999999):
        history.handle_event(Context(), sequenced(sample(1.0), 1, second))
    times = ask(history, "system.probe.used_percent")["t"]
    assert times == [T0, T0 + 1.123, T0 + 3.0]
    assert times[1] is not None
    assert history.query("system.probe.used_percent", times[1], times[1], 5).t == [times[1]]


def test_each_row_has_series_of_its_own(history: HistoryProcess) -> None:
    feed(history, sample(1.0, **{"eth0": 5.0, "/": 6.0}), sample(1.0, **{"/": 7.0}))
    assert ask(history, "system.probe.rows[eth0].level_percent")["avg"] == [5.0, None]
    assert ask(history, "system.probe.rows[/].level_percent")["avg"] == [6.0, 7.0]


def test_what_has_no_figure_is_a_point_without_one(history: HistoryProcess) -> None:
    feed(history, sample(1.0), MetricLost(event="system.probe.updated"), sample(None), sample(2.0))
    assert ask(history, "system.probe.used_percent")["avg"] == [1.0, None, None, 2.0]


def test_a_declared_series_is_there_before_its_first_sample(history: HistoryProcess) -> None:
    assert ask(history, "system.probe.used_percent")["t"] == []


@pytest.mark.parametrize(
    "series",
    ["", "system", "system.probe", "system.probe.", "system.probe.unknown", "used_percent",
     "system.probe.rows", "system.probe.rows[x].level_percent", "system.probes.used_percent"],
)  # fmt: skip
def test_there_is_no_other_series(history: HistoryProcess, series: str) -> None:
    feed(history, sample(1.0, a=1.0))
    with pytest.raises(KeyError):
        ask(history, series)


def test_which_series_there_are_and_how_far_back(history: HistoryProcess) -> None:
    feed(history, sample(1.0))
    name = "system.probe.used_percent"
    assert history.has(name)
    assert not history.has("system.probe.nothing")
    assert history.reaches(name, T0, first=False)
    assert not history.reaches(name, T0 - 60, first=False)
    assert history.reaches(name, T0 - 60, first=True)
    with pytest.raises(KeyError):
        history.reaches("nothing", T0, first=True)
