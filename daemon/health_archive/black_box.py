"""The black box: a ring of the newest lines in a file that never grows (FORMAT.md).

An append to a text makes a file system write its journal and the file's length too; overwriting in
place does not, so that it can be synced every few seconds without wearing a card out.
"""

import os
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, repeat
from pathlib import Path
from struct import Struct

from health_archive.frames import CRC, inflate, sealed, unsealed
from health_archive.lines import seq_of
from health_archive.numbers import DamagedSegment
from health_archive.segments import write_whole

MAGIC = b"\x89BLKBOX\n"
VERSION = 1
SIZE = 4 << 20
_MARK = b"\x89REC"
_PAGE = 4096  # no record shares one with another, so that writing one never risks another
_FILE = Struct("<8sHHI")  # magic, version, page, pages
_RECORD = Struct("<4sQ32s19sQQIII")
_HEADER_SIZE = _RECORD.size + CRC.size
_PIECE = 64 << 10  # of text in a record, unless a line is longer
_MOST = 16 << 20


@dataclass(slots=True, frozen=True)
class Kept:
    """Lines of a black box.

    Attributes:
        number: rises by one from record to record, over all starts.
        segment: which they belong to.
        epoch: of the collector's start.
        first_seq, last_seq: of the lines that have one; 0 where none has.
        lines: whole lines.
    """

    number: int
    segment: str
    epoch: str
    first_seq: int
    last_seq: int
    lines: bytes


class BlackBox:
    """Writes a black box. What was in it stays until it is overwritten, the oldest first.

    Args:
        path: the file; made, and all of it allocated, where there is none of this size.
        size: in bytes; 4 MiB hold an hour and a half if written every five seconds.

    Attributes:
        written: bytes that reach the device by this, at each `sync`.

    Raises:
        OSError: from everything: what cannot be opened, written or synced.
    """

    def __init__(self, path: Path, size: int = SIZE) -> None:
        self.written = 0
        self._pages = max(size // _PAGE, 16)
        if not _is_box(path, self._pages):
            _make(path, self._pages)
        self._fd = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        self._number, self._page = 0, 1
        for each in _scan(self._fd, self._pages):
            if each.number >= self._number:
                self._number, self._page = each.number + 1, each.page + each.pages

    def write(self, segment: str, epoch: str, lines: Sequence[bytes]) -> int:
        """Adds lines; they are there after the next `sync`.

        Args:
            segment: the name of the one they belong to.
            epoch: of this start, at most 32 ASCII characters.
            lines: whole lines, each with its newline.

        Returns:
            How many had no room, because one alone was too long for the box.
        """
        text = b"".join(lines)
        if len(text) > _PIECE and len(lines) > 1:
            half = len(lines) // 2
            parts = lines[:half], lines[half:]
            return sum(self.write(segment, epoch, part) for part in parts)
        first, last = _first_seq(lines), _first_seq(reversed(lines))
        packed = zlib.compress(text, 6)
        pages = -(-(_HEADER_SIZE + len(packed)) // _PAGE)
        if pages > (self._pages - 1) // 4:
            return len(lines)
        if self._page + pages > self._pages:
            self._page = 1
        header = _RECORD.pack(
            _MARK, self._number, epoch.encode("ascii"), segment.encode("ascii"),
            first, last, len(text), len(packed), zlib.crc32(packed),
        )  # fmt: skip
        record = (sealed(header) + packed).ljust(pages * _PAGE, b"\0")
        at = self._page * _PAGE
        while record:
            size = os.pwrite(self._fd, record, at)
            record, at = record[size:], at + size
        self._number += 1
        self._page += pages
        self.written += pages * _PAGE
        return 0

    def sync(self) -> None:
        """Makes what was written last (man 2 fdatasync)."""
        os.fdatasync(self._fd)

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _first_seq(lines: Iterable[bytes]) -> int:
    """Of the first line that has one; 0 where none has."""
    return next((seq for line in lines if (seq := seq_of(line)) is not None), 0)


def read_black_box(path: Path) -> Iterator[Kept]:
    """What a black box holds, in the order in which it was written.

    A record that is not whole is passed over: it was the last, or is half overwritten.

    Raises:
        DamagedSegment: the file is no black box.
        OSError: it cannot be read.
    """
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        pages = _check(os.pread(fd, _PAGE, 0))
        for each in sorted(_scan(fd, pages), key=lambda each: each.number):
            with suppress(DamagedSegment):
                lines = inflate(os.pread(fd, each.packed, each.at), each.size)
                yield Kept(
                    each.number, each.segment, each.epoch, each.first_seq, each.last_seq, lines
                )
    finally:
        os.close(fd)


def _check(content: bytes) -> int:
    """The number of pages that a black box has, by its header."""
    header = unsealed(content, 0, _FILE)
    if header is None or header[0] != MAGIC:
        raise DamagedSegment("not a black box: it does not begin like one")
    if header[1] != VERSION or header[2] != _PAGE:
        raise DamagedSegment(f"version {header[1]} of a black box; this program knows {VERSION}")
    return int(header[3])


def _is_box(path: Path, pages: int) -> bool:
    try:
        with open(path, "rb") as file:
            there = _check(file.read(_PAGE))
            return there == pages and os.fstat(file.fileno()).st_size == pages * _PAGE
    except (DamagedSegment, FileNotFoundError):
        return False


def _make(path: Path, pages: int) -> None:
    """Zeros, not holes: what is only reserved is marked in the file system's journal when used."""
    header = sealed(_FILE.pack(MAGIC, VERSION, _PAGE, pages)).ljust(_PAGE, b"\0")
    write_whole(path, chain((header,), repeat(bytes(_PAGE), pages - 1)))


@dataclass(slots=True, frozen=True)
class _Record:
    page: int
    number: int
    segment: str
    epoch: str
    first_seq: int
    last_seq: int
    size: int
    packed: int

    @property
    def pages(self) -> int:
        return -(-(_HEADER_SIZE + self.packed) // _PAGE)

    @property
    def at(self) -> int:
        return self.page * _PAGE + _HEADER_SIZE


def _scan(fd: int, pages: int) -> Iterator[_Record]:
    """Every whole record."""
    for page in range(1, pages):
        header = unsealed(os.pread(fd, _HEADER_SIZE, page * _PAGE), 0, _RECORD)
        if header is None or header[0] != _MARK:
            continue
        _, number, epoch, segment, first, last, size, packed, crc = header
        with suppress(UnicodeDecodeError):
            names = segment.decode("ascii"), epoch.rstrip(b"\0").decode("ascii")
            record = _Record(page, number, *names, first, last, size, packed)
            bounded = packed < pages * _PAGE and size <= _MOST
            if bounded and zlib.crc32(os.pread(fd, packed, record.at)) == crc:
                yield record
