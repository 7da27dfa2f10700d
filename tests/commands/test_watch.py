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
