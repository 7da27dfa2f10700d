"""From message to record: names, data, and the JSON that is made once."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any, ClassVar

import pytest
from bussdcc import Message, message
from health_collectord.events import SequencedEvent, data_of, event_name, format_time, name_of
from health_collectord.messages import CollectorHeartbeat, MetricLost, MetricStatus
from health_wire.tree import FrozenDict
from hypothesis import given
from hypothesis import strategies as st

from tests.declarations import sample
from tests.doubles import ProbeUpdated, event, sequenced


@pytest.mark.parametrize(
    ("cls", "name"),
    [
        (ProbeUpdated, "system.probe.updated"),
        (CollectorHeartbeat, "collector.heartbeat"),
        (message.RuntimeBooted, "runtime.booted"),
        (message.RuntimeShuttingDown, "runtime.shutting.down"),
        (message.ServiceError, "service.error"),
        (message.EventSubscriberError, "event.subscriber.error"),
    ],
)
def test_an_event_is_named_after_its_class(cls: type, name: str) -> None:
    assert event_name(cls) == name


def test_a_message_may_name_itself() -> None:
    status = MetricStatus(metric="disk", status="ok", reason=None, since="now")
    assert name_of(status) == "collector.metrics.disk.updated"
    assert data_of(status) == {"status": "ok", "reason": None, "since": "now"}
    lost = MetricLost(event="system.disk.usage.updated")
    assert name_of(lost) == "system.disk.usage.updated"
    assert data_of(lost) is None


class Colour(Enum):
    RED = "red"


@dataclass(slots=True, frozen=True)
class Inner:
    x: int


@dataclass(slots=True, frozen=True)
class Everything(Message):
    namespace: ClassVar[str] = "test"
    anything: Any


@dataclass(slots=True, frozen=True)
class Numbers(Message):
    first: list[int]
    second: dict[str, int]


@dataclass(slots=True, frozen=True)
class Nothing(Message):
    pass


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (None, None),
        (1.5, 1.5),
        (True, True),
        ("text", "text"),
        ([1, [2]], (1, (2,))),
        ({"a": {"b": [1]}}, {"a": {"b": (1,)}}),
        ({1: 2}, {"1": 2}),
        (Inner(3), {"x": 3}),
        ((Inner(3), Inner(4)), ({"x": 3}, {"x": 4})),
        (Colour.RED, "red"),
        (datetime(2026, 1, 1, tzinfo=UTC), "2026-01-01T00:00:00.000Z"),
        (OSError("x"), "OSError('x')"),
    ],
)
def test_data_is_plain_and_cannot_be_changed(value: Any, plain: Any) -> None:
    data = data_of(Everything(value))
    assert data == {"anything": plain}
    assert type(data) is FrozenDict


def test_data_does_not_change_with_the_message() -> None:
    numbers = Numbers([1], {"a": 1})
    data = data_of(numbers)
    numbers.first.append(2)
    numbers.second["b"] = 2
    assert data == {"first": (1,), "second": {"a": 1}}
    assert type(data["second"]) is FrozenDict


def test_a_message_without_fields_has_empty_data() -> None:
    assert data_of(Nothing()) == {}


def test_an_error_names_the_event_that_caused_it() -> None:
    error = message.ProcessError(process="p", error="e", evt=event(sample(1.0), 1.5))
    assert data_of(error)["evt"] == {
        "time": "2026-01-01T12:00:01.500Z",
        "name": "system.probe.updated",
    }


@given(st.datetimes(timezones=st.just(UTC)))
def test_times_are_utc_with_milliseconds(time: datetime) -> None:
    text = format_time(time)
    parsed = datetime.fromisoformat(text)
    assert timedelta() <= time - parsed < timedelta(milliseconds=1)
    assert len(text) == 24


def test_the_record_is_one_line_as_the_design_gives_it() -> None:
    evt = sequenced(sample(12.4), 7)
    assert evt.record == (
        b'{"time":"2026-01-01T12:00:00.000Z","name":"system.probe.updated",'
        b'"data":{"used_percent":12.4,"rows":[]},"seq":7}\n'
    )
    assert (evt.seq, evt.name, evt.payload) == (7, "system.probe.updated", sample(12.4))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False,
                                                                           allow_infinity=False),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=8,
    )
)  # fmt: skip
def test_a_record_is_one_line_of_strict_json_whatever_it_holds(value: Any) -> None:
    evt = SequencedEvent(event(Everything(value)), 3)
    assert evt.record.count(b"\n") == 1
    record = json.loads(evt.record, parse_constant=pytest.fail)
    assert record["seq"] == 3
    if "\\ud" not in json.dumps(value):  # lone surrogates become question marks
        assert record["data"] == json.loads(json.dumps({"anything": value}))


def test_names_that_are_no_utf8_become_question_marks() -> None:
    evt = SequencedEvent(event(Everything("/mnt/\udcff")), 1)
    assert json.loads(evt.record)["data"] == {"anything": "/mnt/?"}


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_json_has_not_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        SequencedEvent(event(Everything(value)), 1)


@dataclass(slots=True, frozen=True)
class Figures(Message):
    level: float
    count: int
    rows: tuple[Inner, ...] = ()


@pytest.mark.parametrize(
    ("figures", "text"),
    [
        (
            Figures(12.4, 7, (Inner(1), Inner(2))),
            '{"level":12.4,"count":7,"rows":[{"x":1},{"x":2}]}',
        ),
        (Figures(0.0, 10**30), f'{{"level":0.0,"count":{10**30},"rows":[]}}'),
        # Of another type than declared, which is not checked when a program runs.
        (Figures(1.5, "seven"), '{"level":1.5,"count":"seven","rows":[]}'),  # type: ignore[arg-type]
        (Figures(None, 1, (Inner(None),)), '{"level":null,"count":1,"rows":[{"x":null}]}'),  # type: ignore[arg-type]
    ],
)
def test_declared_figures_are_written_as_they_are(figures: Figures, text: str) -> None:
    evt = SequencedEvent(event(figures), 1)
    assert evt.core.decode().partition('"data":')[2] == text


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=30))
def test_a_figure_is_read_back_as_it_was(values: list[float]) -> None:
    for value in values:
        evt = SequencedEvent(event(Figures(value, 1)), 1)
        assert json.loads(evt.record)["data"]["level"] == value


@pytest.mark.parametrize("value", [float("nan"), float("-inf")])
def test_a_figure_that_json_has_not_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        SequencedEvent(event(Figures(value, 1)), 1)
