"""What ``--from`` and ``--to`` mean: instants, or times of day, which are of what is recorded."""

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta

_DAY = timedelta(days=1)
Given = datetime | time | None


class TimeError(Exception):
    """There is no such time in what is recorded; the text says which."""


def resolve(
    start: Given, end: Given, span: Callable[[], tuple[datetime, datetime] | None]
) -> tuple[datetime | None, datetime | None]:
    """Both as instants, None where none was given.

    A time of day is the last one that was recorded; where `start` is given, that of `end` is
    the first after it.

    Args:
        span: tells when what is recorded begins and ends, None where nothing is.

    Raises:
        TimeError: it was not recorded, or the end is not after the start.
    """
    if isinstance(start, time) or (isinstance(end, time) and start is None):
        found = span()
        if found is None:
            raise TimeError("nothing was recorded")
        if isinstance(start, time):
            start = _last(start, *found)
        elif isinstance(end, time):
            end = _last(end, *found)
    if isinstance(end, time) and start is not None:
        found_end = datetime.combine(start.date(), end, UTC)
        end = found_end if found_end > start else found_end + _DAY
    assert not isinstance(end, time)
    if start is not None and end is not None and end <= start:
        raise TimeError(
            f"--to {end:%Y-%m-%dT%H:%M:%S} is not after --from {start:%Y-%m-%dT%H:%M:%S}"
        )
    return start, end


def _last(moment: time, first: datetime, newest: datetime) -> datetime:
    found = datetime.combine(newest.date(), moment, UTC)
    if found > newest:
        found -= _DAY
    if found < first:
        since = f"{first:%Y-%m-%d %H:%M}"
        raise TimeError(f"{moment:%H:%M} was not recorded: it begins at {since}")
    return found
