"""The one verdict of a machine, from its link and its health."""

from dataclasses import dataclass
from typing import Any

from health_wire.client import LinkStatus

WORDS = {
    "healthy": "Healthy",
    "warning": "Warning",
    "critical": "Critical",
    "unknown": "Unknown",
    "stale": "Stale",
}
# Worst first; unknown and stale stand above healthy because they are never good news.
SEVERITY = ("critical", "warning", "stale", "unknown", "healthy")


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
    severity: str
    reason: str
    since: str | None
    field: str
    threshold: float | None


def judge(link: LinkStatus, silent_seconds: float, health: Any) -> Verdict:
    """The verdict to show for what is known of a collector."""
    known = health if isinstance(health, dict) else {}
    status, summary = known.get("status"), known.get("summary")
    reason = summary if isinstance(summary, str) else ""
    word = WORDS.get(status, "") if isinstance(status, str) else ""
    if link == "connecting":
        return Verdict("unknown", "never seen")
    if link == "stale":
        last = f"; last known: {word}" if word else ""
        return Verdict("stale", f"no data for {silent_seconds:.0f} s{last}")
    if not word:
        return Verdict("unknown", "waiting for the first verdict")
    return Verdict(str(status), "" if reason.lower() == word.lower() else reason)


def problems(health: Any) -> tuple[Problem, ...]:
    """The problems in a `health` object, as they came; what is none is left out."""
    given = health.get("problems") if isinstance(health, dict) else None
    return tuple(
        Problem(
            metric=str(p.get("metric") or ""),
            severity="critical" if p.get("severity") == "critical" else "warning",
            reason=str(p.get("reason") or p.get("field") or "problem without a reason"),
            since=p["since"] if isinstance(p.get("since"), str) else None,
            field=str(p.get("field") or ""),
            threshold=_number(p.get("threshold")),
        )
        for p in (given if isinstance(given, list | tuple) else ())
        if isinstance(p, dict)
    )


def coverage(health: Any) -> str:
    """How much of what can be checked was: ``9 of 9 checks; 4 do not apply here``."""
    checks = health.get("checks") if isinstance(health, dict) else None
    if not isinstance(checks, dict):
        return "Nothing has been checked yet"
    known, total, absent = (
        _number(checks.get(k)) or 0 for k in ("known", "total", "not_applicable")
    )
    text = f"{known:.0f} of {total:.0f} checks"
    return (
        f"{text}; {absent:.0f} do{'es' if absent == 1 else ''} not apply here" if absent else text
    )


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
