"""Which limits a chart shows, and where their labels stand."""

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


def placed(*ys: int, right: int = 300) -> list[Any]:
    """Of labels 13 high and 70 wide, in a box 100 high: `[left, top]`, or None without room."""
    limits = str([{"y": y, "width": 70} for y in ys])
    box = f"{{ left: 0, top: 0, right: {right}, bottom: 100 }}"
    places = f"places({limits}, {box}, 13, 6)"
    return list(module.run("limits.js", "places", "", f"{places}.map(p => p && [p.left, p.top])"))


def test_a_label_stands_above_its_line_or_else_below_it() -> None:
    assert placed(50) == [[6, 37]]
    assert placed(5) == [[6, 5]]
    assert placed(20, 60) == [[6, 7], [6, 47]]


def test_no_label_stands_where_another_limit_runs_through_it() -> None:
    assert placed(5, 14) == [[6, 14], [82, 14]], "both below the lower, beside each other"
    assert placed(20, 25) == [[6, 7], [6, 25]]


def test_a_label_without_room_is_left_out() -> None:
    assert placed(5, 14, right=100) == [[6, 14], None]
    assert placed(5, right=60) == [None]
