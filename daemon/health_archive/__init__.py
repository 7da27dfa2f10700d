"""The record on disk: what is written, kept, found again and proven (FORMAT.md).

Used by whoever records, and by whoever is asked about what was. The standard library only, and
`health_wire.tree`. What needs SQLite is imported by itself, since it takes memory:
`health_archive.index`, `health_archive.history` and `health_archive.coverage`.
"""

from health_archive.black_box import BlackBox, read_black_box
from health_archive.checkpoints import Checkpoint, Moment, catalogue_id, read_checkpoint, state_at
from health_archive.columns import Block, Damage, Extent, decode, encode, read
from health_archive.lines import Heading, Headings, Record, parse
from health_archive.numbers import DamagedSegment
from health_archive.recovery import Recovered, recover
from health_archive.segments import (
    Segment,
    SegmentError,
    end_segment,
    find_segment,
    list_segments,
    remove_segment,
    remove_text,
    tidy_folder,
)
from health_archive.shelf import Bounds, Removed, Shelf

__all__ = [
    "BlackBox",
    "Block",
    "Bounds",
    "Checkpoint",
    "Damage",
    "DamagedSegment",
    "Extent",
    "Heading",
    "Headings",
    "Moment",
    "Record",
    "Recovered",
    "Removed",
    "Segment",
    "SegmentError",
    "Shelf",
    "catalogue_id",
    "decode",
    "encode",
    "end_segment",
    "find_segment",
    "list_segments",
    "parse",
    "read",
    "read_black_box",
    "read_checkpoint",
    "recover",
    "remove_segment",
    "remove_text",
    "state_at",
    "tidy_folder",
]
