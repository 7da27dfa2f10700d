"""Which limits a chart shows."""

from typing import Any

from tests.webui import module

DECLARED = """[
    { at: 80, of: ["swap_used_percent"] },
    { at: 85, of: ["used_percent"] },
    { at: 95, of: ["used_percent", "swap_used_percent"] },
]"""


def shown(*lines: str) -> list[Any]:
    drawn = str([{"name": name} for name in lines])
    applied = f"applying({DECLARED}, {drawn}).map(({{ at }}) => at)"
    return list(module.run("limits.js", "applying", "", applied))


def test_a_limit_of_what_is_not_drawn_is_not_shown() -> None:
    assert shown("used_percent") == [85, 95]
    assert shown("used_percent", "swap_used_percent") == [80, 85, 95]
    assert shown("unused_percent") == []


def test_a_limit_of_rows_is_that_of_every_row() -> None:
    assert shown("mounts[/].used_percent") == [85, 95]
    assert shown("mounts[/].unused_percent") == []
