"""Files that commands write for whoever asked: whole or not at all, and over nothing unasked."""

import os
import stat
import sys
from collections.abc import Iterable
from pathlib import Path

from health_archive.segments import write_whole
from health_wire.terminal import escape


class FileError(Exception):
    """A file is not written; the text says which, why, and what to do."""


def write(target: str, pieces: Iterable[bytes], *, force: bool) -> None:
    """Writes a file, or standard output for ``-``.

    Args:
        target: where to.
        pieces: what.
        force: over what is there, without being asked.

    Raises:
        FileError: it is not to be written over, or cannot be.
        OSError: writing failed; of a file there is then nothing.
    """
    if target == "-":
        for piece in pieces:
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
        return
    path = Path(target)
    check(target, force=force)
    write_whole(path, pieces, lambda new: own_as(new, path.parent))


def check(target: str, *, force: bool) -> None:
    """Makes sure, before the work begins, that a file may be written.

    Raises:
        FileError: it may not.
    """
    path = Path(target)
    if target == "-":
        return
    if not path.parent.is_dir():
        raise FileError(f"{path.parent}: no such directory; make it, or name another")
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISREG(found.st_mode):
        raise FileError(f"{target} is no regular file; name another")
    if not force and not _may_be_replaced(target):
        raise FileError(f"{target} is there already: name another, or give --force")


def _may_be_replaced(target: str) -> bool:
    if not (sys.stdin and sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    sys.stderr.write(f"{escape(target)} is there already. Replace it? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def own_as(path: Path, folder: Path) -> None:
    """What root makes in somebody's folder is theirs."""
    if os.geteuid() == 0:
        owner = folder.stat()
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
