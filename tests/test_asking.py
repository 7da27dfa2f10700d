"""A bounded number of threads, whoever does not answer, and nobody asked twice."""

import threading
from collections.abc import Iterator

import pytest
from health_collectord.asking import Asking, Question

from tests.running import wait_for

NAME = "statvfs test"


@pytest.fixture
def silence() -> Iterator[threading.Event]:
    """Those who are asked answer when it is over."""
    over = threading.Event()
    yield over
    over.set()
    wait_for(lambda: not ours(), "a thread is left behind")


def ours() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name in (NAME, "asking")]


def dead(number: int, over: threading.Event, server: str | None) -> Question[int]:
    def call() -> int:
        assert over.wait(60)
        return number

    return Question(("dead", str(number)), call, name=NAME, server=server)


def sound(name: str, server: str | None = None) -> Question[int]:
    return Question(("sound", name), lambda: 7, name=NAME, server=server)


def test_answers_and_errors() -> None:
    def fail() -> int:
        raise OSError(5, "Input/output error")

    def odd() -> int:
        raise ValueError("embedded null byte")

    got = Asking[int](60.0).ask(
        [sound("a"), Question(("b", ""), fail), Question(("c", ""), odd), sound("d", "nas")]
    )
    assert [(q.asked, q.done, q.answer) for q in got.values()] == [
        (True, True, 7), (True, True, None), (True, True, None), (True, True, 7),
    ]  # fmt: skip
    assert str(got["c", ""].error) == "embedded null byte"
    assert Asking[int](60.0).ask([]) == {}


def test_a_dead_server_takes_two_threads_whatever_it_has(silence: threading.Event) -> None:
    asking = Asking[int](1.0)
    questions = [*(dead(i, silence, "nas") for i in range(120)), sound("x", "other"), sound("/")]
    got = asking.ask(questions)
    assert got["sound", "/"].answer == got["sound", "x"].answer == 7
    assert sum(q.asked for q in got.values() if not q.done) == 2
    assert len(ours()) <= 3
    again = asking.ask([*(dead(i, silence, "nas") for i in range(120)), sound("/")])
    assert again["sound", "/"].answer == 7
    assert again["dead", "0"] is got["dead", "0"]  # remembered, and not asked a second time
    assert sum(q.asked for q in again.values() if not q.done) == 2


@pytest.mark.parametrize("local", [False, True])
def test_many_dead_ones_take_a_bounded_number_of_threads(
    silence: threading.Event, local: bool
) -> None:
    asking = Asking[int](1.0)
    for _ in range(3):
        others = [dead(i, silence, None if local else f"nas{i}") for i in range(60)]
        mine = sound("/", "here" if local else None)
        got = asking.ask([mine, *others])
        assert got[mine.key].answer == 7
        assert sum(q.asked and not q.done for q in got.values()) <= 16
        assert len(ours()) <= 17


def test_who_answers_at_last_is_asked_again(silence: threading.Event) -> None:
    asking = Asking[int](0.2)
    assert not asking.ask([dead(1, silence, "nas")])["dead", "1"].done
    silence.set()
    wait_for(lambda: not ours(), "it has answered")
    assert asking.ask([sound("1", "nas")])["sound", "1"].answer == 7


def test_no_thread_to_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    """TasksMax is reached."""

    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    got = Asking[int](60.0).ask([sound("/")])
    assert (got["sound", "/"].asked, got["sound", "/"].done) == (False, False)
