"""Segments in a folder: text while they grow, columns once they have ended (FORMAT.md)."""

import os
import re
import stat
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

from health_archive import columns
from health_archive.columns import Block, Damage
from health_archive.lines import whole_lines
from health_archive.numbers import DamagedSegment

TEXT, COLUMNS = ".jsonl", ".events"
_FORM = "%Y-%m-%d/%H-%M-%S"
_TIME = r"(?:[01][0-9]|2[0-3])-[0-5][0-9]-[0-5][0-9]"
_time = re.compile(_TIME)
_FILE = re.compile(rf"{_TIME}\.(?:jsonl|events)")
_UNFINISHED = re.compile(rf"\.{_TIME}\.(?:jsonl|events)\.new")
CLOCK = 315_532_800_000  # 1980: what is older has its time from a clock that had yet to be set
_LATEST = 253402300799000  # the end of the year 9999
_PIECE = 1 << 20
_LONGEST_LINE = 16 << 20


class SegmentError(Exception):
    """A segment cannot be ended; the text says which and why. Its text stays as it was."""


@dataclass(frozen=True)
class Segment:
    """A segment of a folder, in one form or both.

    Attributes:
        folder: the record's.
        name: ``2026-01-01/12-00-00``, after its first record's UTC time; names sort as times do.
        text, columns: the sizes of its files in bytes; None where there is none.
    """

    folder: Path
    name: str
    text: int | None = None
    columns: int | None = None

    @cached_property
    def begin(self) -> int:
        """What its name says, in milliseconds since 1970."""
        time = datetime.strptime(self.name, _FORM).replace(tzinfo=UTC)
        return round(time.timestamp()) * 1000

    @property
    def text_path(self) -> Path:
        return self.folder / (self.name + TEXT)

    @property
    def columns_path(self) -> Path:
        return self.folder / (self.name + COLUMNS)

    @property
    def size(self) -> int:
        """What it takes on the disk, in bytes."""
        return (self.text or 0) + (self.columns or 0)

    def read(self) -> Iterator[bytes | Damage]:
        """Its text in pieces of whole lines, and in their places what cannot be read.

        Columns are read where there are any, unless they are damaged and there is the text.

        Raises:
            OSError: there is no such file (any more), or it may not be read.
        """
        return complete_lines(self._read())

    def lines(self) -> Iterator[bytes | Damage]:
        """The same, line by line, each with its newline."""
        for part in self.read():
            if isinstance(part, Damage):
                yield part
            else:
                yield from whole_lines(part)

    def _read(self) -> Iterator[bytes | Damage]:
        try:
            segment = self.columns_path.read_bytes()
        except FileNotFoundError:
            yield from self._read_text(0)
            return
        given = 0
        for part in columns.read(segment):
            if isinstance(part, Block):
                given += len(part.text)
                yield part.text
            elif self._has_whole_text(segment):
                yield from self._read_text(given)
                return
            else:
                yield part

    def _has_whole_text(self, segment: bytes) -> bool:
        with suppress(OSError, DamagedSegment):
            return self.text_path.stat().st_size == columns.text_size(segment)
        return self.text_path.exists()

    def _read_text(self, offset: int) -> Iterator[bytes]:
        with self.text_path.open("rb") as file:
            file.seek(offset)
            while piece := file.read(_PIECE):
                yield piece


def complete_lines(parts: Iterator[bytes | Damage]) -> Iterator[bytes | Damage]:
    """Pieces of a text, put together so that each ends with a line; what has no end is damage."""
    offset, rest = 0, b""
    for part in parts:
        if isinstance(part, Damage):
            if rest:
                yield Damage(offset - len(rest), len(rest), "a line without its end")
                rest = b""
            yield part
            continue
        offset += len(part)
        end = part.rfind(b"\n") + 1
        if end:
            yield rest + part[:end]
            rest = part[end:]
        elif len(rest) + len(part) <= _LONGEST_LINE:
            rest += part
        else:
            yield Damage(offset - len(rest) - len(part), len(rest) + len(part), "no end of a line")
            rest = b""
    if rest:
        yield Damage(offset - len(rest), len(rest), "the last line is cut off")


def list_segments(folder: Path, since: str = "", until: str = "~") -> list[Segment]:
    """All segments of a folder, the oldest first; what is not ours is passed over.

    Ours are regular files with our names, in folders with a day's name, neither of them a link.
    There is none where there is no folder.

    Args:
        folder: the record's.
        since, until: the first and the last day that is looked at; a year's take a while.

    Raises:
        OSError: the folder, or a day's, cannot be read.
    """
    sizes: dict[str, dict[str, int]] = {}
    for day, entry in _entries(folder, _FILE, since, until):
        stem, form = entry.name.split(".")
        with suppress(FileNotFoundError):
            size = entry.stat(follow_symlinks=False).st_size
            sizes.setdefault(f"{day}/{stem}", {})[form] = size
    return [
        Segment(folder, name, forms.get("jsonl"), forms.get("events"))
        for name, forms in sorted(sizes.items())
    ]


def find_segment(folder: Path, name: str) -> Segment | None:
    """A segment by its name, as it is now; None where there is none."""
    if not is_name(name):
        return None
    segment = Segment(folder, name)
    found = replace(segment, text=_size(segment.text_path), columns=_size(segment.columns_path))
    return found if found.text is not None or found.columns is not None else None


def end_segment(segment: Segment) -> Segment:
    """Writes a segment's columns beside its text, which stays; whole and verified, or not at all.

    Raises:
        SegmentError: its text changes meanwhile, or does not come back the same.
        OSError: it cannot be read or written.
    """
    with segment.text_path.open("rb") as text:
        size = os.fstat(text.fileno()).st_size
        pieces = columns.encode_file(text, size)
        write_whole(segment.columns_path, pieces, lambda new: _verify(segment, new, text))
    return replace(segment, text=size, columns=_size(segment.columns_path))


def write_whole(
    path: Path, pieces: Iterable[bytes], verify: Callable[[Path], None] = lambda _: None
) -> None:
    """Puts a file in a place, or in another's: all of it, and lasting, or nothing.

    Args:
        path: the place.
        pieces: the file's content.
        verify: looks at what was written, and raises where it is not right.

    Raises:
        OSError: it cannot be written.
    """
    new = path.with_name(f".{path.name}.new")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with open(new, "wb", opener=_private) as file:
            for piece in pieces:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        verify(new)
        new.rename(path)
    except BaseException:
        with suppress(OSError):
            new.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def _verify(segment: Segment, written: Path, text: BinaryIO) -> None:
    """Makes sure that a file has a text as columns, which is read to its end."""
    text.seek(0)
    for part in columns.read(written.read_bytes()):
        if isinstance(part, Damage):
            raise _damaged(segment, part)
        if text.read(len(part.text)) != part.text:
            raise SegmentError(f"{segment.name}: its columns do not give its text")
    if text.read(1):
        raise _grown(segment)


def _damaged(segment: Segment, damage: Damage) -> SegmentError:
    return SegmentError(f"{segment.name}: {damage.reason} (at byte {damage.offset})")


def _grown(segment: Segment) -> SegmentError:
    return SegmentError(f"{segment.name}: it still grows, or grew after it ended")


def remove_text(segment: Segment) -> Segment:
    """Removes the text of a segment, if it and its columns are still what was verified.

    Raises:
        SegmentError: they are not; the text stays. `end_segment` writes the columns anew.
        OSError: one of them cannot be read, or the text not be removed.
    """
    with segment.text_path.open("rb") as text:
        for part in columns.checksums(segment.columns_path.read_bytes()):
            if isinstance(part, Damage):
                raise _damaged(segment, part)
            size, crc = part
            block = text.read(size)
            if len(block) != size or zlib.crc32(block) != crc:
                raise SegmentError(f"{segment.name}: its columns do not give its text")
        if text.read(1):
            raise _grown(segment)
    segment.text_path.unlink()
    return replace(segment, text=None)


def remove_segment(segment: Segment) -> None:
    """Removes all of a segment, and its day's folder where nothing else is in it.

    Raises:
        OSError: a file cannot be removed.
    """
    segment.text_path.unlink(missing_ok=True)
    segment.columns_path.unlink(missing_ok=True)
    with suppress(OSError):
        segment.text_path.parent.rmdir()


def tidy_folder(folder: Path) -> None:
    """Removes what was left half written when the machine or the collector died.

    Raises:
        OSError: as `list_segments`, or such a file cannot be removed.
    """
    for day, entry in list(_entries(folder, _UNFINISHED)):
        (folder / day / entry.name).unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Makes names in a folder last (man 2 fsync)."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _entries(
    folder: Path, form: re.Pattern[str], since: str = "", until: str = "~"
) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Regular files with such names, each with its day."""
    try:
        with os.scandir(folder) as entries:
            days = sorted(
                e.name
                for e in entries
                if since <= e.name <= until and _is_day(e.name) and e.is_dir(follow_symlinks=False)
            )
    except FileNotFoundError:
        return
    for day in days:
        with suppress(FileNotFoundError), os.scandir(folder / day) as files:
            for entry in files:
                if form.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                    yield day, entry


def _is_day(name: str) -> bool:
    try:
        return date.fromisoformat(name).isoformat() == name
    except ValueError:
        return False


def segment_name(time: int) -> str:
    """What a segment is called that begins then, in milliseconds since 1970 (or the nearest)."""
    moment = datetime.fromtimestamp(max(min(time, _LATEST), 0) // 1000, UTC)
    return moment.strftime(_FORM)


def is_name(name: str) -> bool:
    """Whether a segment can be named so."""
    day, _, time = name.partition("/")
    return _is_day(day) and _time.fullmatch(time) is not None


def _size(path: Path) -> int | None:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None


def _private(path: str, flags: int) -> int:
    """For `open`: for the collector's own user and group, as the texts are."""
    return os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o640)
