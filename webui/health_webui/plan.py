"""What the page's script needs of the catalogue beyond what stands in the HTML."""

import json
from typing import Any

from health_webui.catalogue import Catalogue, Chart, Metric


def plan(catalogue: Catalogue) -> str:
    """The charts to draw and the units of what is judged, per metric, as JSON."""
    return json.dumps(
        [
            {
                "name": m.name,
                "state": m.state,
                "interval": m.interval,
                "units": _units(m),
                "charts": [_chart_plan(m, c) for c in m.charts],
            }
            for m in catalogue.metrics
        ],
        ensure_ascii=False,
        separators=(",", ":"),
    )


def _units(metric: Metric) -> dict[str, str]:
    """The unit of each field that a rule judges, for the list of problems."""
    found = {r.field: metric.field(r.field, r.rows) for r in metric.rules}
    return {name: field.form for name, field in found.items() if field and field.kind == "gauge"}


def _chart_plan(metric: Metric, chart: Chart) -> dict[str, Any]:
    limits: set[float] = set()
    for series in chart.series:
        rule = metric.rule(series.name, chart.rows)
        if rule:
            limits |= {t for t in (rule.warning, rule.critical) if t is not None}
    return {
        "title": chart.title or metric.title,
        "rows": chart.rows,
        "unit": chart.series[0].form,
        "series": [{"name": s.name, "label": s.label} for s in chart.series],
        "range": chart.range,
        "stacked": chart.stacked,
        "limits": sorted(limits),
    }
