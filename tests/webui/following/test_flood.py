"""Who is interrupted for what nobody has read."""

import subprocess
import sys
from types import SimpleNamespace
from typing import Any, cast

import pytest
from health_webui.following import flood
from health_webui.following.fleet import Follower

MIB = 1 << 20
_GROW_AND_SHRINK = """
from health_webui.following import flood

MIB = 1 << 20
before = flood.memory()
blocks = [b"x" * (MIB // 10) for _ in range(600)]
grown = flood.memory() - before
assert grown > 50 * MIB, grown
pinned = b"x" * (MIB // 10)  # so that the heap does not shrink by itself
blocks.clear()
flood.give_back()
kept = flood.memory() - before
assert kept < 20 * MIB, kept
"""


def cut(*unread: int, pressed: bool = False) -> list[int]:
    """Of followers with so many MiB unread, those who are interrupted."""
    found: list[int] = []

    def follower(size: int) -> Follower:
        made: Any = SimpleNamespace(client=SimpleNamespace(unread=size * MIB))
        made.interrupt = lambda error: found.append(size)
        return cast(Follower, made)

    assert flood.cut(map(follower, unread), pressed=pressed) == len(found)
    return found


@pytest.mark.parametrize(
    ("unread", "interrupted"),
    [
        ((), []),
        ((0, 1, 8), []),
        ((0, 9, 1), [9]),
        ((9, 300, 2), [300, 9]),
        ((5, 6, 7, 1, 2), [7]),
        ((1,) * 20, [1] * 4),
    ],
)
def test_one_who_is_too_far_behind_or_the_largest_of_too_many(
    unread: tuple[int, ...], interrupted: list[int]
) -> None:
    assert cut(*unread) == interrupted


def test_while_memory_grows_it_takes_less() -> None:
    assert cut(1, 2, 0, pressed=True) == [2, 1]


def test_memory_is_that_of_this_process_and_what_is_free_is_given_back() -> None:
    # In a process of its own: in this one much may be free already, and be taken again.
    subprocess.run([sys.executable, "-c", _GROW_AND_SHRINK], check=True)
