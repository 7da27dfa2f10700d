import threading
from collections.abc import Callable
from functools import partial
from time import monotonic

import pytest
from health_collectord.workers import NOT_YET, Reading, Workers

from tests.running import wait_for


def threads(name: str) -> int:
    return sum(thread.name == name for thread in threading.enumerate())


def test_work_is_done_and_its_threads_end() -> None:
    workers = Workers("quick", 2)
    done: list[int] = []
    works = [workers.do(partial(done.append, n)) for n in range(100)]
    for work in works:
        assert work.wait(monotonic() + 10)
        assert work.begun
    assert sorted(done) == list(range(100))
    wait_for(lambda: threads("quick") == 0)


def test_what_never_returns_keeps_its_thread_and_no_more() -> None:
    workers = Workers("bounded", 3)
    free = threading.Event()
    stuck = [workers.do(lambda: free.wait() and None) for _ in range(2)]
    wait_for(lambda: all(work.begun for work in stuck))
    assert workers.do(lambda: None).wait(monotonic() + 10)
    more = [workers.do(lambda: free.wait() and None) for _ in range(50)]
    wait_for(lambda: more[0].begun)
    assert threads("bounded") == 3
    assert not any(work.begun for work in more[1:])
    free.set()
    for work in (*stuck, *more):
        assert work.wait(monotonic() + 10)
    wait_for(lambda: threads("bounded") == 0)


def test_without_a_thread_to_be_had_work_waits_for_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    workers = Workers("refused", 1)

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        waiting = workers.do(lambda: None)
    assert not waiting.begun
    assert workers.do(lambda: None).wait(monotonic() + 10)
    assert waiting.done


def asked(reading: Reading[int], now: float, workers: Workers) -> None:
    reading.ask(now, workers)
    reading.wait(monotonic() + 10)


def counting() -> Callable[[], int]:
    numbers = iter(range(1000))
    return lambda: next(numbers)


def test_what_was_quick_is_read_at_once() -> None:
    reading, workers = Reading(counting()), Workers("reading", 1)
    assert not reading.joins()
    asked(reading, 0.0, workers)
    assert (reading.last(0.5), reading.answered) == ((0, pytest.approx(0.5, abs=0.4)), True)
    assert reading.joins()
    assert not reading.apart


def test_what_is_known_to_be_slow_is_read_apart_at_its_pace() -> None:
    reading, workers = Reading(counting(), slow=True), Workers("reading", 1)
    for now in (0.0, 0.5, 1.0, 1.5, 2.0):
        asked(reading, now, workers)
        assert not reading.joins()
    assert reading.last(2.0)[0] == 2  # once a second: it is not that slow


@pytest.mark.parametrize(
    ("took", "pause"),
    [(0.11, 3.3), (0.75, 22.5), (1.0, 30.0), (2.0, 60.0), (3600.0, 60.0)],
)
def test_what_was_slow_once_is_read_apart_from_then_on(took: float, pause: float) -> None:
    reading, workers = Reading(counting()), Workers("reading", 1)
    asked(reading, 0.0, workers)
    assert reading.joins()
    reading.judge(1, 1.0, 0.1)
    assert not reading.apart
    reading.judge(7, 2.0, took)
    assert reading.apart
    assert not reading.joins()
    assert reading.last(2.0 + pause - 0.01) == (7, pytest.approx(pause - 0.01))
    asked(reading, 2.0 + pause - 0.01, workers)
    assert reading.last(2.0 + pause)[0] == 7
    asked(reading, 2.0 + pause, workers)
    assert reading.last(2.0 + pause)[0] == 1
    assert not reading.joins()  # though it was quick this time


def test_what_does_not_answer_says_so_once_its_last_is_too_old() -> None:
    free = threading.Event()
    answers = iter([1])
    reading: Reading[int] = Reading(
        lambda: next(answers, None) or (free.wait() and 2) or 2, slow=True
    )
    workers = Workers("reading", 1)
    asked(reading, 0.0, workers)
    reading.ask(1.0, workers)
    assert reading.last(4.9)[0] == 1
    assert reading.last(15.0) == "does not answer"
    reading.ask(100.0, workers)  # nobody is sent after it
    free.set()
    reading.wait(monotonic() + 10)
    assert reading.last(2.0)[0] == 2


def test_a_first_reading_is_waited_for_a_while() -> None:
    free = threading.Event()
    workers = Workers("reading", 1)
    first, second = (Reading(lambda: free.wait() and 1) for _ in range(2))
    first.ask(0.0, workers)
    second.ask(0.0, workers)
    assert (first.last(10.0), second.last(10.0)) == (NOT_YET, NOT_YET)
    wait_for(lambda: first.last(10.1) == "does not answer")
    assert second.last(10.1) == "not read: others do not answer"
    free.set()
    second.wait(monotonic() + 10)
    assert second.last(2.0)[0] == 1
