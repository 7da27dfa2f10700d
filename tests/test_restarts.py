"""The judgement on what is known: tests/scenarios/restart.toml has the cases."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from health_collectord.restarts import Evidence, judge
from hypothesis import given
from hypothesis import strategies as st

TABLE = tomllib.loads((Path(__file__).parent / "scenarios/restart.toml").read_text())
CASES: list[dict[str, Any]] = TABLE["case"]
EXPECTED = ("name", "cause", "certain", "words", "scope")


def evidence_of(case: dict[str, Any]) -> Evidence:
    given = TABLE["base"] | {k: v for k, v in case.items() if k not in EXPECTED}
    known = {k: v for k, v in given.items() if v != "" and (k, v) != ("boot_time", 0)}
    return Evidence(**known | {"missing": tuple(given.get("missing", ()))})


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_case(case: dict[str, Any]) -> None:
    evidence = evidence_of(case)
    judgement = judge(evidence)
    assert (judgement.cause, judgement.certain) == (case["cause"], case["certain"])
    assert case["words"] in judgement.words
    scope = "machine" if evidence.boot_id_now == "b" else "collector"
    assert evidence.scope == (case.get("scope", scope) or None)


def test_the_table_has_every_cause_and_no_case_twice() -> None:
    assert len({case["name"] for case in CASES}) == len(CASES) >= 40
    assert {case["cause"] for case in CASES} == {
        "first", "unknown", "clean", "watchdog", "kernel_panic", "power_lost", "hard_reset",
        "stopped", "upgraded", "crashed", "killed", "killed_for_memory", "service_watchdog",
    }  # fmt: skip


def test_time_down_is_until_the_kernel_started_or_the_collector() -> None:
    machine = evidence_of({})
    assert (machine.scope, machine.down) == ("machine", 60.0)
    collector = evidence_of({"boot_id_now": "a"})
    assert (collector.scope, collector.down) == ("collector", 75.0)
    assert evidence_of({"boot_time": 999_999}).down is None, "the clock was set back"
    assert evidence_of({"recorded": False, "last": ""}).down is None


texts = st.none() | st.text(max_size=8)
times = st.none() | st.integers(-(2**60), 2**60)


@given(
    st.builds(
        Evidence, recorded=st.booleans(), last=times, reason=texts, shut_down=st.booleans(),
        version=texts, version_now=texts, boot_id=texts, boot_id_now=texts, boot_time=times,
        under_voltage=times, result=texts, exit_code=texts, exit_status=texts, manager=texts,
        target=texts, rsts=st.none() | st.integers(0, 2**32 - 1),
        bootstatus=st.none() | st.integers(), panic=times,
    )
)  # fmt: skip
def test_whatever_the_evidence_there_is_a_judgement_in_words(evidence: Evidence) -> None:
    judgement = judge(evidence)
    assert judgement.cause
    assert judgement.words.endswith(".")
    assert evidence.down is None or evidence.down >= 0


def test_a_container_was_down_until_its_collector_started() -> None:
    """The boot that it has the id and the time of is its host's, long before."""
    known = Evidence(
        boot_id="a", boot_id_now="a", last=1000000, boot_time=500000, now=1075000,
        manager="stopping", target="reboot.target",
    )  # fmt: skip
    assert (known.scope, known.down) == ("machine", 75.0)
