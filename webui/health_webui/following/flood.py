"""Whoever sends faster than it is read, or a message without an end, is left alone before it fills
this process: libzmq takes in whatever comes and has no bound for bytes.
"""

import ctypes
import resource
from collections.abc import Iterable
from pathlib import Path

import gevent
from health_wire.door import Violation

from health_webui.following.fleet import Fleet, Follower

_LOOK_SECONDS = 0.05
_STEP_BYTES = 4 * 1024 * 1024  # of growth, after which it is worth to look who it is
_AT_LEAST_SECONDS = 10.0
MAX_UNREAD = 16 * 1024 * 1024  # of one
MAX_UNREAD_PRESSED = 1024 * 1024
MAX_UNREAD_IN_ALL = 32 * 1024 * 1024
_PRESSED_BYTES = 24 * 1024 * 1024
_TRIM_BYTES = 16 * 1024 * 1024
_PAGE_BYTES = resource.getpagesize()
_STATM = Path("/proc/self/statm")


def watch(fleet: Fleet) -> None:
    """Looks whenever memory has grown, for ever."""
    seen = kept = memory()
    looks = 0
    while True:
        gevent.sleep(_LOOK_SECONDS)
        now, looks = memory(), looks + 1
        seen, kept = min(seen, now), min(kept, now)
        late = looks * _LOOK_SECONDS >= _AT_LEAST_SECONDS
        fleet.shares.pressed = now - kept > _PRESSED_BYTES
        if now - seen > _STEP_BYTES or late:
            seen, looks = now, 0
            if cut(fleet.all, pressed=fleet.shares.pressed) or late:
                gevent.sleep(_LOOK_SECONDS)  # libzmq frees it by the side
                if memory() - kept > _TRIM_BYTES:
                    give_back()
                seen = kept = memory()


def cut(followers: Iterable[Follower], *, pressed: bool = False) -> int:
    """Interrupts those who have sent too much, the largest first; how many they were.

    While memory has grown that is much less: libzmq keeps 64 bytes of a frame of two.
    """
    most, in_all = (MAX_UNREAD_PRESSED,) * 2 if pressed else (MAX_UNREAD, MAX_UNREAD_IN_ALL)
    unread = sorted(((f.client.unread, f) for f in followers), key=lambda pair: -pair[0])
    total, count = sum(size for size, _ in unread), 0
    for size, follower in unread:
        if size <= most and total <= in_all:
            break
        total -= size
        count += 1
        follower.interrupt(
            Violation(f"more than can be read, or a message without an end: {size >> 10} KiB")
        )
    return count


def memory() -> int:
    """Of this process, in bytes (man 5 proc_pid_statm)."""
    return int(_STATM.read_text(encoding="ascii").split()[1]) * _PAGE_BYTES


def give_back() -> None:
    """Gives what is free back to the kernel (man 3 malloc_trim), where the C library can."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
