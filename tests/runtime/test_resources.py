"""Open files, and memory that is given back."""

import subprocess
import sys

import pytest

from tests.running import environment

LIMITS = """
import resource, sys
from health_collectord.runtime.resources import allow_open_files
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]), int(sys.argv[2])))
allow_open_files(3000)
print(*resource.getrlimit(resource.RLIMIT_NOFILE))
"""

FREED = """
import mmap
from pathlib import Path
from health_collectord.runtime.resources import give_back_memory

def rss():
    return int(Path("/proc/self/statm").read_text().split()[1]) * mmap.PAGESIZE

before = rss()
small = [bytes(1000) for _ in range(50_000)]
keep = bytes(1001)
full = rss()
del small
give_back_memory()
print(full - before, rss() - before)
"""


def run(code: str, *args: str) -> list[int]:
    done = subprocess.run(
        [sys.executable, "-c", code, *args],
        env=environment(), capture_output=True, text=True, timeout=20, check=True,
    )  # fmt: skip
    return [int(word) for word in done.stdout.split()]


@pytest.mark.parametrize(
    ("given", "had"),
    [
        ((1024, 4096), [3000, 4096]),
        ((1024, 2000), [2000, 2000]),
        ((3500, 4096), [3500, 4096]),
    ],
)
def test_as_many_files_as_it_may(given: tuple[int, int], had: list[int]) -> None:
    assert run(LIMITS, *map(str, given)) == had


def test_what_was_freed_is_given_back() -> None:
    full, after = run(FREED)
    assert full > 50e6
    assert after < full / 5


WORKED = """
import threading, time
from health_collectord.runtime.resources import by_work

calls = []
by_work(0.02, lambda: calls.append(time.process_time()))
threading.Event().wait(0.5)  # at rest
resting = len(calls)
while len(calls) < 4:
    pass
print(resting, all(b - a > 0.015 for a, b in zip(calls, calls[1:])))
"""


def test_work_is_told_of_and_rest_is_not() -> None:
    command = [sys.executable, "-c", WORKED]
    said = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=30)
    resting, apart = said.stdout.split()
    assert int(resting) <= 1
    assert apart == "True"
