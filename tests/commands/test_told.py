"""Anything that a collector sends is taken for something, or for nothing."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from health_collectord.commands.told import (
    at,
    dicts_of,
    named,
    number_of,
    rows_of,
    text_of,
    time_of,
)


@pytest.mark.parametrize(
    ("value", "number"),
    [(1, 1.0), (2.5, 2.5), (True, None), (None, None), ("1", None), ([], None), (10**400, None),
     (float("inf"), None), (float("nan"), None)],
)  # fmt: skip
def test_a_number_is_finite(value: Any, number: float | None) -> None:
    assert number_of(value) == number


@pytest.mark.parametrize(
    ("value", "text"), [("a", "a"), (1, "1"), (1.5, "1.5"), (True, ""), (None, ""), ({}, "")]
)
def test_a_text(value: Any, text: str) -> None:
    assert text_of(value) == text


def test_a_huge_number_is_a_short_text() -> None:
    assert len(text_of(10**4000)) <= 40


@pytest.mark.parametrize(
    "value", ["", "soon", None, 7, [], {}, "0001-01-01T00:00:00+23:59", "2026-13-01"]
)
def test_what_is_no_time(value: Any) -> None:
    assert time_of(value) is None


def test_a_time_is_in_utc() -> None:
    assert time_of("2026-01-01T12:00:00.5Z") == datetime(2026, 1, 1, 12, 0, 0, 500000, UTC)
    assert time_of("2026-01-01T12:00") == datetime(2026, 1, 1, 12, tzinfo=UTC)
    east = datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    assert time_of("2026-01-01T12:00+02:00") == east


def test_objects_are_found_where_they_are() -> None:
    tree = {"a": {"b": [{"key": "x"}, 7, None]}}
    assert at(tree, "a.b.c") is None
    assert at(None, "a") is None
    assert rows_of(at(tree, "a"), "b") == [{"key": "x"}]
    assert rows_of(at(tree, "a"), ["b"]) == []
    assert dicts_of("text") == []
    assert named([{"name": []}, {"name": "n", "v": 1}], "n") == {"name": "n", "v": 1}
    assert named([{"name": []}], []) == {}
