"""A record of some days, made in a moment: some samples in each of some segments."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from health_archive import segments
from health_archive.segments import Segment

from tests.health_archive.test_checkpoints import checkpoint, event

HOUR = 3_600_000
DAY = 24 * HOUR
FIRST = round(datetime(2026, 1, 1, tzinfo=UTC).timestamp()) * 1000
Sample = tuple[int, float]


class Kept:
    """A record in a folder, and all that was in it.

    Attributes:
        load: the samples of ``system.load.load1``.
        rows: of ``system.net.links[e.0].rx``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.load: list[Sample] = []
        self.rows: list[Sample] = []
        self._seq = 0
        self._chance = random.Random(3)

    def add(self, begin: int, samples: int = 12, every: int = 50_000, end: bool = True) -> Segment:
        """A segment that begins then, in milliseconds since 1970."""
        name = datetime.fromtimestamp(begin / 1000, UTC).strftime("%Y-%m-%d/%H-%M-%S")
        path = self.folder / f"{name}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"".join(self._lines(begin, samples, every)))
        segment = segments.find_segment(self.folder, name)
        assert segment is not None
        return segments.remove_text(segments.end_segment(segment)) if end else segment

    def _lines(self, begin: int, samples: int, every: int) -> Iterator[bytes]:
        yield checkpoint(self._seq, time=begin).line()
        for i in range(samples):
            time = begin + i * every + self._chance.randrange(1000)
            load, rx = self._chance.randrange(900) / 100, float(self._chance.randrange(10**6))
            self.load.append((time, load))
            self.rows.append((time, rx))
            links = {"links": [{"key": "e.0", "rx": rx, "up": True}]}
            yield event(self._seq + 1, "system.load.updated", {"load1": load, "cores": 2}, time)
            yield event(self._seq + 2, "system.net.updated", links, time)
            self._seq += 2


def days(folder: Path, count: int, per_day: int = 4, first: int = FIRST) -> Kept:
    """So many days, of so many segments each, with pauses in between."""
    kept = Kept(folder)
    for day in range(count):
        for i in range(per_day):
            kept.add(first + day * DAY + i * (DAY // per_day))
    return kept
