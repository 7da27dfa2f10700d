"""What the page's script is told of the catalogue."""

import json
from typing import Any

from health_webui.following import catalogue
from health_webui.pages.plan import plan

from tests.webui.sample import DESCRIBED


def planned() -> dict[str, Any]:
    planned = json.loads(plan(catalogue.parse(DESCRIBED)))
    return {m["name"]: m for m in planned["metrics"]}


def test_every_metric_is_planned_with_its_state() -> None:
    assert {n: m["state"] for n, m in planned().items()} == {
        m["name"]: m["state"] for m in DESCRIBED["metrics"]
    }


def test_a_chart_has_series_range_unit_and_the_thresholds_of_its_rules() -> None:
    [chart] = planned()["tank"]["charts"]
    assert chart["unit"] == "percent"
    assert chart["range"] == [0, 100]
    assert chart["limits"] == [
        {"at": 80, "severity": "warning", "of": ["full_percent"]},
        {"at": 95, "severity": "critical", "of": ["full_percent"]},
    ]
    assert [s["name"] for s in chart["series"]] == ["full_percent"]


def test_a_rule_has_its_unit_its_advice_and_what_is_told_beside_its_figure() -> None:
    [rule] = planned()["tank"]["rules"]
    assert (rule["unit"], rule["advice"], rule["rows"]) == ("percent", "Drain it.", None)
    assert [e["label"] for e in rule["evidence"]] == ["Size", "Spare"]


def test_the_ranges_are_what_the_collector_keeps() -> None:
    kept = [{"seconds": 3600}, {"seconds": 300}, {"seconds": "x"}, {"seconds": -1}, None]
    found = catalogue.parse(DESCRIBED | {"history": kept})
    assert json.loads(plan(found))["ranges"] == [300, 3600]
