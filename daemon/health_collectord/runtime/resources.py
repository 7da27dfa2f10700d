"""What the process asks of the kernel and of the C library for itself."""

import ctypes
import resource
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_OPEN_FILES = 16384


def allow_open_files(wanted: int = _OPEN_FILES) -> None:
    """Lets the process have as many open files as `wanted`, if whoever started it may.

    A connection is an open file. With the usual soft limit of 1024 whoever opens a thousand leaves
    none for the records and the readers, and libzmq keeps trying to accept the next.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def give_back_memory() -> None:
    """Returns to the kernel what was freed and is kept in reserve: man 3 malloc_trim.

    glibc keeps what thousands of connections needed long after they have gone. Where the C library
    has no such function, nothing happens.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


@contextmanager
def by_work(seconds: float, do: Callable[[], None]) -> Iterator[None]:
    """Has `do` called each time the process has used so much more processor time.

    In the main thread, between two of its steps (man 2 setitimer, ITIMER_PROF), and not again
    while it is at it. A process that rests is not woken for it. Of no effect in any other thread,
    since signals are the main one's.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    at_it = False

    def worked(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 the signature
        nonlocal at_it
        if not at_it:
            at_it = True
            try:
                do()
            finally:
                at_it = False

    before = signal.signal(signal.SIGPROF, worked)
    signal.setitimer(signal.ITIMER_PROF, seconds, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
