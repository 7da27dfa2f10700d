"""The queue between the dispatcher and a writer that may be slow, failing or gone."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from health_collectord.messages import (
    CollectorEventsDropped,
    CollectorHeartbeat,
    CollectorSinkDegraded,
    CollectorSinkRecovered,
)
from health_collectord.sinks import queued
from health_collectord.sinks.queued import QueuedSink, Record
from hypothesis import given
from hypothesis import strategies as st

from tests.doubles import Context, Note, sequenced
from tests.running import wait_for

BEAT = CollectorHeartbeat(monotonic_seconds=1.0, uptime_seconds=1.0)
BAD = CollectorEventsDropped(count=1)


class TestedSink(QueuedSink):
    """Fails while `error` is set, and waits while `go_on` is not."""

    __test__ = False
    name = "tested"

    def __init__(self, limit: int = 5000) -> None:
        super().__init__(limit)
        self.error: OSError | None = None
        self.go_on = threading.Event()
        self.go_on.set()
        self.lines: list[bytes] = []
        self.writes = 0
        self.closed = False

    def write(self, batch: list[Record]) -> int:
        self.writes += 1
        assert self.go_on.wait(10)
        if self.error is not None:
            raise self.error
        self.lines += [line for _, line in batch]
        return len(batch)

    def close(self) -> None:
        self.closed = True


@contextmanager
def started(sink: TestedSink) -> Iterator[Context]:
    ctx = Context()
    sink.start(ctx)
    try:
        yield ctx
    finally:
        sink.go_on.set()
        sink.stop()
    assert not sink.alive
    assert sink.closed


def numbers(sink: TestedSink) -> list[int]:
    return [int(n) for n in re.findall(rb'"number":(\d+),', b"".join(sink.lines))]


def feed(sink: TestedSink, first: int, last: int) -> None:
    for n in range(first, last + 1):
        sink.handle(sequenced(Note(n), n))


def test_what_came_since_the_last_look_is_one_write() -> None:
    sink = TestedSink()
    sink.pause = 0.2
    with started(sink):
        feed(sink, 1, 20)
        wait_for(lambda: sink.lines)
        assert (len(sink.lines), sink.writes) == (20, 1)


def test_nothing_is_written_where_nothing_came() -> None:
    sink = TestedSink()
    sink.pause = 0.01
    with started(sink):
        sink.flush()
        feed(sink, 1, 1)
        wait_for(lambda: sink.lines)
        assert sink.writes == 1


def test_where_lines_are_few_each_is_written_at_once() -> None:
    sink = TestedSink()
    sink.pause = None
    with started(sink):
        for n in (1, 2, 3):
            feed(sink, n, n)
            wait_for(lambda n=n: len(sink.lines) == n)


def test_what_is_worse_than_usual_is_written_at_once() -> None:
    sink = TestedSink()
    with started(sink):
        feed(sink, 1, 2)
        sink.handle(sequenced(BAD, 3))
        wait_for(lambda: len(sink.lines) == 3)


def test_what_waits_is_written_at_the_end() -> None:
    sink = TestedSink()
    with started(sink):
        feed(sink, 1, 2500)
        assert sink.lines == []
    assert numbers(sink) == list(range(1, 2501))
    assert sink.writes == 3


def test_a_failing_sink_says_so_once_and_writes_what_waited_when_it_can(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(queued, "_RETRY_SECONDS", 0.0)
    sink = TestedSink()
    sink.error = OSError(28, "No space left on device", "/data/x.jsonl")
    with started(sink) as ctx:
        feed(sink, 1, 3)
        for n in range(3):
            sink.handle(sequenced(BEAT, 4))
            sink.flush()
            wait_for(lambda n=n: sink.writes > n)
        degraded = CollectorSinkDegraded(
            sink="tested", error="/data/x.jsonl: No space left on device", lost=0
        )
        assert ctx.payloads == [degraded]
        sink.error = None
        sink.handle(sequenced(BEAT, 5))
        sink.flush()
        wait_for(lambda: len(ctx.payloads) == 2)
        assert ctx.payloads[1] == CollectorSinkRecovered(sink="tested", lost=0)
        assert numbers(sink) == [1, 2, 3]
        sink.error = OSError("again")
        sink.handle(sequenced(BEAT, 6))
        sink.flush()
        wait_for(lambda: len(ctx.payloads) == 3)
        assert ctx.payloads[2] == CollectorSinkDegraded(sink="tested", error="again", lost=0)


def test_while_it_fails_it_is_tried_seldom() -> None:
    sink = TestedSink()
    sink.error = OSError("no")
    with started(sink) as ctx:
        for n in range(20):
            sink.handle(sequenced(BEAT, n + 1))
            sink.flush()
            sink.handle(sequenced(BAD, n + 1))
        wait_for(lambda: ctx.payloads)
        for n in range(20):
            sink.handle(sequenced(BEAT, n + 1))
            sink.flush()
        assert sink.writes == 1


def test_beyond_the_limit_the_oldest_stay_and_the_rest_is_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(queued, "_RETRY_SECONDS", 0.0)
    sink = TestedSink(limit=10)
    sink.error = OSError("no")
    with started(sink) as ctx:
        feed(sink, 1, 5)
        sink.handle(sequenced(BEAT, 6))
        sink.flush()
        wait_for(lambda: ctx.payloads)
        feed(sink, 7, 30)
        sink.error = None
        sink.handle(sequenced(BEAT, 31))
        sink.flush()
        wait_for(lambda: len(ctx.payloads) == 2)
    assert numbers(sink) == [1, 2, 3, 4, 5, 7, 8, 9, 10]
    assert ctx.payloads[1] == CollectorSinkRecovered(sink="tested", lost=21)


def test_a_slow_sink_says_that_it_drops_and_how_many_it_did() -> None:
    sink = TestedSink(limit=10)
    sink.go_on.clear()
    with started(sink) as ctx:
        sink.handle(sequenced(BEAT, 1))
        sink.flush()
        wait_for(lambda: sink.writes == 1)
        feed(sink, 2, 50)
        error = "records come faster than they can be written"
        assert ctx.payloads == [CollectorSinkDegraded(sink="tested", error=error, lost=1)]
        sink.go_on.set()
        wait_for(lambda: len(ctx.payloads) == 2)
        assert ctx.payloads[1] == CollectorSinkRecovered(sink="tested", lost=40)
        assert numbers(sink) == list(range(2, 11))


def test_a_stuck_writer_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queued, "_STOP_SECONDS", 0.1)
    sink = TestedSink()
    sink.go_on.clear()
    sink.start(Context())
    sink.handle(sequenced(BEAT, 1))
    sink.flush()
    wait_for(lambda: sink.writes == 1)
    sink.stop()
    assert sink.alive
    sink.go_on.set()
    wait_for(lambda: not sink.alive)


def test_what_cannot_be_written_at_the_end_is_not_told_to_the_departed() -> None:
    sink = TestedSink()
    sink.error = OSError("no")
    with started(sink) as ctx:
        feed(sink, 1, 3)
    assert ctx.payloads == []


def test_a_sink_that_never_started_can_be_stopped() -> None:
    TestedSink().stop()


@given(st.lists(st.sampled_from(["note", "beat", "bad", "fail", "work"]), max_size=60))
def test_nothing_is_lost_or_doubled_while_there_is_room(steps: list[str]) -> None:
    sink = TestedSink()
    expected = []
    with started(sink):
        for seq, step in enumerate(steps, 1):
            if step == "fail":
                sink.error = OSError("no")
            elif step == "work":
                sink.error = None
            else:
                payload = {"note": Note(seq), "beat": BEAT, "bad": BAD}[step]
                evt = sequenced(payload, seq)
                sink.handle(evt)
                expected.append(evt.record)
        sink.error = None
    assert sink.lines == expected


def test_what_waits_is_written_when_somebody_wants_to_read_it() -> None:
    sink = TestedSink()
    sink.pause = 60.0
    with started(sink):
        assert sink.settle(0.0), "nothing waits"
        feed(sink, 1, 3)
        assert sink.settle(10.0)
        assert numbers(sink) == [1, 2, 3]
        sink.go_on.clear()
        feed(sink, 4, 4)
        assert not sink.settle(0.01)
        sink.error = OSError(28, "No space left on device")
        sink.go_on.set()
        wait_for(lambda: sink._failing)
        assert not sink.settle(60.0), "it is not waited for"
