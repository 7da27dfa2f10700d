"""One table for both: what the server writes first, the browser writes the same a second later."""

import json
from pathlib import Path

import pytest
from health_webui.pages.units import format_number, in_bits

from tests.webui import module

TABLE = json.loads(Path(__file__).with_name("units.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(("value", "unit", "text"), TABLE)
def test_the_server_writes_a_value_with_its_unit(value: float, unit: str, text: str) -> None:
    assert format_number(value, unit) == text


def test_the_browser_writes_every_value_as_the_server_does() -> None:
    written = f"{json.dumps(TABLE)}.map(([v, u]) => formatNumber(v, u))"
    assert module.run("units.js", "formatNumber", "", written) == [text for _, _, text in TABLE]


def test_rates_are_in_bits_where_the_reader_chose_them() -> None:
    token = in_bits.set(True)
    assert format_number(125_000, "bytes_per_second") == "1.00 Mbit/s"
    in_bits.reset(token)
