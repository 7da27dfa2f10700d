"""The period of the real daemon, beside its work: the interval, and not a thousandth more."""

import json
from itertools import combinations
from pathlib import Path
from statistics import median

import pytest
import zmq

from tests.running import start_collector

SECONDS = 12


def test_the_period_is_the_interval_within_a_thousandth(tmp_path: Path) -> None:
    with start_collector(tmp_path) as collector, zmq.Context() as context:
        beats: list[float] = []
        samples: list[str] = []
        with context.socket(zmq.SUB) as subscriber:
            subscriber.linger = 0
            subscriber.subscribe(b"collector.heartbeat")
            subscriber.subscribe(b"system.memory.usage")
            subscriber.connect(collector.events)
            while len(beats) <= SECONDS:
                assert subscriber.poll(3000)
                event = json.loads(subscriber.recv_multipart()[1])
                if event["name"] == "collector.heartbeat":
                    beats.append(event["data"]["monotonic_seconds"])
                elif beats:
                    samples.append(event["time"])
    # Of all pairs of beats, since any one beat may be late where the machine is busy.
    pairs = combinations(enumerate(beats), 2)
    period = median((later - beat) / (j - i) for (i, beat), (j, later) in pairs)
    assert period == pytest.approx(1.0, rel=1e-3)
    assert len(samples) == SECONDS, "one sample a second, no burst and no hole"
    lateness = [beat % 1.0 for beat in beats]
    assert max(lateness) - min(lateness) < 0.2  # on the grid, as far as the machine lets it
