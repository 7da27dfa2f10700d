"""What the process asks of the kernel and of the C library for itself."""

import ctypes
import errno
import resource
import struct
import threading
import time
from collections.abc import Callable

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


def by_work(seconds: float, do: Callable[[], None]) -> None:
    """Has `do` called, in a thread of its own, each time the process has worked for so long.

    The thread sleeps by the process's processor time (man 2 clock_nanosleep): nothing wakes a
    process that rests. It ends with the process. No timer with a signal (ITIMER_PROF): while one
    is pending, the kernel gives SIGTERM to another thread, which does not wake Python's main one.
    """
    whole, part = divmod(seconds, 1.0)
    pause = struct.pack("@ll", int(whole), int(part * 1e9))  # struct timespec
    sleep = ctypes.CDLL(None).clock_nanosleep

    def watch() -> None:
        while sleep(time.CLOCK_PROCESS_CPUTIME_ID, 0, pause, None) in (0, errno.EINTR):
            do()

    threading.Thread(target=watch, name="watch", daemon=True).start()
