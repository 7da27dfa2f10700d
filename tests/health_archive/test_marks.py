"""What a time line shows of a record."""

from pathlib import Path
from typing import Any

import pytest
from health_archive.index import Index
from health_archive.lines import time_text
from health_archive.marks import Marks, Problem, marked

from tests.health_archive.test_checkpoints import event
from tests.health_archive.test_coverage import EVER, A, B, Record, at
from tests.health_archive.test_segments import put


def told(record: Record, start: int = EVER[0], end: int = EVER[1]) -> Marks:
    index = Index(record.folder / "index", record.folder / "history")
    list(index.update())
    index.close()
    return marked(record.folder / "index", record.folder / "history", start, end)


def kinds(marks: Marks) -> list[str]:
    return [mark["kind"] for mark in marks.marks]


def health(status: str, *problems: tuple[str, str, int]) -> tuple[str, dict[str, Any]]:
    """A verdict, with problems by metric, severity and when they began."""
    rows = [
        {"metric": metric, "row": None, "field": "f", "severity": severity,
         "since": time_text(at(since))}
        for metric, severity, since in problems
    ]  # fmt: skip
    return "health.updated", {"status": status, "summary": f"{len(rows)}", "problems": rows}


@pytest.fixture
def record(tmp_path: Path) -> Record:
    return Record(tmp_path)


def test_of_nothing_there_is_nothing(record: Record) -> None:
    assert told(record) == Marks()


def test_changes_of_the_verdict_and_problems_with_their_ends(record: Record) -> None:
    record.add(
        A, (1, "collector.started", {"epoch": A, "version": "1"}), (2, *health("healthy")),
        (3, *health("warning", ("disk", "warning", 3))),
        (4, *health("warning", ("disk", "warning", 3))),
        (5, *health("critical", ("disk", "critical", 3), ("cpu", "warning", 5))),
        (6, *health("warning", ("disk", "warning", 3))), (7, *health("healthy")),
    )  # fmt: skip
    found = told(record)
    assert [(m["seq"], m["kind"], m.get("status")) for m in found.marks] == [
        (1, "started", None), (2, "verdict", "healthy"), (3, "verdict", "warning"),
        (5, "verdict", "critical"), (6, "verdict", "warning"), (7, "verdict", "healthy"),
    ]  # fmt: skip
    assert found.marks[2] == {
        "epoch": A, "time": time_text(at(3)), "seq": 3, "kind": "verdict", "status": "warning",
        "summary": "1",
    }  # fmt: skip
    assert found.problems == [
        Problem("disk", None, "f", "critical", time_text(at(3)), time_text(at(7))),
        Problem("cpu", None, "f", "warning", time_text(at(5)), time_text(at(6))),
    ]


def test_what_began_before_a_window_is_known_in_it(record: Record) -> None:
    record.add(A, (1, *health("warning", ("disk", "warning", 1))))
    record.add(A, *range(2, 90))
    record.add(A, *range(90, 200), ended=False)
    found = told(record, at(100), at(150))
    assert found.status == "warning"
    assert found.marks == []
    assert found.problems == [Problem("disk", None, "f", "warning", time_text(at(1)))]


def test_what_was_over_before_it_is_not(record: Record) -> None:
    record.add(A, (1, *health("warning", ("disk", "warning", 1))), (2, *health("healthy")))
    record.add(A, *range(3, 90))
    assert told(record, at(50), at(60)) == Marks("healthy")


def test_what_comes_later_changes_nothing(record: Record) -> None:
    record.add(A, (1, *health("warning", ("disk", "warning", 1))), (9, *health("healthy")))
    found = told(record, at(0), at(5))
    assert [mark["status"] for mark in found.marks if mark["kind"] == "verdict"] == ["warning"]
    assert [problem.end for problem in found.problems] == [None]


def test_at_a_restart_what_stood_ends_with_what_is_known(record: Record) -> None:
    record.add(A, 1, (2, *health("warning", ("disk", "warning", 2))), 3)
    record.add(
        B, (1, "collector.started", {"epoch": B}),
        (2, "system.restart.updated", {"cause": "power_lost"}),
        (3, "system.restart.updated", {"cause": "power_lost"}),
        (4, *health("warning", ("disk", "warning", 4))), boot="y",
    )  # fmt: skip
    found = told(record)
    assert [(p.begin, p.end) for p in found.problems] == [
        (time_text(at(2)), time_text(at(3))), (time_text(at(4)), None),
    ]  # fmt: skip
    assert sorted(kinds(found)) == ["gap", "restart", "started", "verdict", "verdict"]
    [gap] = [mark for mark in found.marks if mark["kind"] == "gap"]
    assert (gap["epoch"], gap["cause"], gap["detail"]) == (A, "restart", "power_lost")
    [restart] = [mark for mark in found.marks if mark["kind"] == "restart"]
    assert (restart["epoch"], restart["cause"]) == (B, "power_lost")


def test_holes_dropped_events_and_sinks_that_failed(record: Record) -> None:
    record.add(
        A, 1, (2, "collector.sink.degraded", {"sink": "jsonl", "error": "full"}), 9,
        (10, "collector.sink.recovered", {"sink": "jsonl", "lost": 6}),
        (11, "collector.events.dropped", {"count": 3}),
    )  # fmt: skip
    found = told(record)
    assert kinds(found) == ["sink_degraded", "gap", "sink_recovered", "dropped"]
    gap = found.marks[1]
    assert (gap["time"], gap["end"], gap["cause"]) == (
        time_text(at(2)), time_text(at(9)), "write_failed",
    )  # fmt: skip


def test_kernel_lines_are_counted(record: Record) -> None:
    record.add(A, 1, *((seq, "kernel.message", {"text": "oops"}) for seq in (2, 3)), 4)
    [mark] = told(record).marks
    assert mark == {
        "epoch": A, "time": time_text(at(0)), "seq": None, "kind": "kernel",
        "end": time_text(at(4)), "count": 2,
    }  # fmt: skip


def test_nonsense_in_a_verdict_does_no_harm(record: Record) -> None:
    problems: Any = [{"metric": ["x"], "row": {}, "severity": 5, "since": "soon"}, 7, None]
    record.add(A, (1, "health.updated", {"status": [], "problems": problems}),
               (2, "health.updated", {"problems": "x"}), (3, "health.updated", None),
               (4, "collector.record.recovered", {"time": "x", "kind": 5}))  # fmt: skip
    found = told(record)
    assert found.problems == [Problem(None, None, None, None, time_text(at(1)), time_text(at(2)))]


def test_a_record_of_version_1_0_has_marks_too(record: Record) -> None:
    lines = [event(1, "collector.started", {"epoch": A}), event(2, *health("healthy"))]
    put(record.folder / "history", "2026-01-01/12-00-00", b"".join(lines))
    assert [(m["epoch"], m["kind"]) for m in told(record).marks] == [
        (A, "started"), (A, "verdict"),
    ]  # fmt: skip
