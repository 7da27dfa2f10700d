"""How much the record takes: what is written a day, what is kept, and until when at this rate."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

_DAY = 86400.0
_SETTLED = 60.0  # seconds after a start that are no measure of a day
_FOREVER = 36500.0  # days


@dataclass(slots=True, frozen=True)
class Kept:
    """What there is of a record, as its keeper last saw it.

    Attributes:
        size: of all segments, in bytes.
        since: the oldest day of which there is anything; None where there is nothing.
        room: bytes until the oldest has to go, by the bound of size or of free space.
        age: days for which anything is kept.
        texts: bytes of the segments that are there as text.
        ratio: what a segment takes as columns, of what it takes as text; None while none has ended.
    """

    size: int
    since: str | None
    room: int
    age: float
    texts: int
    ratio: float | None


def amounts(
    kept: Kept | None, text: int, box: int, seconds: float, text_seconds: float, now: datetime
) -> dict[str, Any]:
    """What `collector.self.updated` says of it: PROTOCOL.md explains each.

    Args:
        kept: None where it has not been looked at yet.
        text, box: bytes written so far by this start, as text and to the black box.
        seconds: since it began.
        text_seconds: for which a segment stays as text.
    """
    settled = seconds >= _SETTLED
    ratio = kept.ratio if kept else None
    a_day = text / seconds * _DAY if settled else None
    written = None
    if a_day is not None and ratio is not None:
        written = _rough(a_day * (1 + ratio) + box / seconds * _DAY)
    return {
        "written_bytes_per_day": written,
        "kept_bytes": kept.size if kept else None,
        "kept_since": kept.since if kept else None,
        "full_on": _full_on(kept, a_day, text_seconds, now) if kept else None,
    }


def _full_on(kept: Kept, a_day: float | None, text_seconds: float, now: datetime) -> str | None:
    """The day before which nothing has to go."""
    if not a_day or kept.ratio is None or kept.since is None:
        return None
    texts_to_come = max(a_day * text_seconds / _DAY - kept.texts, 0.0)
    by_size = max(kept.room - texts_to_come, 0.0) / (a_day * kept.ratio) if kept.ratio else _FOREVER
    oldest = datetime.fromisoformat(kept.since).replace(tzinfo=UTC)
    by_age = max(kept.age - (now - oldest) / timedelta(days=1), 0.0)
    return f"{now + timedelta(days=min(by_size, by_age, _FOREVER)):%Y-%m-%d}"


def _rough(value: float) -> int:
    """To three digits: what moves less is not worth an event's other text."""
    return int(float(f"{value:.3g}"))
