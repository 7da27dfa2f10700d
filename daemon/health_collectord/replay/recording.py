"""What was recorded: the lines of ``history/YYYY-MM-DD/HH-MM-SS``, as events again."""

import json
import logging
import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from itertools import chain
from pathlib import Path
from typing import Any, NoReturn

from bussdcc.event import Event
from bussdcc.io import EventSourceProtocol
from bussdcc.message import Message
from health_archive.checkpoints import NAME as CHECKPOINT
from health_archive.columns import Damage
from health_archive.recovery import NAME as RECOVERED
from health_archive.segments import COLUMNS, TEXT, Segment
from health_wire.tree import state_path

_NAME = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
_LONGEST_LINE = 1 << 20
_MOST_COMPLAINTS = 5
BOOTING = "runtime.booting"
_log = logging.getLogger(__name__)


class RecordingError(Exception):
    """There is nothing to replay; the text says where and what was looked for."""


class Replayed(Message):
    """What a replay consists of; all else that its runtime says is its own affair."""


@dataclass(slots=True, frozen=True)
class Recorded(Replayed):
    """An event as it was recorded, under its own name and with its own data."""

    event_name: str
    data: Any

    def event_data(self) -> Any:
        return self.data


class Recording(EventSourceProtocol):
    """Recorded events in the order in which they happened, as often as it is iterated.

    Files are read in the order of their names, which is that of their times, and line by line.
    A line that is no record (the last before a power cut, for one) is left out, and said.

    Args:
        paths: files, and directories of which all segments below are taken, be they text
            (``*.jsonl``) or columns (``*.events``).

    Raises:
        RecordingError: a path is not there, or has no such file below it.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self.files = tuple(chain.from_iterable(map(_files, paths)))

    def __iter__(self) -> Iterator[Event[Message]]:
        return self._events(self.files)

    def _events(self, files: Sequence[Path]) -> Iterator[Event[Message]]:
        complaints = 0
        for path in files:
            for number, line in enumerate(_lines(path), 1):
                try:
                    event = _parse(line)
                    if event is not None:
                        yield event
                except (ValueError, RecursionError) as error:
                    complaints += 1
                    if complaints <= _MOST_COMPLAINTS:
                        _log.warning("%s, line %d is left out: %s", path, number, error)
        if complaints > _MOST_COMPLAINTS:
            _log.warning("%d lines were left out in all", complaints)

    def host(self) -> str | None:
        """Which host was recorded, as it first says so itself; None where it never does."""
        for event in self:
            match event.payload:
                case Recorded("collector.started", {"host": str(host)}):
                    return host
        return None

    def last(self, moment: time) -> datetime:
        """The last time that was recorded at that time of day, in UTC.

        Raises:
            RecordingError: there is none.
        """
        first, newest = next(iter(self), None), deque[Event[Message]](maxlen=1)
        for path in reversed(self.files):
            newest.extend(self._events((path,)))
            if newest:
                break
        if first is None or not newest:
            raise RecordingError("nothing was recorded")
        found = datetime.combine(newest[0].time.date(), moment, UTC)
        if found > newest[0].time:
            found -= timedelta(days=1)
        if found < first.time:
            since = f"{first.time:%Y-%m-%d %H:%M}"
            raise RecordingError(f"{moment:%H:%M} was not recorded: it begins at {since}")
        return found

    def known_at(self, start: datetime) -> tuple[list[Event[Message]], Iterator[Event[Message]]]:
        """What was known by then, and what happened from then on.

        The first is the newest event of each part of the state, since the collector's last start.
        """
        known: dict[str, Event[Message]] = {}
        events = iter(self)
        for event in events:
            if event.time >= start:
                return list(known.values()), chain((event,), events)
            payload = event.payload
            assert isinstance(payload, Recorded)
            if payload.event_name == BOOTING:
                known.clear()
            elif state_path(payload.event_name) is not None:
                known.pop(payload.event_name, None)
                known[payload.event_name] = event
        return list(known.values()), events


def _files(path: Path) -> list[Path]:
    try:
        found = [path]
        if path.is_dir():
            columns, texts = path.rglob(f"*{COLUMNS}"), path.rglob(f"*{TEXT}")
            # Of a segment in both forms the columns are read: they carry checksums.
            found = sorted({f.with_suffix(""): f for f in (*texts, *columns)}.values())
        for file in found:
            file.open("rb").close()
    except OSError as error:
        raise RecordingError(f"{error.filename}: {error.strerror}") from None
    if not found:
        raise RecordingError(f"{path}: no recording (*{TEXT}, *{COLUMNS}) below this directory")
    return found


def _lines(path: Path) -> Iterator[bytes]:
    try:
        if path.suffix == COLUMNS:
            for part in Segment(path.parent, path.stem).lines():
                if isinstance(part, Damage):
                    _log.warning("%s: %s (at byte %d)", path, part.reason, part.offset)
                else:
                    yield part
            return
        with path.open("rb") as file:
            while line := file.readline(_LONGEST_LINE):
                yield line
    except OSError as error:  # it was there when the replay began
        _log.warning("%s is left out from here on: %s", path, error.strerror)


def _parse(line: bytes) -> Event[Message] | None:
    """The event of a line; None for what the record says of itself, which never was one."""
    record = json.loads(line, parse_constant=_no_number)
    match record:
        case {"name": name} if name in (CHECKPOINT, RECOVERED) and "seq" not in record:
            return None
        case {"time": str(text), "name": str(name), "data": data} if _NAME.fullmatch(name):
            return Event(time=_time(text), payload=Recorded(name, data))
    raise ValueError("not an object with 'time', 'name' and 'data'")


def _time(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(f"a time without its zone: {text}")
    return found.astimezone(UTC)


def _no_number(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON number")
