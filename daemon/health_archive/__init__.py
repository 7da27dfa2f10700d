"""The record on disk: what is written, kept, found again and proven (FORMAT.md).

Used by whoever records, and by whoever is asked about what was. The standard library only, and
`health_wire.tree`.
"""

from health_archive.checkpoints import Checkpoint, Moment, catalogue_id, read_checkpoint, state_at
from health_archive.columns import Block, Damage, Extent, decode, encode, read
from health_archive.lines import Heading, Headings, Record, parse
from health_archive.numbers import DamagedSegment
from health_archive.segments import (
    Segment,
    SegmentError,
    end,
    find,
    remove,
    remove_text,
    segments,
    tidy,
)

__all__ = [
    "Block",
    "Checkpoint",
    "Damage",
    "DamagedSegment",
    "Extent",
    "Heading",
    "Headings",
    "Moment",
    "Record",
    "Segment",
    "SegmentError",
    "catalogue_id",
    "decode",
    "encode",
    "end",
    "find",
    "parse",
    "read",
    "read_checkpoint",
    "remove",
    "remove_text",
    "segments",
    "state_at",
    "tidy",
]
