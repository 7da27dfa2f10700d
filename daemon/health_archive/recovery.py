"""After a start: what the black box has beyond the segments is put where it belongs."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, groupby
from pathlib import Path

from health_archive.black_box import read_black_box
from health_archive.checkpoints import NAME as CHECKPOINT
from health_archive.checkpoints import read_checkpoint
from health_archive.columns import Damage
from health_archive.lines import Headings, time_text, whole_lines
from health_archive.segments import Segment, find_segment, is_name, write_whole

NAME = "collector.record.recovered"


@dataclass(slots=True, frozen=True)
class Recovered:
    """Events that a segment has from the black box alone.

    Attributes:
        segment: its name.
        epoch: of the start that they are of.
        first_seq, last_seq: the first and the last of them.
        events: how many.
        damaged_bytes: of the text as it was found, that were no whole lines; they are gone.
    """

    segment: str
    epoch: str
    first_seq: int
    last_seq: int
    events: int
    damaged_bytes: int


def recover(folder: Path, box: Path) -> list[Recovered]:
    """Completes the segments of a folder by what the black box has; again it changes nothing.

    For the start, before anything is recorded. A segment that ended, and was written as columns, is
    whole; one that is not there at all is made anew if it is one of the last two. A text is
    replaced by a whole one, with a line at its end that says what is recovered.

    Args:
        folder: the record's.
        box: the black box's file; nothing is done where there is none.

    Raises:
        DamagedSegment: the file is no black box.
        OSError: what cannot be read or written.
    """
    if not box.exists():
        return []
    names = [kept.segment for kept in read_black_box(box)]
    last = set(list(dict.fromkeys(names))[-2:])
    done = []
    for (name, epoch), kept in groupby(read_black_box(box), key=lambda k: (k.segment, k.epoch)):
        segment = find_segment(folder, name)
        if segment is None and name in last and is_name(name):
            segment = Segment(folder, name)
        if segment is None or segment.columns is not None:
            continue
        recovered = _complete(segment, epoch, [each.lines for each in kept])
        if recovered is not None:
            done.append(recovered)
    return done


class _Lines:
    """Lines of a segment in their order: by their place, or after the one before them."""

    def __init__(self) -> None:
        self.numbered: dict[int, bytes] = {}
        self._others: dict[int, dict[bytes, None]] = {}
        self.damaged = 0
        self.epoch: str | None = None
        self.time = 0

    def add(self, parts: Iterable[bytes | Damage]) -> None:
        headings, at = Headings(), 0
        for part in parts:
            if isinstance(part, Damage):
                self.damaged += part.size
                continue
            try:
                heading = headings.read(part)
            except ValueError:
                self.damaged += len(part)
                continue
            self.time = heading.time
            if heading.seq is not None:
                at = heading.seq
                self.numbered.setdefault(at, part)
            else:
                self._others.setdefault(at, {})[part] = None
                if heading.name == CHECKPOINT and self.epoch is None:
                    found = read_checkpoint(part)
                    self.epoch = found.epoch if found else None

    def __iter__(self) -> Iterator[bytes]:
        yield from self._others.get(0, ())
        for seq in sorted(self.numbered):
            yield self.numbered[seq]
            yield from self._others.get(seq, ())


def _complete(segment: Segment, epoch: str, kept: list[bytes]) -> Recovered | None:
    lines = _Lines()
    if segment.text is not None:
        lines.add(segment.lines())
    if lines.epoch not in (None, epoch):
        return None  # another start's, of the same second
    there = set(lines.numbered)
    damaged = lines.damaged
    lines.add(chain.from_iterable(map(whole_lines, kept)))
    found = sorted(lines.numbered.keys() - there)
    if not found:
        return None
    recovered = Recovered(segment.name, epoch, found[0], found[-1], len(found), damaged)
    data = {name: getattr(recovered, name) for name in recovered.__slots__ if name != "segment"}
    note = {"time": time_text(lines.time), "name": NAME, "data": data}
    last = json.dumps(note, separators=(",", ":")).encode() + b"\n"
    write_whole(segment.text_path, chain(lines, (last,)))
    return recovered
