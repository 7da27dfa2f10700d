"""What the process asks of the kernel and of the C library for itself."""

import ctypes
import resource

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
