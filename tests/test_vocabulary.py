"""Declarations that say too little, or the wrong thing, are refused."""

from dataclasses import dataclass
from typing import Annotated

import pytest
from health_collectord.vocabulary import (
    Above,
    Below,
    Flag,
    Gauge,
    Raised,
    Rows,
    Telemetry,
    Text,
    Time,
    Unit,
    fields_of,
    rounded,
    with_threshold,
)
from hypothesis import given
from hypothesis import strategies as st

from tests.doubles import ProbeUpdated, RowSample


def test_fields_are_read_from_the_declarations() -> None:
    used, rows = fields_of(ProbeUpdated)
    assert (used.name, used.row) == ("used_percent", None)
    assert used.kind == Gauge(Unit.PERCENT, "how much is used", label="Used")
    assert (rows.name, rows.row) == ("rows", RowSample)
    assert rows.kind == Rows("parts")
    assert [field.name for field in fields_of(RowSample)] == ["key", "level_percent"]


def test_every_kind_is_found() -> None:
    @dataclass(slots=True, frozen=True, kw_only=True)
    class Every(Telemetry):
        size_bytes: Annotated[int, Gauge(Unit.BYTES, "size")]
        model: Annotated[str | None, Text("model")]
        booted: Annotated[str, Time("boot")]
        hot: Annotated[bool | None, Flag("too hot", advice="cool it")]

    kinds = [type(field.kind) for field in fields_of(Every)]
    assert kinds == [Gauge, Text, Time, Flag]


def test_a_field_without_a_kind_is_refused() -> None:
    @dataclass(slots=True, frozen=True, kw_only=True)
    class Silent(Telemetry):
        value: float

    with pytest.raises(TypeError, match=r"Silent\.value does not say what it is"):
        fields_of(Silent)


@pytest.mark.parametrize("unit", [u for u in Unit if u not in (Unit.PERCENT, Unit.COUNT)])
def test_a_name_ends_in_its_unit(unit: Unit) -> None:
    def declare(name: str) -> type:
        cls = type("Told", (Telemetry,), {"__annotations__": {
            name: Annotated[float, Gauge(unit, "x")]}})  # fmt: skip
        return dataclass(frozen=True, kw_only=True)(cls)

    assert fields_of(declare(f"read_{unit}"))[0].name == f"read_{unit}"
    assert fields_of(declare(str(unit)))[0].name == str(unit)
    with pytest.raises(TypeError, match=f"its name must end in _{unit}"):
        fields_of(declare("read"))
    with pytest.raises(TypeError, match=f"its name must end in _{unit}"):
        fields_of(declare(f"over{unit}"))


def test_a_threshold_is_replaced_where_there_is_one() -> None:
    rule = Above("x", warning=1.0, critical=2.0, rows="r")
    assert with_threshold(rule, "warning", 5.0) == Above("x", 5.0, 2.0, "r")
    assert with_threshold(rule, "critical", None) == Above("x", 1.0, None, "r")
    assert with_threshold(Below("x"), "critical", 3.0) == Below("x", None, 3.0)
    assert with_threshold(Raised("x", "warning"), "critical", 3.0) == Raised("x", "warning")


@given(st.floats(0, 1e12), st.sampled_from([10, 100, 1000]))
def test_a_figure_is_rounded_to_the_nearest_part(value: float, parts: int) -> None:
    got = rounded(value, parts)
    assert abs(got - value) <= 0.5 / parts + value * 1e-15
    assert got == round(got, {10: 1, 100: 2, 1000: 3}[parts])
