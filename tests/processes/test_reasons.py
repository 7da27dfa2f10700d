"""Reasons in words."""

import pytest
from health_collectord.processes.reasons import Words, unknown, within
from health_collectord.vocabulary import Above, Raised, Rule

from tests.declarations import metric


@pytest.mark.parametrize(
    ("rule", "row", "value", "subject", "reason"),
    [
        (Above("used_percent"), None, 91.26, "probe", "probe 91.3 %"),
        (Above("level_percent", rows="rows"), "/", 5.0, "probe / level percent",
         "probe / level percent 5 %"),
        (Raised("under_voltage_now", "warning"), None, True, "under voltage now",
         "under voltage now"),
        (Raised("stuck", "warning", rows="rows"), "/mnt", True, "probe /mnt stuck",
         "probe /mnt stuck"),
    ],
)  # fmt: skip
def test_a_subject_and_its_figure(
    rule: Rule, row: str | None, value: float, subject: str, reason: str
) -> None:
    words = Words(metric())
    assert words.subject(rule, row) == subject
    assert words.reason(rule, subject, value) == reason


def test_what_is_not_known_is_said_once_for_each_reason() -> None:
    told = unknown([("Memory", "failing"), ("Load", "failing"), ("CPU", "stale")])
    assert told == "memory, load: cannot be read; CPU: stale"


@pytest.mark.parametrize(
    ("title", "said"),
    [("CPU", "CPU"), ("Memory", "memory"), ("Raspberry Pi firmware", "Raspberry Pi firmware")],
)
def test_names_keep_their_capitals_within_a_sentence(title: str, said: str) -> None:
    assert within(title) == said
