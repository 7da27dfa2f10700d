"""What the page's script needs of the catalogue beyond what stands in the HTML."""

import json
from typing import Any

from health_webui.following.catalogue import Catalogue, Chart, Field, Metric, Rule
from health_webui.following.fleet import MOST_LINES
from health_webui.pages.problem import evidence_fields


def plan(catalogue: Catalogue) -> str:
    """The charts to draw, their ranges, and what there is to say of problems, as JSON."""
    metrics = [
        {
            "name": m.name,
            "state": m.state,
            "interval": m.interval,
            "rules": [_rule_plan(m, r) for r in m.rules],
            "traced": [f.name for f in m.traced],
            "charts": [_chart_plan(m, c) for c in m.charts],
        }
        for m in catalogue.metrics
    ]
    return json.dumps(
        {"ranges": catalogue.ranges, "lines": MOST_LINES, "metrics": metrics},
        ensure_ascii=False,
        separators=(",", ":"),
    )


def _rule_plan(metric: Metric, rule: Rule) -> dict[str, Any]:
    field = metric.field(rule.field, rule.rows)
    raised = rule.kind == "raised"
    return {
        "field": rule.field,
        "rows": rule.rows,
        "unit": field.form if field and field.kind == "gauge" else None,
        "advice": rule.advice or (field.advice if field else ""),
        "meaning": field.doc if raised and field and not rule.rows else "",
        "subject": _label(metric, rule.rows),
        "evidence": [_named(f) | {"form": f.form} for f in evidence_fields(metric, rule)],
    }


def _label(metric: Metric, rows: str | None) -> str:
    """What one of the rows is called."""
    found = metric.field(rows) if rows else None
    return found.label if found else ""


def _named(field: Field) -> dict[str, str]:
    return {"name": field.name, "label": field.label}


def _chart_plan(metric: Metric, chart: Chart) -> dict[str, Any]:
    limits: dict[tuple[float, str], list[str]] = {}
    for series in chart.series:
        rule = metric.rule(series.name, chart.rows)
        for severity in ("warning", "critical"):
            threshold = getattr(rule, severity, None)
            if threshold is not None:
                limits.setdefault((threshold, severity), []).append(series.name)
    return {
        "title": chart.title or metric.title,
        "rows": chart.rows,
        "subject": _label(metric, chart.rows),
        "unit": chart.series[0].form,
        "series": [_named(s) for s in chart.series],
        "range": chart.range,
        "stacked": chart.stacked,
        "limits": [
            {"at": at, "severity": severity, "of": of}
            for (at, severity), of in sorted(limits.items(), key=lambda item: item[0][0])
        ],
    }
