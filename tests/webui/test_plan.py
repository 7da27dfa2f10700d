"""What the page's script is told of the catalogue."""

import json
from typing import Any

from health_webui import catalogue
from health_webui.plan import plan

from .sample import DESCRIBED


def planned() -> dict[str, Any]:
    return {m["name"]: m for m in json.loads(plan(catalogue.parse(DESCRIBED)))}


def test_every_metric_is_planned_with_its_state() -> None:
    assert {n: m["state"] for n, m in planned().items()} == {
        m["name"]: m["state"] for m in DESCRIBED["metrics"]
    }


def test_a_chart_has_series_range_unit_and_the_thresholds_of_its_rules() -> None:
    [chart] = planned()["tank"]["charts"]
    assert chart["unit"] == "percent"
    assert chart["range"] == [0, 100]
    assert chart["limits"] == [80, 95]
    assert [s["name"] for s in chart["series"]] == ["full_percent"]


def test_judged_figures_have_their_units() -> None:
    assert planned()["tank"]["units"] == {"full_percent": "percent"}
