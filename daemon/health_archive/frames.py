"""Headers that are sealed with a CRC, and streams that inflate to what they say: FORMAT.md."""

import zlib
from struct import Struct
from typing import Any

from health_archive.numbers import DamagedSegment

CRC = Struct("<I")


def sealed(header: bytes) -> bytes:
    """A header and its CRC."""
    return header + CRC.pack(zlib.crc32(header))


def unsealed(data: bytes, at: int, form: Struct) -> tuple[Any, ...] | None:
    """What the header that begins there holds, or None where none is whole."""
    end = at + form.size
    header = data[at:end]
    if len(header) < form.size or sealed(header) != data[at : end + CRC.size]:
        return None
    return form.unpack(header)


def inflate(packed: bytes, size: int) -> bytes:
    """What a zlib stream holds, if that is so many bytes.

    Raises:
        DamagedSegment: it is not, or this is no stream, or more than one.
    """
    inflater = zlib.decompressobj()
    try:
        content = inflater.decompress(packed, size + 1)
    except zlib.error as error:
        raise DamagedSegment(f"a block that cannot be inflated: {error}") from None
    if len(content) != size or not inflater.eof or inflater.unused_data:
        raise DamagedSegment("a block that inflates to another size than it says")
    return content
