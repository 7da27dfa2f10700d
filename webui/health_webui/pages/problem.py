"""A problem as the page shows it: the value against its limit, what stands behind it, what to do.

The page's own `problems.js` does the same.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from health_webui.following.catalogue import Catalogue, Field, Metric, Rule
from health_webui.following.fleet import rows_of, value_at
from health_webui.pages.render import value, value_of
from health_webui.pages.units import format_number
from health_webui.verdict import Problem, problems
from health_webui.words import words

_MOST_EVIDENCE = 4
_MOST_ALIKE = 3
_HEADROOM = 1.25  # of a measure without a natural whole


@dataclass(slots=True, frozen=True)
class ProblemView:
    """`filled` and `mark` are percentages of the measure's length; None where there is none.

    `each` has the problems that this one stands for, where it is a group.
    """

    problem: Problem
    measure: str = ""
    filled: float | None = None
    mark: float | None = None
    evidence: str = ""
    advice: str = ""
    each: tuple["ProblemView", ...] = ()

    @property
    def names(self) -> str:
        """The rows that a group is about."""
        return ", ".join(view.problem.row or "" for view in self.each)


def as_of_now(health: Any, catalogue: Catalogue | None, state: Any) -> Any:
    """The same health with its problems' figures, and their reasons, as the newest samples are.

    The collector says them again only now and then; beside them stands what a tile shows.
    """
    found = health.get("problems") if isinstance(health, dict) else None
    if catalogue is None or not found or not isinstance(found, list | tuple):
        return health
    known = problems(health)
    if len(known) != len(found[: len(known)]):  # some are none
        return health
    told = [
        given | {"value": figure[0], "reason": figure[1]}
        if (figure := _figure(problem, catalogue, state))
        else given
        for given, problem in zip(found, known, strict=False)
    ]
    return dict(health) | {"problems": [*told, *found[len(told) :]]}


def _figure(problem: Problem, catalogue: Catalogue, state: Any) -> tuple[float, str] | None:
    """The newest figure that a problem is about, and the reason with it; None for a flag."""
    metric = next((m for m in catalogue.metrics if m.name == problem.metric), None)
    rule = rule_of(metric, problem) if metric else None
    field = metric.field(rule.field, rule.rows) if metric and rule else None
    if metric is None or rule is None or field is None or field.kind != "gauge":
        return None
    sample = value_at(state, metric.state)
    if rule.rows is not None:
        sample = next((r for k, r in rows_of(sample, rule.rows) if k == problem.row), None)
    figure = value_of(field, sample)
    if not problem.subject or isinstance(figure, bool) or not isinstance(figure, int | float):
        return None
    return figure, f"{problem.subject} {format_number(figure, field.unit)}"


def view(problem: Problem, catalogue: Catalogue, state: Any) -> ProblemView:
    """What the catalogue and the state say about the problem; all of it may be missing."""
    metric = next((m for m in catalogue.metrics if m.name == problem.metric), None)
    rule = rule_of(metric, problem) if metric else None
    if metric is None or rule is None:
        return ProblemView(problem)
    field = metric.field(rule.field, rule.rows)
    measure, filled, mark = _measure(problem, field)
    return ProblemView(
        problem,
        measure=measure,
        filled=filled,
        mark=mark,
        evidence=_evidence(metric, rule, problem, value_at(state, metric.state)),
        advice=rule.advice or (field.advice if field else ""),
    )


def grouped(views: Iterable[ProblemView]) -> list[ProblemView]:
    """The same with many of one kind, that is rows of one rule, as one in the first's place."""
    kinds: dict[Any, list[ProblemView]] = {}
    for each in views:
        p = each.problem
        kind = id(each) if p.row is None else (p.metric, p.field, p.severity)
        kinds.setdefault(kind, []).append(each)
    return [
        v for same in kinds.values() for v in (same if len(same) <= _MOST_ALIKE else [_all(same)])
    ]


def _all(views: list[ProblemView]) -> ProblemView:
    first = views[0]
    reason = words("reason.more", reason=first.problem.reason, count=len(views) - 1)
    since = min((v.problem.since for v in views if v.problem.since), default=None)
    problem = replace(first.problem, reason=reason, since=since)
    return ProblemView(problem, advice=first.advice, each=tuple(views))


def rule_of(metric: Metric, problem: Problem) -> Rule | None:
    """The rule that found it: the field's, of rows if a row is concerned."""
    return next(
        (
            r
            for r in metric.rules
            if r.field == problem.field and bool(r.rows) == (problem.row is not None)
        ),
        None,
    )


def evidence_fields(metric: Metric, rule: Rule) -> tuple[Field, ...]:
    """What is told beside the judged field: what the card shows of the same thing."""
    shown = metric.card.columns if rule.rows else metric.card.lines
    return tuple(f for f in shown if f.name != rule.field)


def _measure(problem: Problem, field: Field | None) -> tuple[str, float | None, float | None]:
    found, limit = problem.value, problem.threshold
    if found is None or limit is None or field is None or field.kind != "gauge":
        return "", None, None
    shown = format_number(found, field.unit)
    onset = shown if problem.onset is None else format_number(problem.onset, field.unit)
    text = words(
        "problem.limit" if onset == shown else "problem.limit_onset",
        value=shown,
        limit=format_round(limit, field.unit),
        onset=onset,
    )
    whole = 100.0 if field.unit == "percent" else _HEADROOM * max(found, limit)
    if whole <= 0 or found < 0 or limit < 0:
        return text, None, None
    return text, round(min(100 * found / whole, 100), 1), round(min(100 * limit / whole, 100), 1)


def _evidence(metric: Metric, rule: Rule, problem: Problem, sample: Any) -> str:
    field = metric.field(rule.field, rule.rows)
    if rule.rows is None and rule.kind == "raised":
        return field.doc if field else ""
    if rule.rows is not None:
        sample = next((r for k, r in rows_of(sample, rule.rows) if k == problem.row), None)
    told = [(f.label, value(f, sample)) for f in evidence_fields(metric, rule)]
    known = [f"{label} {shown.text}" for label, shown in told if shown.known][:_MOST_EVIDENCE]
    if rule.rows is None:
        return ", ".join(known)
    rows = metric.field(rule.rows)
    subject = f"{rows.label if rows else ''} {problem.row}".strip()
    return f"{subject}: {', '.join(known)}" if known else subject


def format_round(number: float, unit: str | None) -> str:
    """For limits: 90 % rather than 90.0 %."""
    return re.sub(r"\.0+(?= |$)", "", format_number(number, unit))
