"""The one verdict of a machine, from its link and its health."""

from dataclasses import dataclass
from typing import Any

from health_wire.updates import LinkStatus

from health_webui.words import words

WORDS = {
    status: words(f"verdict.{status}")
    for status in ("healthy", "warning", "critical", "unknown", "stale")
}
# Worst first; unknown and stale stand above healthy because they are never good news.
SEVERITY = ("critical", "warning", "stale", "unknown", "healthy")
_MOST = 100  # problems that anybody reads


@dataclass(slots=True, frozen=True)
class Verdict:
    """`status` is a key of WORDS; `reason` says why, empty where there is nothing to say."""

    status: str
    reason: str

    @property
    def word(self) -> str:
        return WORDS[self.status]

    @property
    def text(self) -> str:
        return f"{self.word}: {self.reason}" if self.reason else self.word


@dataclass(slots=True, frozen=True)
class Problem:
    """One problem as the collector judged it; texts are the collector's, untrusted."""

    metric: str
    row: str | None
    severity: str
    reason: str
    since: str | None
    field: str
    value: float | None
    threshold: float | None
    onset: float | None = None  # the value when it began
    subject: str = ""  # the reason without its figure


def judge(link: LinkStatus, silent_seconds: float, health: Any) -> Verdict:
    """The verdict to show for what is known of a collector."""
    known = health if isinstance(health, dict) else {}
    status, summary = known.get("status"), known.get("summary")
    reason = _in_short(known, summary if isinstance(summary, str) else "")
    word = WORDS.get(status, "") if isinstance(status, str) else ""
    if link == "connecting":
        return Verdict("unknown", words("reason.never_seen"))
    if link == "stale":
        key = "reason.stale_known" if word else "reason.stale"
        return Verdict("stale", words(key, seconds=f"{silent_seconds:.0f}", word=word))
    if not word:
        return Verdict("unknown", words("reason.waiting"))
    return Verdict(str(status), "" if reason.lower() == word.lower() else reason)


def _in_short(health: dict[str, Any], summary: str) -> str:
    """The first problem and how many more there are; the list says the rest."""
    found = problems(health)
    if not found:
        return summary
    more = len(health["problems"]) - 1
    if not more:
        return found[0].reason
    key = "reason.one_more" if more == 1 else "reason.more"
    return words(key, reason=found[0].reason, count=more)


def problems(health: Any) -> tuple[Problem, ...]:
    """The first problems in a `health` object, as they came; what is none is left out."""
    given = health.get("problems") if isinstance(health, dict) else None
    return tuple(
        Problem(
            metric=str(p.get("metric") or ""),
            row=p["row"] if isinstance(p.get("row"), str) else None,
            severity="critical" if p.get("severity") == "critical" else "warning",
            reason=str(p.get("reason") or p.get("field") or words("problem.nameless")),
            since=p["since"] if isinstance(p.get("since"), str) else None,
            field=str(p.get("field") or ""),
            value=_number(p.get("value")),
            threshold=_number(p.get("threshold")),
            onset=_number(p.get("value_at_onset")),
            subject=str(p.get("subject") or ""),
        )
        for p in (given[:_MOST] if isinstance(given, list | tuple) else ())
        if isinstance(p, dict)
    )


def coverage(health: Any) -> str:
    """How much of what can be checked was: ``9 of 9 checks; 4 do not apply here``."""
    checks = health.get("checks") if isinstance(health, dict) else None
    if not isinstance(checks, dict):
        return words("coverage.none")
    known, total, absent = (
        f"{_number(checks.get(k)) or 0:.0f}" for k in ("known", "total", "not_applicable")
    )
    key = {"0": "coverage", "1": "coverage.absent_one"}.get(absent, "coverage.absent")
    return words(key, known=known, total=total, count=absent)


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
