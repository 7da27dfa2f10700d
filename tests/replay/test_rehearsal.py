"""A record gone through again comes to the same; with other thresholds, to what they say."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from health_archive.checkpoints import Checkpoint
from health_archive.columns import encode
from health_archive.lines import parse
from health_archive.segments import segment_name
from health_collectord import catalogue
from health_collectord.catalogue import Entry
from health_collectord.config import MetricConfig
from health_collectord.processes.health import HealthProcess
from health_collectord.replay.rehearsal import Rehearsal, thresholds_that_differ
from health_collectord.replay.sources import Source, sources_of
from health_collectord.vocabulary import Rule, with_threshold
from health_wire import tree

from tests.health_archive.made import EPOCH, START, MadeHost

SECONDS, EACH = 90, 30
BEGIN = round(START.timestamp()) * 1000


def record(folder: Path) -> Path:
    """Three segments of half a minute, as a collector writes them."""
    host = MadeHost(folder / "host", "x86-server", 1.0)
    told = tree.freeze([entry.describe() for entry in host.entries])
    state, seq = tree.EMPTY, 0
    for number, said in enumerate(host.record(SECONDS)):
        if number % EACH == 0:
            path = folder / f"history/{segment_name(BEGIN + number * 1000)}.jsonl"
            path.parent.mkdir(parents=True, exist_ok=True)
            begin = Checkpoint(
                time=BEGIN + number * 1000, monotonic_seconds=1000.0 + number, boot_id="b",
                epoch=EPOCH, seq=seq, state=state, catalogue=None if number else told,
                catalogue_id="0" * 16,
            )  # fmt: skip
            path.write_bytes(begin.line())
        for line in said:
            one = parse(line)
            seq = one.seq or seq
            state = tree.apply(state, one.name, tree.freeze(one.data))
        with path.open("ab") as file:
            file.write(b"".join(said))
    return folder / "history"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record(tmp_path_factory.mktemp("made"))


@pytest.fixture
def sources(made: Path) -> tuple[Source, ...]:
    return sources_of([made])


def configured(change: Callable[[Entry, Rule], Rule] = lambda _, rule: rule) -> list[MetricConfig]:
    return [
        MetricConfig(
            entry=entry, enabled=True, interval=entry.metric.interval,
            rules=tuple(change(entry, rule) for rule in entry.metric.rules),
            options=entry.metric.options(),
        )
        for entry in catalogue.load()
    ]  # fmt: skip


def cpu_above(threshold: float) -> Callable[[Entry, Rule], Rule]:
    def change(entry: Entry, rule: Rule) -> Rule:
        cpu = entry.name == "cpu" and getattr(rule, "field", "") == "used_percent"
        return with_threshold(rule, "warning", threshold) if cpu else rule

    return change


def test_the_same_version_comes_to_the_same_states(sources: tuple[Source, ...]) -> None:
    rehearsal = Rehearsal(configured(), thresholds=False)
    segments = list(rehearsal.run(sources))
    assert [s.differences for s in segments] == [(), (), ()]
    assert all(s.recorded == s.rehearsed and not s.missing for s in segments)
    assert len({s.recorded for s in segments}) == 3
    assert [v.key for v in rehearsal.was] == [v.key for v in rehearsal.would]
    assert [v.time for v in rehearsal.was] == [v.time for v in rehearsal.would]
    assert len(rehearsal.was) > 1
    assert rehearsal.unjudged == {}


@pytest.mark.parametrize("first", [1, 2])
def test_begun_in_the_middle_it_comes_to_the_same(sources: tuple[Source, ...], first: int) -> None:
    told = [entry.describe() for entry in catalogue.load()]
    rehearsal = Rehearsal(configured(), thresholds=False, catalogue=told)
    assert [s.differences for s in rehearsal.run(sources[first:])] == [()] * (3 - first)
    assert [v.key for v in rehearsal.was][-1] == [v.key for v in rehearsal.would][-1]


def test_columns_come_to_the_same_as_text(sources: tuple[Source, ...], tmp_path: Path) -> None:
    hashes = [s.rehearsed for s in Rehearsal(configured(), thresholds=False).run(sources)]
    for source in sources:
        path = tmp_path / f"{source.name}.events"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(encode(source.path.read_bytes()))
    again = Rehearsal(configured(), thresholds=False).run(sources_of([tmp_path]))
    assert [s.rehearsed for s in again] == hashes


def test_recorded_thresholds_count_whatever_is_configured(sources: tuple[Source, ...]) -> None:
    rehearsal = Rehearsal(configured(cpu_above(0.0)), thresholds=False)
    assert not any(s.differences for s in rehearsal.run(sources))


def test_other_thresholds_find_what_they_should(sources: tuple[Source, ...]) -> None:
    metrics = configured(cpu_above(30.0))
    rehearsal = Rehearsal(metrics, thresholds=True)
    segments = list(rehearsal.run(sources))
    assert list(thresholds_that_differ(metrics, rehearsal.catalogue)) == [
        ("metrics.cpu.used_percent_warning", 30.0, None)
    ]
    problem = ("cpu", None, "used_percent", "warning")
    assert not any(problem in verdict.problems for verdict in rehearsal.was)
    figures = {}
    for source in sources:
        for line in source.lines():
            one = json.loads(line)
            if one["name"] == "system.cpu.usage.updated":
                figures[one["time"]] = one["data"]["used_percent"] >= 30.0
    found = {}
    for verdict in rehearsal.would:
        found[f"{verdict.time.isoformat(timespec='milliseconds')[:23]}Z"] = (
            problem in verdict.problems
        )
    assert len(found) > 5
    for time, holds in found.items():
        assert figures.get(time, holds) == holds, time
    assert any(s.differences and s.differences[0].startswith("health.") for s in segments)


def test_a_version_that_judges_otherwise_is_told(
    sources: tuple[Source, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    say = HealthProcess._say

    def otherwise(self: HealthProcess, ctx: Any, evt: Any) -> None:
        for metric in self._metrics.values():
            for each in metric.problems.values():
                each.subject = f"the {each.subject}"
        say(self, ctx, evt)

    monkeypatch.setattr(HealthProcess, "_say", otherwise)
    for segment in Rehearsal(configured(), thresholds=False).run(sources):
        assert segment.recorded != segment.rehearsed
        assert {path.partition(".")[0] for path in segment.differences} == {"health"}


def test_what_is_missing_is_said_and_the_rest_compared(made: Path, tmp_path: Path) -> None:
    copies = []
    for number, source in enumerate(sources_of([made])):
        path = tmp_path / source.path.relative_to(made)
        path.parent.mkdir(exist_ok=True)
        lines = source.path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join(lines[:-7] if number == 0 else lines[:50] + lines[53:]))
        copies.append(path)
    segments = list(Rehearsal(configured(), thresholds=False).run(sources_of([tmp_path])))
    assert [s.missing for s in segments] == [0, 10, 3]


def test_metrics_that_were_not_recorded_are_not_judged(sources: tuple[Source, ...]) -> None:
    told = [e.describe() for e in catalogue.load() if e.name != "cpu"]
    rehearsal = Rehearsal(configured(cpu_above(0.0)), thresholds=True, catalogue=told)
    list(rehearsal.run(sources[1:]))
    assert not any(p[0] == "cpu" for v in rehearsal.would for p in v.problems)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("system.cpu.usage.updated", {}),
        ("system.cpu.usage.updated", [1]),
        ("system.disk.usage.updated", {"mounts": [1]}),
        ("collector.heartbeat", {}),
        ("collector.metrics.cpu.updated", None),
        ("collector.configured", {"changed": 7}),
        ("health.updated", {"status": "x"}),
        ("health.x.updated", 1),
        ("system.updated", 1),
    ],
)
def test_what_others_recorded_is_passed_over(tmp_path: Path, name: str, data: Any) -> None:
    path = tmp_path / "a.jsonl"
    one = {"time": "2026-01-01T12:00:00.000Z", "name": name, "data": data, "seq": 1}
    path.write_text(f"{json.dumps(one, separators=(',', ':'))}\ngarbage\n")
    (segment,) = Rehearsal(configured(cpu_above(0.0)), thresholds=False).run(sources_of([path]))
    assert segment.events == 1
