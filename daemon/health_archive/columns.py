"""Whole segments as columns and back: the file format of FORMAT.md."""

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from struct import Struct
from typing import BinaryIO, TypeVar

from health_archive import shapes
from health_archive.frames import CRC, inflate, sealed, unsealed
from health_archive.numbers import DamagedSegment, Reader, Writer
from health_archive.shapes import Tables

MAGIC = b"\x89EVENTS\n"
VERSION = 1
BLOCK_SIZE = 1 << 20  # of text at most; ten minutes of a small host are one block
_MARK = b"\x89BLK"
_TEXT, _COLUMNS = 0, 1
_LEVEL = 6  # 9 takes a fifth more time for a hundredth less
_MEMORY = 6  # zlib's own codes are then made anew more often, as columns want it
_FILE = Struct("<8sHHQ")  # magic, version, 0, size of the text
_BLOCK = Struct("<4sBIIIIqqQQI")
FILE_HEADER_SIZE = _FILE.size + CRC.size
_BLOCK_HEADER_SIZE = _BLOCK.size + CRC.size


@dataclass(slots=True, frozen=True)
class Extent:
    """What a block is known to hold without reading it.

    Attributes:
        lines: how many.
        first_time, last_time: in milliseconds since 1970, as the first and the last line that
            begins with a time says; 0 where none does.
        first_seq, last_seq: the same of places in the order.
    """

    lines: int
    first_time: int
    last_time: int
    first_seq: int
    last_seq: int


@dataclass(slots=True, frozen=True)
class Block:
    """A part of a segment's text, whole lines but where a line is longer than a block."""

    text: bytes
    extent: Extent


@dataclass(slots=True, frozen=True)
class Damage:
    """A part of a file that cannot be read.

    Attributes:
        offset, size: which bytes of the file.
        reason: what is wrong with them.
        extent: what was there, where the block's own header could be read.
    """

    offset: int
    size: int
    reason: str
    extent: Extent | None = None


def encode(text: bytes) -> bytes:
    """A segment's lines as columns. Any bytes come back the same by `decode`."""
    return b"".join(encode_file(BytesIO(text), len(text)))


def encode_file(file: BinaryIO, size: int) -> Iterator[bytes]:
    """The same, piece by piece, of so many bytes that are read from a file (or fewer: it ends)."""
    yield sealed(_FILE.pack(MAGIC, VERSION, 0, size))
    yield from map(_encode_block, _blocks_of(file, size))


def decode(segment: bytes, limit: int = 1 << 30) -> bytes:
    """What `encode` was given.

    Args:
        segment: the whole file.
        limit: the longest text that is accepted.

    Raises:
        DamagedSegment: the file is not whole; `read` gives what there still is.
    """
    size = text_size(segment)
    if size > limit:
        raise DamagedSegment(f"a text of {size} bytes: at most {limit} are accepted")
    parts = []
    for part in read(segment):
        if isinstance(part, Damage):
            raise DamagedSegment(f"{part.reason} (at byte {part.offset})")
        parts.append(part.text)
        size -= len(part.text)
        if size < 0:
            break
    if size:
        raise DamagedSegment(f"{abs(size)} bytes of text too {'many' if size < 0 else 'few'}")
    return b"".join(parts)


def text_size(segment: bytes) -> int:
    """The size of the text, in bytes, from the first `FILE_HEADER_SIZE` bytes of the file.

    Raises:
        DamagedSegment: this is no such file, or of a later version.
    """
    if not segment.startswith(MAGIC):
        raise DamagedSegment("not a segment as columns: it does not begin like one")
    header = unsealed(segment, 0, _FILE)
    if header is None:
        raise DamagedSegment("the file's header is damaged")
    _, version, _, size = header
    if version != VERSION:
        raise DamagedSegment(f"version {version} of the format; this program knows {VERSION}")
    return int(size)


def read(segment: bytes) -> Iterator[Block | Damage]:
    """The blocks in their order, and in their places what cannot be read.

    The memory that a step takes is bounded by a block's, however the file was forged.
    """
    return _read(segment, lambda packed, header: Block(_text_of(packed, header), header.extent))


def read_tables(segment: bytes) -> Iterator[Tables | bytes | Damage]:
    """The same by templates, of which only what is looked at is unpacked; or a block's text.

    A block's CRC is its text's, and not looked at; zlib has a checksum of its own.
    """
    return _read(segment, _tables_of)


def checksums(segment: bytes) -> Iterator[tuple[int, int] | Damage]:
    """Size and CRC-32 of each block's text, of blocks that are as they were written.

    Their text is not made anew: zlib's checksum tells that of their columns.
    """

    def of_block(packed: bytes, header: _Header) -> tuple[int, int]:
        _content_of(packed, header)
        return header.size, header.crc

    return _read(segment, of_block)


def extents(segment: bytes) -> list[Extent] | None:
    """What the blocks' headers tell, without unpacking any; None where one is damaged."""
    found, at = [], FILE_HEADER_SIZE
    while at < len(segment):
        header = _block_header(segment, at)
        if header is None:
            return None
        found.append(header.extent)
        at += _BLOCK_HEADER_SIZE + header.packed
    return found


_Part = TypeVar("_Part")


def _read(
    segment: bytes, of_block: Callable[[bytes, "_Header"], _Part]
) -> Iterator[_Part | Damage]:
    try:
        left, at, whole = text_size(segment), FILE_HEADER_SIZE, True
    except DamagedSegment as damage:
        left, at, whole = 0, _next_block(segment, 0), False
        yield Damage(0, at, str(damage))
    while at < len(segment):
        header = _block_header(segment, at)
        if header is None:
            end = _next_block(segment, at + 1)
            yield Damage(at, end - at, "no block begins where one should")
            whole = False
        else:
            end = min(at + _BLOCK_HEADER_SIZE + header.packed, len(segment))
            left -= header.size
            try:
                yield of_block(segment[at + _BLOCK_HEADER_SIZE : end], header)
            except DamagedSegment as damage:
                yield Damage(at, end - at, str(damage), header.extent)
                whole = False
        at = end
    if whole and left:
        much = f"{abs(left)} bytes of text {'less' if left > 0 else 'more'} than the file says"
        yield Damage(at, 0, much)


@dataclass(slots=True, frozen=True)
class _Header:
    method: int
    packed: int  # size in the file
    content: int  # size when inflated
    size: int  # of the text
    crc: int  # of the text
    extent: Extent


def _encode_block(text: bytes) -> bytes:
    lines = shapes.Lines(text.decode("latin-1"))
    writer = Writer()
    lines.write(writer)
    method, content = _COLUMNS, writer.content()
    if len(content) > _most_content(len(text)):
        method, content = _TEXT, text
    deflater = zlib.compressobj(_LEVEL, memLevel=_MEMORY)
    packed = deflater.compress(content) + deflater.flush()
    times, seqs = lines.times or (0,), lines.seqs or (0,)
    header = _BLOCK.pack(
        _MARK, method, len(packed), len(content), len(text), len(lines),
        times[0], times[-1], seqs[0], seqs[-1], zlib.crc32(text),
    )  # fmt: skip
    return sealed(header) + packed


def _text_of(packed: bytes, header: _Header) -> bytes:
    tables = _tables_of(packed, header)
    text = tables if isinstance(tables, bytes) else tables.text().encode("latin-1")
    if len(text) != header.size or zlib.crc32(text) != header.crc:
        raise DamagedSegment("the text is not the one that was written (CRC)")
    return text


def _tables_of(packed: bytes, header: _Header) -> Tables | bytes:
    content = _content_of(packed, header)
    return content if header.method == _TEXT else shapes.read(Reader(content), header.size)


def _content_of(packed: bytes, header: _Header) -> bytes:
    if len(packed) < header.packed:
        missing = header.packed - len(packed)
        raise DamagedSegment(f"the file ends {missing} bytes before its block does")
    if header.size > BLOCK_SIZE or header.content > _most_content(header.size):
        raise DamagedSegment(f"a block of {header.size} bytes of text in {header.content}")
    if header.method not in (_TEXT, _COLUMNS):
        raise DamagedSegment(f"a block by a method that is not known: {header.method}")
    return inflate(packed, header.content)


def _most_content(size: int) -> int:
    return 8 * size + 1024


def _blocks_of(file: BinaryIO, left: int) -> Iterator[bytes]:
    """Parts of about the same size, cut after a newline if there is one."""
    rest = b""
    while left:
        count = -(-left // BLOCK_SIZE)
        size = -(-left // count)
        block = rest + file.read(size - len(rest))
        end = block.rfind(b"\n", 0, size) + 1 if count > 1 else size
        yield block[: end or size]
        rest = block[end or size :]
        left -= end or size


def _block_header(segment: bytes, at: int) -> _Header | None:
    found = unsealed(segment, at, _BLOCK)
    if found is None or found[0] != _MARK:
        return None
    _, method, packed, content, size, lines, *extent, crc = found
    return _Header(method, packed, content, size, crc, Extent(lines, *extent))


def _next_block(segment: bytes, at: int) -> int:
    """Where the next block begins, or the end."""
    while (at := segment.find(_MARK, at)) >= 0:
        if _block_header(segment, at) is not None:
            return at
        at += 1
    return len(segment)
