"""A client that does not run for a minute while a thousand events a second go by."""

import re
import signal
import sys
from pathlib import Path
from time import monotonic

from tests.process.hearing import Hearing, hearing, holes
from tests.running import Running, running, wait_for

STOPPED_SECONDS = 60.0
MOST_BYTES = 2e6


def memory(process: Running) -> int:
    """Bytes that belong to the process alone."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    [kilobytes] = re.findall(r"RssAnon:\s+(\d+) kB", status)
    return int(kilobytes) * 1024


def memories(process: Running, seconds: float) -> list[int]:
    """What it had within that time."""
    found = [memory(process)]
    end = monotonic() + seconds
    wait_for(lambda: found.append(memory(process)) or monotonic() > end, timeout=seconds + 10)
    return found


def test_it_costs_little_and_joins_again(tmp_path: Path) -> None:
    with running([sys.executable, "-m", "tests.process.synthetic"], tmp_path) as collector:
        place = f"{collector.events},{collector.state}"
        with (
            hearing(tmp_path, "telling", place) as stopped,
            hearing(tmp_path, "telling", place) as other,
        ):
            heard(stopped, 3000)
            before = min(memories(collector, 3.0))
            stopped.process.send(signal.SIGSTOP)
            since = monotonic()
            during = max(memories(collector, STOPPED_SECONDS))
            stopped.process.send(signal.SIGCONT)
            wait_for(lambda: stopped.of("Gap", since), "it did not tell what it lost")
            heard(stopped, len(stopped.of("Event")) + 1000)
            heard(other, other_then := len(other.of("Event")) + 1000)
        assert other_then > 1000 * STOPPED_SECONDS * 0.8, "it was no thousand a second"
        assert holes(other.lines) == []
        lost = holes(stopped.lines)
        assert {gap["reason"] for gap in lost} == {"slow"}
        assert lost[-1]["last"] - lost[0]["first"] > 1000 * STOPPED_SECONDS * 0.5
        assert stopped.statuses()[-1][1] == "live"
        print(
            f"the collector took {(during - before) / 1e6:.2f} MB more than {before / 1e6:.2f} MB"
        )
        assert during - before <= MOST_BYTES


def heard(client: Hearing, events: int) -> None:
    wait_for(lambda: len(client.of("Event")) > events, "events", 60.0)
