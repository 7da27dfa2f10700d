"""Every file of a record read to its end: what is damaged, and what follows for what is there."""

from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

from health_archive import columns
from health_archive.columns import Damage
from health_archive.coverage import DAMAGE, UNKNOWN, Epoch, Hole, Known, coverage
from health_archive.facts import facts_of, is_notable
from health_archive.segments import Segment, find_segment
from health_archive.series import HEARTBEAT, Contents, read_contents, read_lines

_TRIES = 3  # of a segment that is written meanwhile


@dataclass(slots=True, frozen=True)
class Flaw:
    """A part of a file that is not as it was written.

    Attributes:
        path: the file.
        damage: which part, and what is wrong with it.
        lost: whether the events in it are; they are not where the segment's other file has them.
    """

    path: Path
    damage: Damage
    lost: bool


@dataclass(slots=True)
class Verified:
    """What was found in the segments that have been read.

    Attributes:
        segments, size, lines: how many, the bytes of their files, and their lines.
        flaws: whatever is damaged.
    """

    segments: int = 0
    size: int = 0
    lines: int = 0
    flaws: list[Flaw] = field(default_factory=list)
    _known: list[Known] = field(default_factory=list)

    def add(self, segment: Segment) -> None:
        """Reads a segment in all forms that it has; one that is gone by now is passed over.

        Raises:
            OSError: a file cannot be read.
        """
        with suppress(FileNotFoundError):
            contents, flaws = _read(segment)
            self._known.append(Known(segment.name, facts_of(contents).as_json()))
            self.segments += 1
            self.size += segment.size
            self.lines += contents.lines
            self.flaws += flaws

    def epochs(self) -> list[Epoch]:
        """All starts that the record knows of, with what is missing of each."""
        known = sorted(self._known, key=lambda each: each.name)
        return coverage(known, -(1 << 62), 1 << 62)


def is_accounted_for(hole: Hole) -> bool:
    """Whether something explains a hole that is no fault of the files."""
    return hole.cause not in (DAMAGE, UNKNOWN)


def _read(segment: Segment) -> tuple[Contents, list[Flaw]]:
    if segment.columns is None:
        contents = _read_text(segment)
        return contents, [Flaw(segment.text_path, each, True) for each in contents.damages]
    content = segment.columns_path.read_bytes()
    flaws = list(_flaws(segment, content))
    if any(flaw.path == segment.columns_path for flaw in flaws) and segment.text is not None:
        contents = read_lines(segment.lines(), HEARTBEAT.__eq__, is_notable)
        flaws += [Flaw(segment.text_path, each, True) for each in contents.damages]
    else:
        contents = read_contents(content, HEARTBEAT.__eq__, is_notable)
    # What a block's checksum alone tells, reading by templates does not see.
    contents.damages = [flaw.damage for flaw in flaws if flaw.lost]
    return contents, flaws


def _read_text(segment: Segment) -> Contents:
    """What is written while it is read may end within a line: then it is looked at again."""
    for _ in range(_TRIES):
        contents = read_lines(segment.lines(), HEARTBEAT.__eq__, is_notable)
        now = find_segment(segment.folder, segment.name)
        if not contents.damages or now is None or now == segment:
            break
        segment = now
    return contents


def _flaws(segment: Segment, content: bytes) -> Iterator[Flaw]:
    """What is wrong with a segment's columns, and with its text where that is there as well."""
    with ExitStack() as stack:
        text = None
        with suppress(FileNotFoundError):
            text = stack.enter_context(segment.text_path.open("rb"))
        whole, offset = text is not None, 0
        for part in columns.read(content):
            if isinstance(part, Damage):
                yield Flaw(segment.columns_path, part, lost=text is None)
                whole = False
            elif whole and text is not None:
                if text.read(len(part.text)) != part.text:
                    other = Damage(offset, len(part.text), "its columns hold another text")
                    yield Flaw(segment.text_path, other, lost=False)
                    whole = False
                offset += len(part.text)
        if whole and text is not None and (rest := len(text.read())):
            yield Flaw(
                segment.text_path, Damage(offset, rest, "its columns end before it does"), True
            )
