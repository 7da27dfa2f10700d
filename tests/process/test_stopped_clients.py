"""Browsers that stop reading cost a bound, are closed, and keep nothing from the others."""

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
from health_webui.connections.guard import MAX_QUEUED

from tests.process.following import Reader, follow, key_of
from tests.process.loud import LoudCollector
from tests.running import start_webui, wait_for

SIZE, HERTZ = 30_000, 40.0
STOPPED = 20


def numbers(reader: Reader) -> list[int]:
    """Those of the bulk's versions that came in frames."""
    events = [event for told in list(reader.frames) for event in told["events"]]
    return [int(data["t0"][:8]) for path, data, *_ in events if path == "bulk"]


@contextmanager
def loud() -> Iterator[LoudCollector]:
    collector = LoudCollector(SIZE, HERTZ)
    try:
        yield collector
    finally:
        collector.close()


def test_who_stops_reading_is_closed_and_costs_no_more_than_a_bound(tmp_path: Path) -> None:
    with loud() as collector, start_webui(tmp_path, collector) as webui, ExitStack() as stack:  # type: ignore[arg-type]
        collector.wait_subscribed()
        key = key_of(webui, "loud")
        good = Reader(stack.enter_context(follow(webui, key, "127.0.0.7")))
        stack.callback(good.stop)
        wait_for(lambda: good.snapshots)
        collector.start()
        wait_for(lambda: len(numbers(good)) > 40)
        process = psutil.Process(webui.pid)
        before, most = process.memory_info().rss, 0
        for _ in range(STOPPED):
            stack.enter_context(follow(webui, key, "127.0.0.66"))

        def closed() -> int:
            nonlocal most
            most = max(most, process.memory_info().rss)
            return len(re.findall(r"closing a browser", webui.stderr)) == STOPPED

        wait_for(closed, "not all were closed", 60)
        # A frame is shared by all the queues that it waits in.
        assert most - before < 2 * MAX_QUEUED * SIZE + STOPPED * 400_000
        waiting = [int(n) for n in re.findall(r"that has (\d+) messages waiting", webui.stderr)]
        assert max(waiting) < MAX_QUEUED + 3 * HERTZ, "within a second or so of the bound"
        then = len(numbers(good))
        wait_for(lambda: len(numbers(good)) > then + 20)
        came = numbers(good)
        assert came == sorted(set(came)), "in order, none twice"
        missed = came[-1] - came[0] + 1 - len(came)
        assert missed <= len(came) // 2, "but for what one frame gathers on a busy machine"
        again = Reader(stack.enter_context(follow(webui, key, "127.0.0.66")))
        stack.callback(again.stop)
        wait_for(lambda: again.snapshots and numbers(again), "who comes back is served")
        wait_for(lambda: process.memory_info().rss - before < 15e6, "memory is not given back")
