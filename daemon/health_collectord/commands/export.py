"""A window of the record as a file: ``history export``."""

import csv
import io
import platform
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from health_archive import capsules, columns
from health_archive.capsules import CapsuleError
from health_archive.checkpoints import Checkpoint, read_checkpoint
from health_archive.columns import Damage
from health_archive.lines import milliseconds, parse, time_text
from health_archive.redaction import FIELDS, Redaction, TooManyNames
from health_archive.segments import COLUMNS, Segment, list_segments
from health_archive.series import leaves
from health_archive.windows import Lost, Window, lines_of, lines_or_losses, segments_of, span_of
from health_wire import command
from health_wire.tree import state_path
from health_wire.version import VERSION

from health_collectord.commands import files
from health_collectord.commands.files import FileError
from health_collectord.commands.progress import Progress
from health_collectord.commands.times import Given, TimeError, resolve
from health_collectord.config import Config

_PROGRAM = "health-collectord"
_MOST_COLUMNS = 16_000  # LibreOffice has 16,384
_MOST_TOLD = 5


class _NothingThere(Exception):
    pass


@dataclass(slots=True)
class _Source:
    """What is exported, and what of it could not be.

    Attributes:
        losses: in the files' order, each once.
        redaction: None where names stay.
        left_out: lines that are no records, from which no names could be taken.
    """

    segments: list[Segment]
    window: Window
    redaction: Redaction | None = None
    losses: dict[tuple[str, int], Lost] = field(default_factory=dict)
    left_out: int = 0

    def lines(self, what: str) -> Iterator[bytes]:
        """The window's lines, without the names if they are to go."""
        with Progress(what, len(self.segments)) as progress:
            for segment in self.segments:
                for part in lines_of((segment,), self.window):
                    yield from self.taken(part)
                progress.step()

    def taken(self, part: bytes | Lost) -> Iterator[bytes]:
        if isinstance(part, Lost):
            self.losses[str(part.path), part.damage.offset] = part
            return
        line = self.redaction.line(part) if self.redaction is not None else part
        if line is None:
            self.left_out += 1
        else:
            yield line

    def learn(self, host: str) -> None:
        """Looks for names in all lines."""
        redaction = Redaction()
        redaction.add("host", host)
        with Progress("searched", len(self.segments)) as progress:
            for segment in self.segments:
                for part in lines_or_losses(segment):
                    if isinstance(part, bytes):
                        redaction.learn(part)
                progress.step()
        self.redaction = redaction


def export(
    config: Config, *, target: str, form: str, start: Given, end: Given, redact: bool, force: bool
) -> int:
    """Writes what was recorded in a window.

    Returns:
        The exit status: 1 as well where a part could not be read, which is then said, and the
        rest written.

    Raises:
        OSError: a file cannot be read or written.
    """
    try:
        files.check(target, force=force)
        if (target, form) == ("-", "capsule") and sys.stdout.isatty():
            raise FileError("a capsule is nothing for a terminal: name a file, or pipe it on")
        source = _source(config, start, end)
        if redact:
            source.learn(config.host_id)
        files.write(target, _FORMS[form](source), force=True)
    except (FileError, TimeError, CapsuleError, TooManyNames, _NothingThere) as error:
        return command.fail(_PROGRAM, str(error))
    except KeyboardInterrupt:
        return command.fail(_PROGRAM, "stopped; nothing was written")
    return _tell(source)


def _source(config: Config, start: Given, end: Given) -> _Source:
    folder = config.data_dir / "history"

    def span() -> tuple[datetime, datetime] | None:
        found = span_of(list_segments(folder))
        return None if found is None else (_moment(found[0]), _moment(found[1]))

    since, until = resolve(start, end, span)
    window = Window(*(None if time is None else milliseconds(time) for time in (since, until)))
    segments = segments_of(folder, window)
    if not segments:
        when = " in that time" if window != Window() else ""
        raise _NothingThere(f"{folder}: nothing is recorded there{when}; see `{_PROGRAM} history`")
    return _Source(segments, window)


def _moment(time: int) -> datetime:
    return datetime.fromtimestamp(time / 1000, UTC)


def _tell(source: _Source) -> int:
    """Says on standard error what was taken out, and what could not be read."""
    if source.redaction is not None:
        kinds = Counter(
            new.strip("/").rpartition("-")[0] for new in source.redaction.replaced.values()
        )
        told = ", ".join(f"{n} of kind {kind}" for kind, n in kinds.items())
        print(f"names replaced: {told or 'none'}", file=sys.stderr)
    if source.left_out:
        print(f"{source.left_out} lines are left out: no records, so they may hold names",
              file=sys.stderr)  # fmt: skip
    for lost in islice(source.losses.values(), _MOST_TOLD):
        damage = lost.damage
        held = f", {damage.extent.lines} lines" if damage.extent is not None else ""
        part = f"{damage.size} bytes from byte {damage.offset} on{held}"
        command.fail(_PROGRAM, f"{lost.path}: {damage.reason} ({part}); that is not in it")
    if len(source.losses) > _MOST_TOLD:
        command.fail(
            _PROGRAM, f"{len(source.losses)} parts in all; see `{_PROGRAM} history verify`"
        )
    return command.FAILED if source.losses else 0


def _jsonl(source: _Source) -> Iterator[bytes]:
    return source.lines("exported")


def _csv(source: _Source) -> Iterator[bytes]:
    """A row for each time at which there are figures, a column for each series."""
    names: dict[str, None] = {}
    count = 0
    for line in source.lines("searched"):
        count += 1
        names |= dict.fromkeys(_figures(line)[1])
        if len(names) > _MOST_COLUMNS:
            raise FileError(f"more than {_MOST_COLUMNS} columns: choose a shorter window")
    series = sorted(names)
    yield _row(("time", *series))
    for time, figures in _rows(islice(source.lines("exported"), count)):
        yield _row((time_text(time), *(figures.get(each, "") for each in series)))


def _rows(lines: Iterable[bytes]) -> Iterator[tuple[int, dict[str, float]]]:
    """Figures of one time; where a series has two of it (the clock went back), a row for each."""
    row: dict[str, float] = {}
    last = 0
    for line in lines:
        time, figures = _figures(line)
        if row and figures and (time != last or row.keys() & figures.keys()):
            yield last, row
            row = {}
        if figures:
            last = time
            row |= figures
    if row:
        yield last, row


def _figures(line: bytes) -> tuple[int, dict[str, float]]:
    """The time of an event, and its series with their figures if it has any."""
    with suppress(ValueError):
        record = parse(line)
        path = state_path(record.name)
        if path is not None:
            found = leaves(record.data)
            figures = {f"{path}.{name}": v for name, v in found if type(v) in (int, float)}
            return record.time, figures
    return 0, {}


def _row(values: Iterable[Any]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(values)
    return text.getvalue().encode("utf-8", "replace")


def _capsule(source: _Source) -> Iterator[bytes]:
    return capsules.pack(_entries(source))


def _entries(source: _Source) -> Iterator[tuple[str, bytes]]:
    """What a capsule has in it: whole segments, as they are if no names are to go."""
    checkpoint = _checkpoint(source)
    about = {
        "version": capsules.VERSION,
        "program": VERSION,
        "python": platform.python_version(),
        "time": time_text(milliseconds(datetime.now(UTC))),
        "from": None if source.window.start is None else time_text(source.window.start),
        "to": None if source.window.end is None else time_text(source.window.end),
        "redacted": [*FIELDS] if source.redaction is not None else None,
        "catalogue_id": checkpoint.catalogue_id if checkpoint else None,
        "catalogue": checkpoint.catalogue if checkpoint else None,
    }
    content = capsules.as_json(about)
    if source.redaction is not None:
        content = source.redaction.line(content) or b""
    yield capsules.ABOUT, content
    with Progress("exported", len(source.segments)) as progress:
        for segment in source.segments:
            yield segment.name + COLUMNS, _columns(source, segment)
            progress.step()
    if source.losses or source.left_out:
        losses = [
            {"segment": f"{lost.path.parent.name}/{lost.path.stem}", "offset": lost.damage.offset,
             "size": lost.damage.size, "reason": lost.damage.reason}
            for lost in source.losses.values()
        ]  # fmt: skip
        told = {"losses": losses, "lines_left_out": source.left_out}
        yield capsules.LOSSES, capsules.as_json(told)


def _columns(source: _Source, segment: Segment) -> bytes:
    if source.redaction is None and segment.columns is not None:
        with suppress(FileNotFoundError):
            content = segment.columns_path.read_bytes()
            if not any(isinstance(part, Damage) for part in columns.read(content)):
                return content
    parts = lines_or_losses(segment)
    return columns.encode(b"".join(line for part in parts for line in source.taken(part)))


def _checkpoint(source: _Source) -> Checkpoint | None:
    """The first one, with the catalogue in force then, which may be in a segment before."""
    first = _first_checkpoint(source.segments[0])
    if first is None or first.catalogue is not None:
        return first
    day = source.segments[0].name[:10]
    earlier = [s for s in list_segments(source.segments[0].folder, day, day)
               if s.name < source.segments[0].name]  # fmt: skip
    for segment in (*reversed(earlier), *source.segments[1:]):
        found = _first_checkpoint(segment)
        if found and found.catalogue is not None and found.catalogue_id == first.catalogue_id:
            return found
    return first


def _first_checkpoint(segment: Segment) -> Checkpoint | None:
    with suppress(ValueError, FileNotFoundError):
        for part in segment.lines():
            return read_checkpoint(part) if isinstance(part, bytes) else None
    return None


_FORMS: dict[str, Callable[[_Source], Iterator[bytes]]] = {
    "jsonl": _jsonl,
    "csv": _csv,
    "capsule": _capsule,
}
