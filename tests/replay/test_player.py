from typing import Any

import pytest
from bussdcc import Event, Message, message
from health_collectord.events import SequencedEvent
from health_collectord.replay.player import Player, ReplayBus, ReplayClock, ReplayJumped
from health_collectord.replay.recording import Recorded

from tests.doubles import Context, ManualClock, Note, at, event


def recorded(name: str, seconds: float, data: Any = None) -> Event[Message]:
    return event(Recorded(name, data), seconds)


class Play:
    """A player with a clock that is set by hand; what it has said, and when."""

    def __init__(self, *events: Event[Message], known: Any = (), speed: float = 1.0) -> None:
        self.clock = ManualClock()
        self.ctx = Context(self.clock)
        self.recorded_time = ReplayClock()
        self.ends = 0
        self.player = Player(
            self.recorded_time, known, iter(events), speed=speed, ended=self._ended
        )

    def _ended(self) -> None:
        self.ends += 1

    def run(self, ticks: int = 50) -> list[tuple[float, Message]]:
        """Each message with the seconds after which it was said."""
        said: list[tuple[float, Message]] = []
        for _ in range(ticks):
            count = len(self.ctx.emitted)
            self.player.tick(self.ctx)
            now = round(self.clock.monotonic() - self.clock.origin, 6)
            said += [(now, e.payload) for e in self.ctx.emitted[count:]]
            if self.ends:
                return said
            self.clock.advance(self.player.interval)
        raise AssertionError("it does not end")


def whens(said: list[tuple[float, Message]]) -> list[float]:
    return [when for when, _ in said]


def test_recorded_pauses_are_kept() -> None:
    play = Play(recorded("a", 0), recorded("b", 0), recorded("c", 1.2), recorded("d", 3.2))
    assert whens(play.run()) == [0, 0, 1.2, 3.2]
    assert play.ends == 1


def test_speed_divides_them() -> None:
    play = Play(recorded("a", 0), recorded("b", 1), recorded("c", 3), speed=10.0)
    assert whens(play.run()) == [0, 0.1, 0.3]


def test_a_day_is_no_deeper_than_a_minute() -> None:
    play = Play(*(recorded("a", n) for n in range(86_400)), speed=1000.0)
    assert len(play.run(ticks=100_000)) == 86_400


def test_who_is_late_can_be_stopped_all_the_same() -> None:
    play = Play(*(recorded("a", 0) for _ in range(5000)))
    play.player.tick(play.ctx)
    assert 0 < len(play.ctx.emitted) < 5000
    assert play.player.interval == 0
    assert len(play.ctx.emitted) + len(play.run()) == 5000


def test_work_between_two_events_does_not_delay_the_third() -> None:
    play = Play(*(recorded("a", n) for n in range(10)))
    tick = play.player.tick

    def slow(ctx: Any) -> None:
        tick(ctx)
        play.clock.advance(0.3)
        play.player.interval = max(play.player.interval - 0.3, 0.0)

    play.player.tick = slow  # type: ignore[method-assign]
    assert whens(play.run())[-1] <= 9.3


@pytest.mark.parametrize("jump", [3600.0, -3600.0, 3.5, -1.5])
def test_a_jump_is_told_and_not_slept_through(jump: float) -> None:
    play = Play(
        recorded("a", 0), recorded("b", 1), recorded("c", 1 + jump), recorded("d", 2 + jump)
    )
    said = play.run()
    assert whens(said) == [0, 1, 1, 1, 2]
    assert said[2][1] == ReplayJumped(
        since=f"{at(1).isoformat(timespec='milliseconds')[:23]}Z",
        until=f"{at(1 + jump).isoformat(timespec='milliseconds')[:23]}Z",
        seconds=jump,
    )
    assert [e.time for e in play.ctx.emitted[2:]] == [at(1 + jump)] * 2 + [at(2 + jump)]


def test_events_of_two_threads_may_be_out_of_order() -> None:
    play = Play(recorded("a", 0.004), recorded("b", 0), recorded("c", 1))
    assert whens(play.run()) == [0, 0, 0.996]


def test_the_date_is_the_recordings() -> None:
    play = Play(recorded("a", 0), recorded("b", 2))
    play.player.tick(play.ctx)
    assert play.recorded_time.now_utc() == at(0)
    play.clock.advance(2)
    play.player.tick(play.ctx)
    assert play.recorded_time.now_utc() == at(2)


def test_what_was_known_comes_at_once() -> None:
    known = [recorded("a.updated", -90, 1), recorded("b.updated", -7, 1)]
    play = Play(recorded("c", 0), known=known)
    assert whens(play.run()) == [0, 0, 0]
    assert [e.time for e in play.ctx.emitted] == [at(-90), at(-7), at(0)]


def test_where_the_recorded_collector_starts_anew_so_does_the_state() -> None:
    play = Play(
        recorded("system.a.updated", 0, {"x": 1}),
        recorded("note", 0),
        recorded("system.identity", 1, {"y": 1}),
        recorded("runtime.booting", 2),
        recorded("system.a.updated", 2, {"x": 2}),
        recorded("runtime.booting", 3),
    )
    assert [m for _, m in play.run()][3:] == [
        Recorded("system.a.updated", None),
        Recorded("system.identity", None),
        Recorded("runtime.booting", None),
        Recorded("system.a.updated", {"x": 2}),
        Recorded("system.a.updated", None),
        Recorded("runtime.booting", None),
    ]


def test_its_end_is_told_once() -> None:
    play = Play()
    play.run()
    play.player.tick(play.ctx)
    assert play.ends == 1


def test_the_bus_numbers_what_is_replayed_and_shows_nothing_else() -> None:
    bus = ReplayBus()
    everything: list[tuple[int, str]] = []
    failures: list[str] = []

    def note(evt: Event[Message]) -> None:
        assert isinstance(evt, SequencedEvent)
        everything.append((evt.seq, evt.name))

    def watch(evt: Event[Message]) -> None:
        failures.append(str(evt.payload))

    bus.subscribe(Message, note)
    bus.subscribe(message.ServiceFailure, watch)
    bus.emit(event(message.RuntimeBooted(version="1")))
    bus.emit(recorded("runtime.booted", 0))
    bus.emit(event(Note(1)))
    bus.emit(event(message.ServiceFailure(service="player", error="broken", traceback="")))
    bus.emit(event(ReplayJumped(since="a", until="b", seconds=1.0)))
    assert everything == [(1, "runtime.booted"), (2, "collector.replay.jumped")]
    assert len(failures) == 1
    assert "broken" in failures[0]
