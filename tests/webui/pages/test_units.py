"""One table for both: what the server writes first, the browser writes the same a second later."""

import json
from pathlib import Path

import pytest
from health_webui.pages.units import format_number, significant
from hypothesis import given
from hypothesis import strategies as st

from tests.webui import module

TABLE = json.loads(Path(__file__).with_name("units.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(("value", "unit", "text"), TABLE)
def test_the_server_writes_a_value_with_its_unit(value: float, unit: str, text: str) -> None:
    assert format_number(value, unit) == text


def test_the_browser_writes_every_value_as_the_server_does() -> None:
    written = f"{json.dumps(TABLE)}.map(([v, u]) => formatNumber(v, u))"
    assert module.run("units.js", "formatNumber", "", written) == [text for _, _, text in TABLE]


@given(st.floats(min_value=-999, max_value=999))
def test_never_more_than_three_significant_digits(value: float) -> None:
    assert sum(c.isdigit() for c in significant(value)) <= 3


@given(
    st.floats(min_value=0, max_value=1e15),
    st.sampled_from(["bytes", "bytes_per_second", "bits_per_second", "hertz"]),
)
def test_a_prefix_keeps_the_figure_below_a_thousand(value: float, unit: str) -> None:
    assert float(format_number(value, unit).split()[0]) < 1000
