"""Any moment of a record: the state as it was then, or why there is none."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from health_archive.checkpoints import Moment, state_at
from health_archive.lines import time_text
from health_archive.segments import Segment, list_segments, segment_name

SILENCE = 3000  # milliseconds without an event: the collector has one each second
_DAY = 86_400_000  # a segment is no longer than that


class NotRecorded(LookupError):
    """There is nothing of that time; the text says what there is."""


def moment_of(folder: Path, time: int) -> Moment:
    """The state after the last event until a time.

    Where the wall clock went back, and so was at that time more than once, the last time counts.

    Args:
        folder: the record's.
        time: in milliseconds since 1970.

    Raises:
        NotRecorded: nothing is known of that time: it is before the record, after it, or in a hole.
        OSError: a file cannot be read.
    """
    latest = segment_name(time)
    since = segment_name(time - _DAY)[:10]
    near = [s for s in list_segments(folder, since, latest[:10]) if s.name <= latest]
    for segment in reversed(near):
        moment = _moment_in(segment, time)
        if moment is None:
            continue  # its first event comes later in that second
        if time - moment.time >= SILENCE:
            raise NotRecorded(_missing(folder, moment.time, latest))
        return moment
    raise NotRecorded(_missing(folder, None, latest))


def _moment_in(segment: Segment, time: int) -> Moment | None:
    try:
        return state_at((line for line in segment.lines() if isinstance(line, bytes)), time)
    except FileNotFoundError:  # removed meanwhile, to keep the record within its bounds
        return None


def _missing(folder: Path, last: int | None, latest: str) -> str:
    """What there is around a time of which there is nothing."""
    try:
        days = sorted(each.name for each in folder.iterdir())
    except FileNotFoundError:
        days = []
    day = latest[:10]
    later = _segments(folder, [each for each in days if each >= day])
    earlier = (
        segment
        for each in reversed(days)
        if each <= day
        for segment in reversed(list_segments(folder, each, each))
    )
    following = next((s for s in later if s.name > latest), None)
    before = next((s for s in earlier if s.name <= latest), None)
    until = "" if following is None else f" until {time_text(following.begin)}"
    if last is not None:
        return f"nothing was recorded after {time_text(last)}{until}"
    if before is not None:
        begin = time_text(before.begin)
        return f"nothing was recorded after the segment that began at {begin}{until}"
    if following is not None:
        return f"the record begins at {time_text(following.begin)}"
    return "nothing has been recorded yet"


def _segments(folder: Path, days: list[str]) -> Iterator[Segment]:
    return chain.from_iterable(list_segments(folder, day, day) for day in days)
