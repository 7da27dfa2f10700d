"""``watch``: events on a terminal."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.commands.conftest import command
from tests.running import Running, running, wait_for

pytestmark = pytest.mark.slow


def test_watch_prints_the_events_as_they_come(collector: Running, tmp_path: Path) -> None:
    whole = command(collector, "watch", "system.memory")
    with running(whole, tmp_path, stdout=subprocess.PIPE, ready=False) as watching:
        assert watching.process.stdout is not None
        lines = [json.loads(watching.process.stdout.readline()) for _ in range(5)]
        assert {line["name"] for line in lines} == {"system.memory.usage.updated"}
        assert list(lines[0]) == ["time", "name", "data", "seq"]
        wait_for(lambda: f"{collector.events} is live" in watching.stderr)
        assert watching.stop(2) == 0  # SIGINT: Ctrl-C
        assert "Traceback" not in watching.stderr


@pytest.mark.parametrize(
    ("prefix", "near"),
    [
        ("system.memry", "system.memory"),
        ("collector.nothing", ""),
        ("kernel.mesage", "kernel.message"),
    ],
)
def test_watch_of_what_there_is_not_says_so(
    collector: Running, tmp_path: Path, prefix: str, near: str
) -> None:
    with running(command(collector, "watch", prefix), tmp_path, ready=False) as watching:
        assert watching.wait() == 1
        assert f"no event's name begins with '{prefix}'; " in watching.stderr
        assert near in watching.stderr


@pytest.mark.parametrize(
    "prefix", ["service.", "kernel.message", "collector.metrics.disk", "health.updated", ""]
)
def test_watch_of_what_may_come_waits(collector: Running, tmp_path: Path, prefix: str) -> None:
    whole = command(collector, "watch", prefix)
    with running(whole, tmp_path, ready=False) as watching:
        wait_for(lambda: f"{collector.events} is live" in watching.stderr)
        assert watching.stop(2) == 0
