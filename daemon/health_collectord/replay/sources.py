"""Where recorded lines come from: files, folders, and capsules, which may be a stranger's."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

from health_archive.capsules import Capsule, CapsuleError, is_capsule
from health_archive.columns import Damage
from health_archive.segments import COLUMNS, TEXT, Segment, is_name

_LONGEST_LINE = 1 << 20
_log = logging.getLogger(__name__)


class RecordingError(Exception):
    """There is nothing to replay; the text says where and what was looked for."""


@dataclass(slots=True, frozen=True)
class Source:
    """A segment, in whatever form: text, columns, or part of a capsule.

    Attributes:
        path: the file.
        name: ``2026-01-01/12-00-00`` where it is called like a segment.
        capsule: where it is in one.
    """

    path: Path
    name: str
    capsule: Capsule | None = None

    @property
    def begin(self) -> datetime | None:
        """What its name says, None where that says nothing."""
        if not is_name(self.name):
            return None
        return datetime.fromtimestamp(Segment(self.path, self.name).begin / 1000, UTC)

    def __str__(self) -> str:
        return str(self.path) if self.capsule is None else f"{self.path}: {self.name}"

    def lines(self) -> Iterator[bytes]:
        """Each with its newline if it has one; what cannot be read is said and left out."""
        try:
            if self.capsule is None and self.path.suffix != COLUMNS:
                with self.path.open("rb") as file:
                    while line := file.readline(_LONGEST_LINE):
                        yield line
                return
            for part in self._parts():
                if isinstance(part, Damage):
                    held = "" if part.extent is None else f": {part.extent.lines} lines"
                    _log.warning("%s: %s (at byte %d)%s", self, part.reason, part.offset, held)
                else:
                    yield part
        except OSError as error:  # it was there when the replay began
            _log.warning("%s is left out from here on: %s", self, error.strerror)

    def _parts(self) -> Iterator[bytes | Damage]:
        if self.capsule is not None:
            return self.capsule.lines(self.name)
        return Segment(self.path.parent, self.path.stem).lines()


def sources_of(paths: Sequence[Path]) -> tuple[Source, ...]:
    """All that is at some paths, in their order, and within each in the order of the names.

    Args:
        paths: files, and directories of which all segments below are taken, be they text
            (``*.jsonl``) or columns (``*.events``), of one in both forms the columns.

    Raises:
        RecordingError: a path is not there, cannot be read, or has no such file below it.
    """
    return tuple(chain.from_iterable(map(_sources, paths)))


def _sources(path: Path) -> list[Source]:
    try:
        if is_capsule(path):
            return _of_capsule(path)
        files = _below(path) if path.is_dir() else [path]
        for file in files:
            file.open("rb").close()
    except OSError as error:
        raise RecordingError(f"{error.filename}: {error.strerror}") from None
    except CapsuleError as error:
        raise RecordingError(str(error)) from None
    if not files:
        raise RecordingError(f"{path}: no recording (*{TEXT}, *{COLUMNS}) below this directory")
    return [Source(file, f"{file.parent.name}/{file.stem}") for file in files]


def _below(folder: Path) -> list[Path]:
    columns, texts = folder.rglob(f"*{COLUMNS}"), folder.rglob(f"*{TEXT}")
    return sorted({f.with_suffix(""): f for f in (*texts, *columns)}.values())


def _of_capsule(path: Path) -> list[Source]:
    capsule = Capsule(path)
    if capsule.damage is not None:
        _log.warning("%s: %s (at byte %d)", path, capsule.damage.reason, capsule.damage.offset)
    if not capsule.segments:
        raise RecordingError(f"{path}: there is no segment in this capsule")
    return [Source(path, name, capsule) for name in capsule.segments]
