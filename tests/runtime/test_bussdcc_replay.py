"""The table "On bussdcc" of the design, its row about replay: see test_bussdcc_rows.py."""

import threading

import pytest
from bussdcc import Message, message
from bussdcc.runtime.replay import ReplayRuntime
from health_collectord.replay.player import Player, ReplayBus, ReplayClock
from health_collectord.replay.recording import Recorded
from health_collectord.runtime.runtime import CollectorRuntime

from tests.doubles import ListSink, event

LONG = 5.0
RECORDED = (
    event(Recorded("system.load.updated", {"load1": 0.5})),
    event(Recorded("system.load.updated", {"load1": 0.6}), 3600.0),  # the clock was set in between
)


def test_plain_replay_mixes_its_own_life_with_what_was_recorded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bussdcc.clock.replay_clock.time.sleep", lambda _: None)
    runtime = ReplayRuntime()
    seen: list[type] = []
    runtime.events.subscribe(Message, lambda evt: seen.append(type(evt.payload)))
    runtime.replay(RECORDED)  # type: ignore[arg-type] # a tuple of events is a source of them
    assert message.RuntimeBooted in seen[: seen.index(Recorded)]
    assert seen.count(Recorded) == 2


def test_plain_replay_sleeps_through_a_jump_of_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("bussdcc.clock.replay_clock.time.sleep", slept.append)
    ReplayRuntime().replay(RECORDED)  # type: ignore[arg-type]
    assert slept == [3600.0]


def test_replay_shows_what_was_recorded_alone_and_tells_a_jump_at_once() -> None:
    clock, sink, over = ReplayClock(), ListSink(), threading.Event()
    runtime = CollectorRuntime(clock=clock, events=ReplayBus(), sinks=[sink])
    player = Player(clock, (), iter(RECORDED), speed=1.0, ended=over.set)
    runtime.services.register(player)
    runtime.boot()
    assert over.wait(LONG)
    runtime.shutdown()
    assert sink.names == [
        "system.load.updated",
        "collector.replay.jumped",
        "system.load.updated",
    ]
    assert sink.seqs == [1, 2, 3]
