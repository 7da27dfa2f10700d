"""Turns: in the order of who has had the least, with a look round the loop between them."""

import gevent
from health_webui.following.shares import TURN_BYTES, Share, Shares


def test_a_quiet_one_need_not_wait() -> None:
    share = Share(Shares())
    gevent.spawn(share.take, 1000).get(timeout=5)


def test_whoever_has_had_the_least_is_next() -> None:
    shares = Shares()
    loud, quiet = Share(shares), Share(shares)
    order: list[str] = []

    def read(share: Share, name: str, size: int, times: int) -> None:
        for _ in range(times):
            share.take(size)
            order.append(name)

    flood = gevent.spawn(read, loud, "loud", TURN_BYTES, 20)
    gevent.sleep(0)
    assert order == ["loud"], "the rest waits for the loop"
    gevent.spawn(read, quiet, "quiet", 100, 3).get(timeout=5)
    assert order.count("loud") < 8
    flood.get(timeout=5)
    assert order.count("loud") == 20


def test_the_loop_is_looked_after_between_turns() -> None:
    share = Share(Shares())
    rounds: list[int] = []

    def look() -> None:
        while len(rounds) < 1000:
            rounds.append(len(rounds))
            gevent.sleep(0.0001)

    def read() -> None:
        for _ in range(50):
            share.take(TURN_BYTES)

    other = gevent.spawn(look)
    gevent.spawn(read).get(timeout=10)
    assert len(rounds) >= 20
    other.kill()


def test_one_who_was_interrupted_while_it_waited_keeps_nobody_waiting() -> None:
    shares = Shares()
    gone, other = Share(shares), Share(shares)
    gone.take(TURN_BYTES)
    waiting = gevent.spawn(gone.take, TURN_BYTES)
    gevent.sleep(0)
    waiting.kill()
    gevent.spawn(other.take, 100).get(timeout=5)


def test_what_was_had_is_forgotten() -> None:
    now = [0.0]
    share = Share(Shares(lambda: now[0]))
    share.take(60_000)
    assert share.had == 60_000
    now[0] = 50.0
    gevent.spawn(share.take, 1000).get(timeout=5)
    assert share.had < 1100
