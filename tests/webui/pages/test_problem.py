"""A problem as it is shown: measured, explained, and never more certain than the state is."""

from dataclasses import replace
from typing import Any

import pytest
from health_webui.following import catalogue
from health_webui.pages.problem import as_of_now, format_round, grouped, view
from health_webui.verdict import judge, problems
from health_wire import tree

from tests.webui.sample import DESCRIBED, HOSTILE, STATE


def shown(
    problem: dict[str, Any], state: dict[str, Any] = STATE, described: dict[str, Any] = DESCRIBED
) -> Any:
    [found] = problems({"problems": [problem]})
    return view(found, catalogue.parse(described), tree.freeze(state))


TANK = STATE["health"]["problems"][0]


def test_a_percentage_is_measured_against_its_limit() -> None:
    found = shown(TANK)
    assert found.measure == "91.3 %, limit 80 %"
    assert (found.filled, found.mark) == (91.2, 80.0)
    assert found.advice == "Drain it."


def test_the_figure_of_now_stands_beside_the_one_at_its_onset() -> None:
    given = TANK | {"subject": "tank", "reason": "tank 85 %", "value": 85, "value_at_onset": 81}
    health = tree.freeze({"status": "warning", "summary": "tank 85 %", "problems": [given]})
    known = catalogue.parse(DESCRIBED)
    state = tree.freeze(STATE)  # where it is 91.25
    now = as_of_now(health, known, state)
    (found,) = problems(now)
    assert (found.value, found.reason, found.onset) == (91.25, "tank 91.3 %", 81)
    assert view(found, known, state).measure == "91.3 %, limit 80 %; 81.0 % at onset"
    assert judge("live", 0.0, now).text == "Warning: tank 91.3 %"
    same = replace(found, onset=91.251)
    assert view(same, known, state).measure == "91.3 %, limit 80 %", "once is enough"
    assert as_of_now(health, None, state) is health


@pytest.mark.parametrize(
    "change",
    [{"metric": "gone"}, {"field": "gone"}, {"row": "a pipe"}, {"subject": ""}, {"subject": None}],
)
def test_without_a_newer_figure_it_is_what_the_collector_said(change: dict[str, Any]) -> None:
    given = TANK | {"subject": "tank", "reason": "tank 85 %", "value": 85} | change
    health = tree.freeze({"problems": [given]})
    (found,) = problems(as_of_now(health, catalogue.parse(DESCRIBED), tree.freeze(STATE)))
    assert (found.value, found.reason) == (85, "tank 85 %")
    gone = as_of_now(tree.freeze({"problems": [given, "none"]}), catalogue.parse(DESCRIBED), {})
    assert [p.reason for p in problems(gone)] == ["tank 85 %"]


@pytest.mark.parametrize("health", [None, 5, {}, {"problems": None}, {"problems": "x"}])
def test_where_there_are_no_problems_nothing_changes(health: Any) -> None:
    assert as_of_now(health, catalogue.parse(DESCRIBED), {}) is health


def test_what_is_not_known_is_not_told_beside_it() -> None:
    assert shown(TANK).evidence == "Size 22.9 GiB"
    assert shown(TANK, {}).evidence == ""


@pytest.mark.parametrize("change", [{"metric": "gone"}, {"field": "gone"}, {"row": "a pipe"}])
def test_what_the_catalogue_does_not_know_has_no_explanation(change: dict[str, Any]) -> None:
    found = shown(TANK | change)
    assert (found.measure, found.evidence, found.advice, found.mark) == ("", "", "", None)


@pytest.mark.parametrize("value", [None, "much", True])
def test_without_a_value_there_is_no_measure(value: Any) -> None:
    assert shown(TANK | {"value": value}).measure == ""


def test_a_row_is_named_with_what_its_card_shows_of_it() -> None:
    rule = {"kind": "above", "field": "clogged_percent", "rows": "pipes", "warning": 5}
    described = {
        "metrics": [
            m | {"rules": [rule]} if m["name"] == "pipes" else m for m in DESCRIBED["metrics"]
        ]
    }
    problem = TANK | {"metric": "pipes", "row": HOSTILE, "field": "clogged_percent"}
    assert shown(problem, described=described).evidence == f"Pipes {HOSTILE}: Flow 0 /s, Open No"
    gone = shown(problem | {"row": "removed"}, described=described)
    assert gone.evidence == "Pipes removed"


def test_a_flag_is_explained_by_its_meaning_and_its_advice() -> None:
    rule = {"kind": "raised", "field": "stuck_now", "severity": "critical"}
    described = {
        "metrics": [
            m | {"rules": [rule]} if m["name"] == "valve" else m for m in DESCRIBED["metrics"]
        ]
    }
    found = shown(
        TANK | {"metric": "valve", "field": "stuck_now", "threshold": None, "value": True},
        described=described,
    )
    assert (found.measure, found.evidence, found.advice) == ("", "It is stuck.", "Oil it.")


@pytest.mark.parametrize(
    ("unit", "value", "limit", "filled", "mark"),
    [
        ("count", 4.0, 2.0, 80.0, 40.0),
        ("celsius", 60.0, 80.0, 60.0, 80.0),
        ("celsius", -5.0, 0.0, None, None),
        ("count", 0.0, 0.0, None, None),
    ],
)
def test_a_measure_without_a_whole_leaves_headroom(
    unit: str, value: float, limit: float, filled: float | None, mark: float | None
) -> None:
    described = {
        "metrics": [
            {
                "name": "x",
                "state": "x",
                "fields": [{"name": "y", "kind": "gauge", "unit": unit}],
                "rules": [{"kind": "above", "field": "y", "warning": limit}],
            }
        ]
    }
    problem = {"metric": "x", "field": "y", "row": None, "value": value, "threshold": limit}
    found = shown(problem, {}, described)
    assert (found.filled, found.mark) == (filled, mark)


def alike(count: int, **more: Any) -> list[dict[str, Any]]:
    return [
        TANK | {"metric": "pipes", "row": f"p{n}", "field": "clogged_percent"}
        | {"reason": f"pipe p{n}", "since": f"2026-01-01T12:0{9 - n}:00.000Z"} | more
        for n in range(count)
    ]  # fmt: skip


@pytest.mark.parametrize(("count", "shown"), [(3, 4), (4, 2), (9, 2)])
def test_many_of_one_kind_are_one_that_lists_them(count: int, shown: int) -> None:
    parsed, state = catalogue.parse(DESCRIBED), tree.freeze(STATE)
    found = problems({"problems": [*alike(count), TANK]})
    views = grouped(view(p, parsed, state) for p in found)
    assert len(views) == shown
    if shown == 2:
        group = views[0]
        assert group.problem.reason == f"pipe p0, and {count - 1} more"
        assert group.problem.since == f"2026-01-01T12:0{10 - count}:00.000Z", "the first of all"
        assert group.names == ", ".join(f"p{n}" for n in range(count))
        assert [v.problem.reason for v in group.each] == [f"pipe p{n}" for n in range(count)]
    assert views[-1].problem.metric == "tank"


def test_another_severity_is_another_kind() -> None:
    parsed = catalogue.parse(DESCRIBED)
    found = problems({"problems": [*alike(3), *alike(3, severity="critical")]})
    assert len(grouped(view(p, parsed, tree.EMPTY) for p in found)) == 6


def test_limits_are_round() -> None:
    assert format_round(90.0, "percent") == "90 %"
    assert format_round(2.5, "count") == "2.50"
    assert format_round(100.0, "bytes") == "100 B"
