"""Figures as text; the table of values is in tests/webui/pages."""

import math

import pytest
from health_wire.units import format_number, significant
from hypothesis import given
from hypothesis import strategies as st

UNITS = ["percent", "count", "bytes", "bytes_per_second", "bits_per_second", "per_second",
         "seconds", "celsius", "hertz", "volts", "rpm", "furlongs", None]  # fmt: skip


@given(st.floats(min_value=-999, max_value=999))
def test_never_more_than_three_significant_digits(value: float) -> None:
    assert sum(c.isdigit() for c in significant(value)) <= 3


@given(
    st.floats(min_value=0, max_value=9.9e14),
    st.sampled_from(["bytes", "bytes_per_second", "bits_per_second", "hertz"]),
)
def test_a_prefix_keeps_the_figure_below_a_thousand(value: float, unit: str) -> None:
    assert float(format_number(value, unit).split()[0]) < 1000


@pytest.mark.parametrize("unit", UNITS)
@given(value=st.floats())
def test_every_figure_has_a_short_text(unit: str | None, value: float) -> None:
    assert 0 < len(format_number(value, unit)) < 40


def test_beyond_all_measure() -> None:
    assert format_number(math.inf, "percent") == "inf %"
    assert format_number(1e308, "celsius") == "1e+308 °C"
    assert format_number(1e300, "bytes") == "8.88e+284 PiB"
