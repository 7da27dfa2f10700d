"""A window of a record: which segments have something of it, and which lines are in it."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from health_archive import columns
from health_archive.columns import Damage
from health_archive.lines import Headings
from health_archive.segments import Segment, list_segments, segment_name

_DAY = 86_400_000  # a segment is no longer than that
_NEAR = 60_000  # milliseconds by which lines of a segment may be out of order


@dataclass(slots=True, frozen=True)
class Window:
    """From when to when, in milliseconds since 1970; None where there is no such end."""

    start: int | None = None
    end: int | None = None

    def has(self, time: int) -> bool:
        """Whether something of that time is in it; what is at its end is not."""
        return (self.start is None or time >= self.start) and (self.end is None or time < self.end)


@dataclass(slots=True, frozen=True)
class Lost:
    """What cannot be read of a segment."""

    path: Path
    damage: Damage


def segments_of(folder: Path, window: Window) -> list[Segment]:
    """Those that have something of a window, or may have had it, the oldest first.

    Raises:
        OSError: the folder, or a day's, cannot be read.
    """
    since = "" if window.start is None else segment_name(window.start - _DAY)
    until = "~" if window.end is None else segment_name(window.end)
    found = [s for s in list_segments(folder, since[:10], until[:10]) if since <= s.name <= until]
    return [segment for segment in found if window == Window() or _has_any(segment, window)]


def _has_any(segment: Segment, window: Window) -> bool:
    """By what the headers of its blocks say where that suffices; else it is read to know."""
    extents = None
    with suppress(FileNotFoundError):
        extents = columns.extents(segment.columns_path.read_bytes())
    times = [time for each in extents or () for time in (each.first_time, each.last_time) if time]
    if any(map(window.has, times)):
        return True
    if times and window.end is not None and min(times) >= window.end + _NEAR:
        return False
    if times and window.start is not None and max(times) < window.start - _NEAR:
        return False
    return next(lines_of((segment,), window), None) is not None


def lines_of(segments: Iterable[Segment], window: Window) -> Iterator[bytes | Lost]:
    """The lines of a window as they were written, and in their places what cannot be read.

    What is no record belongs to the line before it.

    Raises:
        OSError: a file cannot be read.
    """
    everything = window == Window()
    for segment in segments:
        headings, inside = Headings(), False
        for part in lines_or_losses(segment):
            if isinstance(part, bytes) and not everything:
                with suppress(ValueError):
                    inside = window.has(headings.read(part).time)
                if not inside:
                    continue
            yield part


def span_of(segments: Sequence[Segment]) -> tuple[int, int] | None:
    """The times of the first and the last record, in milliseconds since 1970.

    Raises:
        OSError: a file cannot be read.
    """
    first = next(filter(None, (_times(segment) for segment in segments)), None)
    last = next(filter(None, (_times(segment) for segment in reversed(segments))), None)
    return (first[0], last[-1]) if first and last else None


def _times(segment: Segment) -> list[int]:
    headings, found = Headings(), list[int]()
    for part in lines_or_losses(segment):
        with suppress(ValueError):
            found += [headings.read(part).time] if isinstance(part, bytes) else []
    return found


def lines_or_losses(segment: Segment) -> Iterator[bytes | Lost]:
    """All lines that a segment had when it was listed; one that is gone by now is lost."""
    ended = segment.columns is not None
    path = segment.columns_path if ended else segment.text_path
    left = segment.text if segment.text is not None and not ended else 1 << 63
    try:
        for part in segment.lines():
            left -= len(part) if isinstance(part, bytes) else 0
            if left < 0:  # it has grown since
                return
            yield Lost(path, part) if isinstance(part, Damage) else part
    except FileNotFoundError:
        yield Lost(path, Damage(0, segment.size, "it was removed meanwhile"))
