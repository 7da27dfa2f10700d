"""A part of a record as one file, to be sent to somebody: FORMAT.md, "A capsule".

It is a ZIP archive of stored files, so that any tool opens it, and of ZIP no more is read than
that: nothing is unpacked by it, and a name is only ever compared with what a segment is called.
Whoever reads one may have it from a stranger.
"""

import json
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from struct import Struct
from typing import Any, BinaryIO

from health_archive import columns
from health_archive.columns import Damage
from health_archive.lines import whole_lines
from health_archive.numbers import DamagedSegment
from health_archive.segments import COLUMNS, complete_lines, is_name

VERSION = 1
MAGIC = b"PK\x03\x04"
ABOUT, LOSSES = "capsule.json", "losses.json"
MOST_ENTRIES = 65_000
MOST_BYTES = (1 << 32) - (1 << 24)  # what ZIP can tell without its extensions
MOST_JSON = 4 << 20
MOST_SEGMENT = 64 << 20  # of a file in it
MOST_TEXT = 1 << 30  # of a segment in it
# APPNOTE.TXT 6.3, 4.3.7, 4.3.12 and 4.3.16
_LOCAL = Struct("<4sHHHHHIIIHH")
_CENTRAL = Struct("<4sHHHHHHIIIHHHHHII")
_END = Struct("<4sHHHHIIH")
_CENTRAL_MAGIC, _END_MAGIC = b"PK\x01\x02", b"PK\x05\x06"
_VERSION_NEEDED, _STORED, _FIRST_DAY = 10, 0, 0x21  # 1980-01-01, the earliest date
_PRIVATE = 0o100640 << 16
_REMEDY = "make it anew with `health-collectord history export --format capsule`"


class CapsuleError(Exception):
    """A file is no capsule that can be read, or one cannot be made; the text says why."""


def pack(entries: Iterable[tuple[str, bytes]]) -> Iterator[bytes]:
    """A capsule piece by piece, of its files' names and contents in their order.

    Raises:
        CapsuleError: it would be larger than a capsule may be.
    """
    directory, at = list[bytes](), 0
    for name, content in entries:
        crc, size, path = zlib.crc32(content), len(content), name.encode("ascii")
        if at + size > MOST_BYTES or len(directory) >= MOST_ENTRIES or size > MOST_SEGMENT:
            raise CapsuleError("a capsule cannot hold so much: choose a shorter window")
        same = (_STORED, 0, _FIRST_DAY, crc, size, size, len(path), 0)
        header = _LOCAL.pack(MAGIC, _VERSION_NEEDED, 0, *same) + path
        made_by = _VERSION_NEEDED | 3 << 8  # on Unix: so the mode counts
        entry = (_CENTRAL_MAGIC, made_by, _VERSION_NEEDED, 0, *same, 0, 0, 0, _PRIVATE, at)
        directory.append(_CENTRAL.pack(*entry) + path)
        yield header
        yield content
        at += len(header) + size
    yield from directory
    size = sum(map(len, directory))
    count = len(directory)
    yield _END.pack(_END_MAGIC, 0, 0, count, count, size, at, 0)


def as_json(value: Any) -> bytes:
    """What the files with JSON in them hold."""
    return json.dumps(value, ensure_ascii=False, indent=1).encode("utf-8", "replace") + b"\n"


def is_capsule(path: Path) -> bool:
    """Whether a file begins like one; false where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


@dataclass(slots=True, frozen=True)
class _Entry:
    at: int
    size: int
    crc: int


class Capsule:
    """A capsule that is read. Memory is bounded by a segment's file, whoever made it.

    Args:
        path: the file.

    Attributes:
        about: what `capsule.json` says, an object of which nothing but the version is checked.
        segments: the names of its segments, in their order.
        damage: where it ends before its end, None where it is whole.

    Raises:
        CapsuleError: it is none, or of a later version.
        OSError: it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._entries: dict[str, _Entry] = {}
        self.damage: Damage | None = None
        with path.open("rb") as file:
            self._look(file)
        self.about = self._json(ABOUT)
        version = self.about.get("version")
        if version != VERSION:
            raise self._error(f"version {version!r:.20}; this program knows {VERSION}")
        self.segments = [n.removesuffix(COLUMNS) for n in self._entries if n.endswith(COLUMNS)]

    def losses(self) -> list[Any]:
        """What could not be read when it was made, as `losses.json` says it."""
        found = self._json(LOSSES).get("losses") if LOSSES in self._entries else None
        return found if isinstance(found, list) else []

    def lines(self, name: str) -> Iterator[bytes | Damage]:
        """A segment's lines, each with its newline, and in their places what cannot be read.

        Raises:
            KeyError: there is no such segment.
            OSError: the file cannot be read.
        """
        entry = self._entries[name + COLUMNS]
        for part in complete_lines(self._blocks(entry)):
            if isinstance(part, Damage):
                yield part
            else:
                yield from whole_lines(part)

    def _blocks(self, entry: _Entry) -> Iterator[bytes | Damage]:
        content = self._content(entry)
        try:
            size = columns.text_size(content)
        except DamagedSegment:
            size = 0  # and the reading of it says so
        if size > MOST_TEXT:
            yield Damage(0, entry.size, f"a text of {size} bytes: at most {MOST_TEXT} are read")
            return
        left = MOST_TEXT
        for part in columns.read(content):
            if isinstance(part, Damage):
                yield part
                continue
            left -= len(part.text)
            if left < 0:
                yield Damage(0, 0, f"there is more text than {MOST_TEXT} bytes")
                return
            yield part.text

    def _look(self, file: BinaryIO) -> None:
        """Finds the entries, one after the other from the beginning."""
        end = file.seek(0, 2)
        at, last = 0, ""
        while True:
            file.seek(at)
            header = file.read(_LOCAL.size)
            if header[:4] in (_CENTRAL_MAGIC, _END_MAGIC):
                return
            if header[:4] != MAGIC or len(header) < _LOCAL.size:
                if at == 0:
                    raise self._error("it is no capsule: it does not begin like one")
                self.damage = Damage(at, end - at, "the capsule is damaged or cut off there")
                return
            _, _, flags, method, _, _, crc, packed, size, name_size, more = _LOCAL.unpack(header)
            name = file.read(min(name_size, 64)).decode("ascii", "replace")
            if len(name) < min(name_size, 64):
                self.damage = Damage(at, end - at, "the capsule is cut off there")
                return
            if method != _STORED or flags & ~0x0800 or packed != size:
                raise self._error(f"{name!r:.70} is packed otherwise; {_REMEDY}")
            at += _LOCAL.size + name_size + more
            if not _is_ours(name, name_size, last) or size > _most(name):
                raise self._error(f"{name!r:.70} has no business in it, or not there")
            if len(self._entries) >= MOST_ENTRIES:
                raise self._error(f"there are more than {MOST_ENTRIES} files in it")
            if at + size > end:
                self.damage = Damage(at, max(end - at, 0), f"{name}: the capsule is cut off there")
                if not name.endswith(COLUMNS):
                    return
                size = max(end - at, 0)
            self._entries[name] = _Entry(at, size, crc)
            at, last = at + size, name

    def _content(self, entry: _Entry) -> bytes:
        with self.path.open("rb") as file:
            file.seek(entry.at)
            return file.read(entry.size)

    def _json(self, name: str) -> dict[str, Any]:
        entry = self._entries.get(name)
        if entry is None:
            raise self._error(f"it has no {name}")
        content = self._content(entry)
        try:
            found = json.loads(content) if zlib.crc32(content) == entry.crc else None
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise self._error(f"its {name} is damaged")
        return found

    def _error(self, reason: str) -> CapsuleError:
        return CapsuleError(f"{self.path}: {reason}")


_SEGMENT = re.compile(r"[0-9-]{10}/[0-9-]{8}\.events")


def _is_ours(name: str, size: int, last: str) -> bool:
    """First what it is, then segments in the order of their names, then what could not be read."""
    if len(name) != size or not last:
        return name == ABOUT
    if name == LOSSES:
        return last != LOSSES
    ours = _SEGMENT.fullmatch(name) is not None and is_name(name.removesuffix(COLUMNS))
    return ours and last != LOSSES and (last == ABOUT or last < name)


def _most(name: str) -> int:
    return MOST_SEGMENT if name.endswith(COLUMNS) else MOST_JSON
