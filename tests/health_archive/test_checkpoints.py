"""Any moment's state: the same bytes as a snapshot had in them then."""

import json
import random
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from health_archive.checkpoints import (
    Checkpoint,
    Moment,
    catalogue_id,
    read_checkpoint,
    state_at,
)
from health_archive.lines import parse, time_text
from health_wire import tree
from health_wire.tree import EMPTY, FrozenDict
from hypothesis import given
from hypothesis import strategies as st

from tests.health_archive.made import EPOCH, MadeHost

BEGIN = 1767268800000


def dumps(state: Any) -> str:
    return json.dumps(state, ensure_ascii=False, separators=(",", ":"))


def event(seq: int, name: str, data: Any, time: int | None = None) -> bytes:
    time = BEGIN + 1000 * seq if time is None else time
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
    line = f'{{"time":"{time_text(time)}","name":"{name}","data":{text},"seq":{seq}}}\n'
    return line.encode()


def checkpoint(seq: int, state: FrozenDict = EMPTY, epoch: str = EPOCH, **other: Any) -> Checkpoint:
    values: dict[str, Any] = {
        "time": BEGIN + 1000 * seq, "monotonic_seconds": 1000.25 + seq, "boot_id": "b",
        "catalogue": None, "catalogue_id": catalogue_id([]), **other,
    }  # fmt: skip
    return Checkpoint(epoch=epoch, seq=seq, state=state, **values)


class Live:
    """What a collector's store has in it, event by event."""

    def __init__(self, state: FrozenDict = EMPTY) -> None:
        self.state = state

    def apply(self, line: bytes) -> FrozenDict:
        record = parse(line)
        with suppress(ValueError):
            self.state = tree.apply(self.state, record.name, tree.freeze(record.data))
        return self.state


def test_a_checkpoint_comes_back() -> None:
    state = tree.freeze({"a": {"b": [1.0, None, "é\n"]}, "c": 1e-7})
    given_ = checkpoint(7, state, catalogue=tree.freeze([{"name": "cpu"}]))
    line = given_.line()
    assert line.endswith(b"}\n")
    assert line.count(b"\n") == 1
    found = read_checkpoint(line)
    assert found is not None
    assert dumps(found.state) == dumps(state)
    assert found.catalogue == [{"name": "cpu"}]
    assert (found.epoch, found.seq, found.time) == (EPOCH, 7, BEGIN + 7000)
    assert parse(line).seq is None


def test_another_event_is_no_checkpoint_and_another_form_is_refused() -> None:
    assert read_checkpoint(event(1, "a.updated", {})) is None
    later = checkpoint(1).line().replace(b'"version":1', b'"version":2')
    with pytest.raises(ValueError, match="not a checkpoint of a form that is known here"):
        read_checkpoint(later)


def test_a_catalogue_is_known_by_what_it_says() -> None:
    assert catalogue_id([{"a": 1}]) == catalogue_id([{"a": 1}]) != catalogue_id([{"a": 2}])


def test_the_state_is_the_snapshots_at_every_moment(tmp_path: Path) -> None:
    live, lines, snapshots = Live(), [], list[tuple[int, int, str]]()
    for second, said in enumerate(MadeHost(tmp_path, "pi4").record(40)):
        if second == 20:
            seq = parse(lines[-1]).seq
            assert seq is not None
            time = parse(said[0]).time
            lines = [checkpoint(seq, live.state, time=time).line()]
            snapshots.clear()
        for line in said:
            lines.append(line)
            live.apply(line)
        record = parse(said[-1])
        snapshots.append((record.time, record.seq or 0, dumps(live.state)))
    chance = random.Random(1)
    for time, seq, state in chance.sample(snapshots, 12):
        moment = state_at(lines, time + chance.randint(0, 900))
        assert moment is not None
        assert (moment.epoch, moment.seq, moment.whole) == (EPOCH, seq, True)
        assert dumps(moment.state) == state


NAMES = st.sampled_from(
    ["a.updated", "a.b.updated", "a.b.c.updated", "d.updated", "system.identity", "x",
     "a-b.updated", "runtime.started"]
)  # fmt: skip
DATA = st.one_of(st.none(), st.integers(0, 9), st.fixed_dictionaries({"k": st.integers(0, 9)}))


@given(st.lists(st.tuples(NAMES, DATA), max_size=12), st.integers(0, 13))
def test_states_within_states_are_as_they_were(events: list[tuple[str, Any]], at: int) -> None:
    lines = [event(seq, name, data) for seq, (name, data) in enumerate(events, 1)]
    live = Live()
    for line in lines[:at]:
        live.apply(line)
    moment = state_at([checkpoint(0).line(), *lines], BEGIN + 1000 * at)
    assert moment is not None
    assert dumps(moment.state) == dumps(live.state)
    assert moment.seq == min(at, len(lines))


def test_before_the_first_event_there_is_nothing() -> None:
    assert state_at([], BEGIN) is None
    assert state_at([event(1, "a.updated", 1)], BEGIN) is None


def test_a_record_of_version_1_0_says_its_epoch_and_is_whole_from_the_first_event() -> None:
    started = {"version": "1.0.0", "host": "h", "epoch": EPOCH, "interval_seconds": 1.0}
    lines = [
        event(1, "runtime.booting", {}), event(2, "collector.started", started),
        event(3, "a.updated", 5),
    ]  # fmt: skip
    later = BEGIN + 10**6
    assert state_at(lines, later) == Moment(BEGIN + 3000, EPOCH, 3, FrozenDict(a=5), True)
    assert state_at(lines[2:], later) == Moment(BEGIN + 3000, None, 3, FrozenDict(a=5), False)


def test_what_is_missing_in_between_is_told_until_the_next_checkpoint() -> None:
    lines = [checkpoint(0).line(), event(1, "a.updated", 1), event(3, "b.updated", 2)]
    found = state_at(lines, BEGIN + 3000)
    assert found == Moment(BEGIN + 3000, EPOCH, 3, FrozenDict(a=1, b=2), False)
    whole = [*lines, checkpoint(3, FrozenDict(a=7)).line(), event(4, "b.updated", 3)]
    found = state_at(whole, BEGIN + 4000)
    assert found == Moment(BEGIN + 4000, EPOCH, 4, FrozenDict(a=7, b=3), True)


def test_another_epoch_begins_with_nothing() -> None:
    before = [checkpoint(8, FrozenDict(a=1)).line(), event(9, "b.updated", 1)]
    other = "0" * 32
    with_checkpoint = [checkpoint(0, epoch=other, time=BEGIN + 9500).line()]
    after = [
        event(1, "runtime.booting", {}, BEGIN + 10000),
        event(2, "c.updated", 2, BEGIN + 11000),
    ]
    whole = FrozenDict(c=2)
    found = state_at([*before, *with_checkpoint, *after], BEGIN + 20000)
    assert found == Moment(BEGIN + 11000, other, 2, whole, True)
    found = state_at([*before, *after], BEGIN + 20000)
    assert found == Moment(BEGIN + 11000, None, 2, whole, True)
    lost = [event(5, "c.updated", 2, BEGIN + 11000)]  # whose beginning is not there
    found = state_at([*before, *lost], BEGIN + 20000)
    assert found == Moment(BEGIN + 11000, None, 5, whole, False)


def test_where_the_clock_went_back_the_later_event_counts() -> None:
    times = (100, 200, 300, 150, 250)
    lines = [event(i, "a.updated", i, BEGIN + t) for i, t in enumerate(times, 1)]
    lines.insert(0, checkpoint(0).line())

    def seq(at: int) -> int:
        moment = state_at(lines, BEGIN + at)
        assert moment is not None
        return moment.seq

    assert [seq(t) for t in (100, 149, 150, 200, 250, 300)] == [1, 1, 4, 4, 5, 5]


def test_a_line_that_is_no_record_is_passed_over() -> None:
    lines = [
        checkpoint(0).line(), event(1, "a.updated", 1), b"\x00" * 40, b"{\n",
        b'{"time":"2026-01-01T12:00:02.000Z","name":"a.updated","data":{oops,"seq":2}\n',
        event(3, "b.updated", 3),
    ]  # fmt: skip
    moment = state_at(lines, BEGIN + 5000)
    assert moment is not None
    assert moment.state == {"a": 1, "b": 3}
