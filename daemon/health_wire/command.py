"""What the commands have in common: exit statuses, and output that fails in an orderly way."""

import argparse
import errno
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TextIO

from health_wire.terminal import escape

FAILED = 1
USAGE = 64  # sysexits.h: the command line cannot be understood
CONFIG = 78  # sysexits.h: the configuration cannot be used; starting again does not help


def parse(
    parser: argparse.ArgumentParser, arguments: Sequence[str], *, usage: int = USAGE
) -> argparse.Namespace:
    """The options; ends the process with `usage` where they are not understood."""
    try:
        return parser.parse_args(arguments)
    except SystemExit as leaving:
        if leaving.code in (0, None):  # --help, --version
            raise
        raise SystemExit(usage) from None


def fail(program: str, message: str, status: int = FAILED) -> int:
    """Says on standard error what went wrong, in one line; returns `status`."""
    if sys.stderr is not None:
        with suppress(OSError):  # full as well, then
            print(f"{program}: {escape(message)}", file=sys.stderr, flush=True)
    return status


def printing(program: str, perform: Callable[[], int], *, failed: int = FAILED) -> int:
    """Runs a command that prints, and sees to it that its words have gone out.

    Files and folders that it makes cannot be changed by others. What the terminal's encoding does
    not have is shown as ``?``.

    Returns:
        The command's exit status; `failed` where standard output is full, closed, or read by
        nobody any more.
    """
    os.umask(
        os.umask(0o022) | 0o022
    )  # what is made is nobody else's to change, wherever it started
    _replace_what_cannot_be_shown(sys.stdout)
    try:
        if sys.stdout is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        status = perform()
        sys.stdout.flush()
    except BrokenPipeError:  # as `| head` does: there is nobody to tell
        _give_up(sys.stdout)
        return failed
    except OSError as error:
        _give_up(sys.stdout)
        where = error.filename or "standard output"
        return fail(program, f"{where}: {error.strerror or error}", failed)
    return status


def _replace_what_cannot_be_shown(stream: TextIO | None) -> None:
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="replace")


def _give_up(stream: TextIO | None) -> None:
    """Keeps the interpreter, as it ends, from trying once more and failing in its own way."""
    if stream is not None:
        nothing = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        with suppress(OSError):  # it is no file
            os.dup2(nothing, stream.fileno())
        os.close(nothing)
