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

_LOOK_SECONDS = 0.02
_LOOK_PRESSED_SECONDS = 0.005
_STEP_BYTES = 2 * 1024 * 1024  # of growth, after which it is worth to look who it is
MAX_UNREAD = 8 * 1024 * 1024  # of one
MAX_UNREAD_PRESSED = 256 * 1024
MAX_UNREAD_IN_ALL = 16 * 1024 * 1024
MAX_UNREAD_IN_ALL_PRESSED = 1024 * 1024
_PRESSED_BYTES = 12 * 1024 * 1024
_TRIM_BYTES = 8 * 1024 * 1024
_TRIM_SECONDS = 0.5
_TRIM_PART = 16
_LARGE_BYTES = 128 * 1024
_M_MMAP_THRESHOLD = -3  # malloc.h
_PAGE_BYTES = resource.getpagesize()
_STATM = Path("/proc/self/statm")


def watch(fleet: Fleet) -> None:
    """Looks whenever memory has grown, for ever."""
    keep_nothing_large()
    seen = kept = memory()
    give_back_at = 0.0
    while True:
        gevent.sleep(_LOOK_PRESSED_SECONDS if fleet.shares.pressed else _LOOK_SECONDS)
        now = memory()
        seen, kept = min(seen, now), min(kept, now)
        fleet.shares.pressed = now - kept > _PRESSED_BYTES
        if now - seen > _STEP_BYTES:
            seen = now
            cut(fleet.all, pressed=fleet.shares.pressed)
        if now - kept > _TRIM_BYTES and fleet.shares.clock() >= give_back_at:
            give_back()
            give_back_at = fleet.shares.clock() + _TRIM_SECONDS
            # What stays may be in use from now on, or on its way out: libzmq frees by the side.
            kept += max(memory() - kept, 0) // _TRIM_PART


def cut(followers: Iterable[Follower], *, pressed: bool = False) -> int:
    """Interrupts those who have sent too much, the largest first; how many they were.

    While memory has grown that is much less: libzmq keeps 64 bytes of a frame of two.
    """
    most, in_all = MAX_UNREAD, MAX_UNREAD_IN_ALL
    if pressed:
        most, in_all = MAX_UNREAD_PRESSED, MAX_UNREAD_IN_ALL_PRESSED
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


def keep_nothing_large() -> None:
    """Large blocks go back to the kernel as they are freed: man 3 mallopt, where there is one.

    Left to itself, the C library raises that bound to the largest block that was ever freed, up to
    32 MiB, and what hostile messages had stays in its heaps, between what is still in use.
    """
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is not None:
        set_option(_M_MMAP_THRESHOLD, _LARGE_BYTES)


def give_back() -> None:
    """Gives what is free back to the kernel (man 3 malloc_trim), where the C library can."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
