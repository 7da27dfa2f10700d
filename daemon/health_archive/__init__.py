"""The record on disk: what is written, kept, found again and proven (FORMAT.md).

Used by whoever records, and by whoever is asked about what was. The standard library only, and
`health_wire.tree`.
"""

from health_archive.columns import Block, Damage, Extent, decode, encode, read
from health_archive.numbers import DamagedSegment

__all__ = ["Block", "Damage", "DamagedSegment", "Extent", "decode", "encode", "read"]
