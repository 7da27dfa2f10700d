"""One metric's checks: its rules applied to its samples, and the problems that they find."""

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from health_collectord.catalogue import Entry
from health_collectord.events import SequencedEvent, format_time
from health_collectord.processes.reasons import Words
from health_collectord.vocabulary import Above, Raised, Rule, with_threshold


@dataclass(slots=True)
class Problem:
    """A rule that holds, for a row if it has rows; `value` follows the samples."""

    words: Words
    metric: str
    rule: Rule
    row: str | None
    value: float | bool
    value_at_onset: float | bool
    threshold: float | None
    severity: str
    since: str
    subject: str

    @property
    def verdict(self) -> tuple[Any, ...]:
        """What of it makes another verdict when it changes."""
        return self.metric, self.row, self.rule.field, self.rule.rows, self.severity, self.threshold

    def as_dict(self) -> dict[str, Any]:
        return {
            "metric": self.metric,
            "rows": self.rule.rows,
            "row": self.row,
            "field": self.rule.field,
            "value": self.value,
            "value_at_onset": self.value_at_onset,
            "threshold": self.threshold,
            "severity": self.severity,
            "since": self.since,
            "subject": self.subject,
            "reason": self.words.reason(self.rule, self.subject, self.value),
        }


@dataclass(slots=True)
class Checks:
    """A metric's rules with what they found, by rule and row, and whether it can be judged."""

    entry: Entry
    rules: tuple[Rule, ...]
    interval: float
    status: str = "waiting"
    seen: float = 0.0
    stale: bool = False
    words: Words = field(init=False)
    armed: tuple[tuple[int, Rule], ...] = ()
    problems: dict[tuple[int, str | None], Problem] = field(default_factory=dict)
    absent: int = 0  # rules whose figure this machine does not have, such as swap without swap

    def __post_init__(self) -> None:
        self.words = Words(self.entry)
        self.judge_by(self.rules)

    def judge_by(self, rules: tuple[Rule, ...]) -> None:
        """Takes other rules; those that can find no problem are not looked at each second."""
        self.rules = rules
        self.armed = tuple((n, rule) for n, rule in enumerate(rules) if _is_armed(rule))

    def set_threshold(self, figure: str, severity: str, threshold: float | None) -> None:
        """Another threshold for every rule about that figure."""
        if severity in ("warning", "critical"):
            self.judge_by(
                tuple(
                    with_threshold(rule, severity, threshold) if rule.field == figure else rule
                    for rule in self.rules
                )
            )

    @property
    def checks(self) -> int:
        return len(self.armed)

    @property
    def applicable(self) -> int:
        return 0 if self.status == "unavailable" else self.checks - self.absent

    @property
    def unknown(self) -> bool:
        return self.status not in ("ok", "unavailable") or self.stale

    def judge(self, evt: SequencedEvent) -> tuple[bool, bool]:
        """Takes a sample; says whether that changes the verdict, and whether a figure has moved."""
        before, self.problems = self.problems, {}
        changed = moved = False
        if evt.data is None:  # the figures are gone; the status says why
            return bool(before), False
        self.seen = 0.0  # in this tick, of which the heartbeat that ends it tells the time
        absent = 0
        for number, rule in self.armed:
            known = False
            for row, value in _values(rule, evt.data):
                if value is None:
                    continue
                known = True
                severity, threshold = _apply(rule, row, value)
                if severity is None:
                    continue
                key = (number, row)
                old = before.get(key)
                if old is not None:
                    self.problems[key] = old
                    moved |= old.value != value
                    changed |= (old.severity, old.threshold) != (severity, threshold)
                    old.value, old.severity, old.threshold = value, severity, threshold
                    continue
                self.problems[key] = Problem(
                    words=self.words,
                    metric=self.entry.name,
                    rule=rule,
                    row=row,
                    value=value,
                    value_at_onset=value,
                    threshold=threshold,
                    severity=severity,
                    since=format_time(evt.time),
                    subject=self.words.subject(rule, row),
                )
            absent += not known
        changed |= absent != self.absent or self.problems.keys() != before.keys()
        self.absent = absent
        return changed, moved


def _is_armed(rule: Rule) -> bool:
    """Whether it can find a problem; one without thresholds waits for the configuration."""
    return isinstance(rule, Raised) or (rule.warning, rule.critical) != (None, None)


def _values(rule: Rule, data: dict[str, Any]) -> list[tuple[str | None, Any]]:
    """Row and figure, of each row that the rule is for."""
    if rule.rows is None:
        return [(None, data[rule.field])]
    return [(row["key"], row[rule.field]) for row in data[rule.rows]]


def _apply(rule: Rule, row: str | None, value: Any) -> tuple[str | None, float | None]:
    """The severity that holds and the threshold it passed."""
    if isinstance(rule, Raised):
        if not value:
            return None, None
        critical = row is not None and any(fnmatchcase(row, each) for each in rule.critical_rows)
        return ("critical" if critical else rule.severity), None
    for severity, threshold in (("critical", rule.critical), ("warning", rule.warning)):
        if threshold is not None and (
            value >= threshold if isinstance(rule, Above) else value <= threshold
        ):
            return severity, threshold
    return None, None
