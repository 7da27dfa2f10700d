"""What a segment says of itself."""

from typing import Any

from health_archive.columns import Damage, encode
from health_archive.facts import Facts, facts_of, has_figures, is_notable
from health_archive.series import Contents, read_contents

from tests.health_archive.made import EPOCH
from tests.health_archive.test_checkpoints import BEGIN, checkpoint, event


def facts(*lines: bytes) -> Facts:
    return facts_of(read_contents(encode(b"".join(lines)), lambda _: True, is_notable))


def beat(seq: int, monotonic: float, time: int) -> bytes:
    return event(seq, "collector.heartbeat", {"monotonic_seconds": monotonic}, BEGIN + time)


def test_a_segment_is_told_by_its_checkpoint_and_lines() -> None:
    found = facts(
        checkpoint(7, catalogue=[1]).line(), event(8, "system.a.updated", {"b": 1}),
        event(9, "kernel.message", {"text": "x"}), event(10, "kernel.message", {"text": "x"}),
    )  # fmt: skip
    assert (found.epoch, found.boot_id, found.monotonic) == (EPOCH, "b", 1007.25)
    assert (found.first_time, found.last_time) == (BEGIN + 7000, BEGIN + 10000)
    assert (found.lines, found.runs, found.kernel) == (4, [[8, 10, BEGIN + 8000, BEGIN + 10000]], 2)
    assert found.has_catalogue
    assert found.catalogue_id
    assert not found.shutdown
    assert found.marks == []


def test_holes_are_told() -> None:
    found = facts(*(event(seq, "x", 1) for seq in (1, 2, 5, 9, 10)))
    assert found.runs == [
        [1, 2, BEGIN + 1000, BEGIN + 2000],
        [5, 5, BEGIN + 5000, BEGIN + 5000],
        [9, 10, BEGIN + 9000, BEGIN + 10000],
    ]
    assert facts().runs == []


def test_an_epoch_of_version_1_0_is_told_by_its_start() -> None:
    found = facts(event(1, "runtime.booting", {}), event(2, "collector.started", {"epoch": EPOCH}))
    assert (found.epoch, found.boot_id) == (EPOCH, None)
    assert [mark["kind"] for mark in found.marks] == ["started"]


def test_changes_are_marks() -> None:
    problem = {"metric": "disk", "row": "/", "field": "used_percent", "severity": "warning",
               "since": "2026-01-01T12:00:00.000Z", "value": 91.2, "reason": "long"}  # fmt: skip
    health = {"status": "warning", "summary": "disk / 91.2 %", "problems": [problem], "checks": {}}
    found = facts(
        checkpoint(0).line(),
        event(1, "health.updated", health), event(2, "system.restart.updated", {"cause": "power"}),
        event(3, "collector.sink.degraded", {"sink": "jsonl"}),
        event(4, "collector.sink.recovered", {"sink": "jsonl", "lost": 5}),
        event(5, "collector.events.dropped", {"count": 2}), event(6, "runtime.shutdown", {}),
    )  # fmt: skip
    assert [(mark["seq"], mark["kind"]) for mark in found.marks] == [
        (1, "verdict"), (2, "restart"), (3, "sink_degraded"), (4, "sink_recovered"), (5, "dropped"),
        (6, "shutdown"),
    ]  # fmt: skip
    assert found.marks[0]["status"] == "warning"
    assert found.marks[0]["problems"] == [
        {k: v for k, v in problem.items() if k not in ("value", "reason")}
    ]
    assert found.shutdown


def test_a_shutdown_that_is_not_the_last_is_none() -> None:
    assert not facts(event(1, "runtime.shutdown", {}), event(2, "x", {})).shutdown


def test_steps_of_the_wall_clock_are_marks() -> None:
    lines = (
        beat(1, 10.0, 0), beat(2, 11.0, 1000), beat(3, 12.0, 90_000_000), beat(4, 13.0, 90_001_000),
        beat(5, 14.0, 5000), beat(6, 15.0, 6002),
    )  # fmt: skip
    steps = [(m["kind"], m["time"] - BEGIN, m["seconds"]) for m in facts(*lines).marks]
    assert steps == [("clock", 5000, -89_997.0), ("clock", 90_000_000, 89_998.0)]


def test_odd_data_is_no_error() -> None:
    odd: tuple[Any, ...] = (None, 1, [], {"problems": 3}, {"problems": [1, None]})
    found = facts(*(event(i, "health.updated", data) for i, data in enumerate(odd, 1)))
    assert len(found.marks) == 5


def test_what_others_put_in_the_place_of_texts_and_numbers_is_nothing() -> None:
    odd = {"epoch": [1], "boot_id": {}, "monotonic_seconds": "x", "kind": 7, "time": [], "seq": {}}
    found = facts(
        event(1, "collector.checkpoint", odd), event(2, "collector.record.recovered", odd),
        event(3, "collector.events.dropped", {"count": [3]}),
        event(4, "health.updated", {"status": 7, "summary": None, "problems": 7}),
    )  # fmt: skip
    assert (found.epoch, found.boot_id, found.monotonic) == (None, None, None)
    assert [mark["kind"] for mark in found.marks] == ["recovered", "dropped", "verdict"]
    assert [mark["seq"] for mark in found.marks] == [2, 3, 4]
    assert found.marks[1]["count"] is None


def test_damage_is_told() -> None:
    contents = Contents(damages=[Damage(3, 5, "torn")])
    assert facts_of(contents).damages == [{"offset": 3, "size": 5, "reason": "torn"}]


def test_marks_and_runs_are_bounded() -> None:
    found = facts(*(event(2 * i, "runtime.shutdown", {}) for i in range(1, 1101)))
    assert (len(found.marks), len(found.runs), found.more) == (1000, 1000, 200)


def test_figures_are_not_notable_and_the_heartbeat_has_none() -> None:
    assert not is_notable("system.load.updated")
    assert not is_notable("collector.heartbeat")
    assert is_notable("system.restart.updated")
    assert is_notable("collector.metrics.cpu.updated")
    assert has_figures("system.load")
    assert not has_figures("collector.heartbeat")
