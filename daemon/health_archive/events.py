"""Recorded events, the oldest first, by time or by their place in the order, page by page."""

import json
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from health_archive import checkpoints, columns
from health_archive.index import connect
from health_archive.lines import Heading, Headings, Record, parse
from health_archive.segments import Segment, list_segments, segment_name

_DAY = 86_400_000  # a segment is no longer than that
_NEAR = 60_000  # milliseconds by which lines of a segment may be out of order
_BREATH = 500  # lines
_LONGEST_NAME = 255
_OF_EPOCH = (
    "SELECT name, json_extract(facts, '$.runs'), json_extract(facts, '$.more')"
    " FROM segments WHERE json_extract(facts, '$.epoch') = ?"
)


@dataclass(slots=True, frozen=True, order=True)
class Place:
    """Where in a record: after so many lines of a segment."""

    segment: str
    lines: int


@dataclass(slots=True, frozen=True)
class Found:
    """Something on the way through a record.

    Attributes:
        place: just after it.
        epoch: which start of the collector it is of; None where nothing says it.
        record: the event; None where there is none to give, but some way was made.
    """

    place: Place
    epoch: str | None = None
    record: Record | None = None


@dataclass(slots=True, frozen=True)
class Wanted:
    """Which events are.

    Attributes:
        names: what their names begin with, one of these; nothing: all.
        start, end: in milliseconds since 1970; what happened at either is in it.
        epoch: of one start alone.
        first_seq, last_seq: their places in the order, both included.
    """

    names: tuple[str, ...] = ()
    start: int = 0
    end: int = 1 << 62
    epoch: str | None = None
    first_seq: int = 1
    last_seq: int = 1 << 62

    def has(self, heading: Heading, epoch: str | None) -> bool:
        return (
            heading.seq is not None
            and self.first_seq <= heading.seq <= self.last_seq
            and self.start <= heading.time <= self.end
            and (not self.names or heading.name.startswith(self.names))
            and (self.epoch is None or self.epoch == epoch)
        )


def events_by_time(folder: Path, wanted: Wanted, after: Place | None) -> Iterator[Found]:
    """Events of a window, in the order of their segments and in these as they were recorded.

    Args:
        folder: the record's.
        after: where to go on.

    Raises:
        OSError: a file cannot be read.
    """
    since = segment_name(wanted.start - _DAY)
    since = since if after is None else max(since, after.segment)
    until = segment_name(wanted.end)
    for day in _days(folder, since[:10], until[:10]):
        for segment in list_segments(folder, day, day):
            if since <= segment.name <= until and not _is_before(segment, wanted.start):
                yield from _events_in(segment, wanted, after)


def events_by_seq(
    folder: Path, index: Path, wanted: Wanted, after: Place | None
) -> Iterator[Found] | None:
    """Events of one start, in their order; None where there is no segment that may have any.

    Args:
        folder, index: the record's folder, and the index's file.
        wanted: which, with `epoch`.

    Raises:
        OSError: a file cannot be read.
        sqlite3.Error: the index cannot be.
    """
    found = sorted(_segments_of(folder, index, wanted), key=lambda segment: segment.name)
    if not found:
        return None
    first = "" if after is None else after.segment
    return (
        each
        for segment in found
        if segment.name >= first
        for each in _events_in(segment, wanted, after)
    )


def _segments_of(folder: Path, index: Path, wanted: Wanted) -> Iterator[Segment]:
    with closing(connect(index)) as db:
        (newest,) = db.execute("SELECT max(name) FROM segments").fetchone()
        for name, runs, more in db.execute(_OF_EPOCH, (wanted.epoch,)):
            if more or any(
                first <= wanted.last_seq and last >= wanted.first_seq
                for first, last, *_ in json.loads(runs)
            ):
                yield Segment(folder, name)
    newest = newest or ""
    for segment in list_segments(folder, newest[:10]):
        if segment.name > newest and _epoch_of(segment) == wanted.epoch:
            yield segment


def _epoch_of(segment: Segment) -> str | None:
    with suppress(FileNotFoundError, ValueError):
        for line in segment.lines():
            found = checkpoints.read_checkpoint(line) if isinstance(line, bytes) else None
            return None if found is None else found.epoch
    return None


def _days(folder: Path, since: str, until: str) -> list[str]:
    try:
        return sorted(each.name for each in folder.iterdir() if since <= each.name <= until)
    except FileNotFoundError:
        return []


def _is_before(segment: Segment, start: int) -> bool:
    """Whether a segment ended before a time, as far as it tells without being read."""
    if segment.begin >= start or segment.columns is None:
        return False
    with suppress(FileNotFoundError):
        extents = columns.extents(segment.columns_path.read_bytes())
        times = [time for each in extents or () for time in (each.first_time, each.last_time)]
        return bool(times) and max(times) < start - _NEAR
    return False


def _events_in(segment: Segment, wanted: Wanted, after: Place | None) -> Iterator[Found]:
    passed = after.lines if after is not None and after.segment == segment.name else 0
    number, epoch, headings = 0, None, Headings()
    with suppress(FileNotFoundError):  # removed meanwhile, to keep the record within its bounds
        for number, line in enumerate(_lines_of(segment), 1):
            try:
                heading = headings.read(line)
            except ValueError:
                continue
            if heading.name in (checkpoints.NAME, checkpoints.STARTED):
                epoch = _told_epoch(line) or epoch
            if number > passed and wanted.has(heading, epoch):
                record = _event(line)
                if record is not None:
                    yield Found(Place(segment.name, number), epoch, record)
            elif number % _BREATH == 0:
                yield Found(Place(segment.name, max(number, passed)))
    yield Found(Place(segment.name, max(number, passed)))


def _lines_of(segment: Segment) -> Iterable[bytes]:
    return (line for line in segment.lines() if isinstance(line, bytes))


def _told_epoch(line: bytes) -> str | None:
    with suppress(ValueError, TypeError, KeyError):
        epoch = parse(line).data["epoch"]
        return epoch if isinstance(epoch, str) else None
    return None


def _event(line: bytes) -> Record | None:
    """An event, if it could have been on the wire."""
    try:
        line.decode()
        record = parse(line)
    except ValueError:
        return None
    could = record.data is None or isinstance(record.data, dict)
    return record if could and len(record.name) <= _LONGEST_NAME else None
