"""What was recorded: the lines of ``history/YYYY-MM-DD/HH-MM-SS``, as events again."""

import json
import logging
import math
import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, islice, takewhile
from pathlib import Path
from typing import Any, NoReturn

from bussdcc.event import Event
from bussdcc.io import EventSourceProtocol
from bussdcc.message import Message
from health_archive.checkpoints import NAME as CHECKPOINT
from health_archive.checkpoints import Checkpoint, read_checkpoint
from health_archive.recovery import NAME as RECOVERED
from health_wire.tree import FrozenDict, state_path

from health_collectord.events import SequencedEvent
from health_collectord.replay.sources import RecordingError, Source, sources_of

__all__ = ["BOOTING", "Reading", "Recorded", "Recording", "RecordingError", "Replayed"]

# As a collector writes its lines; others' are read as whatever JSON they are.
_BEGIN = re.compile(
    r'\{"time":"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{12}Z)","name":"'
    r'([A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*)","data":(?=[^ \t\r\n])'
)
_END = re.compile(r',"seq":([0-9]{1,18})\}\n?\Z')
# An exponent of three digits, or so many digits, may be more than a number can be.
_DIGITS = bytes.maketrans(b"123456789E", b"000000000e")
_LARGE, _LONG = b"e000", b"0" * 200
_NAME = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
_MOST_COMPLAINTS = 5
_MOST_TIMES = 1000
_MOST_PLACES = 10**18
BOOTING = "runtime.booting"
STARTED = "collector.started"
_log = logging.getLogger(__name__)


class Replayed(Message):
    """What a replay consists of; all else that its runtime says is its own affair."""


@dataclass(slots=True, frozen=True)
class Recorded(Replayed):
    """An event as it was recorded, under its own name and with its own data."""

    event_name: str
    data: Any

    def event_data(self) -> Any:
        return self.data


class RecordedEvent(SequencedEvent):
    """An event of a line whose JSON need not be made again; it gets its place when it is played.

    Args:
        core: what is in the line before its own place, as every event has it.
        seq: its place in the recorded order; 0 where it has none.
    """

    __slots__ = ()

    def __init__(self, time: datetime, payload: Recorded, core: bytes, seq: int) -> None:
        _set(self, "time", time)
        _set(self, "payload", payload)
        _set(self, "name", payload.event_name)
        _set(self, "data", payload.data)
        _set(self, "core", core)
        _set(self, "seq", seq)

    def placed(self, seq: int) -> SequencedEvent:
        """The same in the place that it has in the order of a replay."""
        _set(self, "seq", seq)
        return self


_set = object.__setattr__


class Recording(EventSourceProtocol):
    """Recorded events in the order in which they happened, as often as it is iterated.

    Files are read in the order of their names, which is that of their times, and line by line.
    A line that is no record (the last before a power cut, for one) is left out, and said.

    Args:
        paths: as `sources_of` takes them: files, directories, capsules.

    Raises:
        RecordingError: a path is not there, or has nothing that was recorded.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self.sources = sources_of(paths)

    def __iter__(self) -> Iterator[Event[Message]]:
        return Reading().events(self.sources)

    def host(self) -> str | None:
        """Which host was recorded, as it first says so itself; None where it never does."""
        for number, source in enumerate(self.sources):
            for event in Reading().events((source,)):
                match event.payload:
                    case Recorded("collector.started", {"host": str(host)}):
                        return host
            if not number and (first := checkpoint_of(source)) is not None:
                match first.state:  # it began before all that is there
                    case {"system": {"identity": {"hostname": str(host)}}}:
                        return host
        return None

    def span(self) -> tuple[datetime, datetime] | None:
        """The times of the first and the last event; None where there is none."""
        first = next(iter(self), None)
        for source in reversed(self.sources):
            last = deque(Reading().events((source,)), maxlen=1)
            if first is not None and last:
                return first.time, last[0].time
        return None

    def between(
        self, start: datetime | None, end: datetime | None, paths: Sequence[str] = ()
    ) -> tuple[list[Event[Message]], Iterator[Event[Message]]]:
        """What was known by a time, and what happened from then on until another.

        The first is the newest event of each part of the state, since the collector's last start.

        Args:
            start, end: None where there is no such bound; what happened at the end is left out.
            paths: the state paths that metrics have, to tell a checkpoint's parts by.
        """
        if start is None:
            return [], _until(iter(self), end)
        sources, known = self._since(start, paths)
        events = Reading().events(sources)
        for event in events:
            if event.time >= start:
                return list(known.values()), _until(chain((event,), events), end)
            payload = event.payload
            assert isinstance(payload, Recorded)
            if payload.event_name == BOOTING:
                known.clear()
            elif state_path(payload.event_name) is not None:
                known.pop(payload.event_name, None)
                known[payload.event_name] = event
        return list(known.values()), events

    def _since(
        self, start: datetime, paths: Sequence[str]
    ) -> tuple[Sequence[Source], dict[str, Event[Message]]]:
        """The last sources that begin with all that was known before a time, and that."""
        for number in range(len(self.sources) - 1, 0, -1):
            begin = self.sources[number].begin
            if begin is None or begin > start:
                continue
            found = checkpoint_of(self.sources[number])
            if found is not None:
                return self.sources[number:], _parts(found, paths)
        return self.sources, {}


def _until(events: Iterator[Event[Message]], end: datetime | None) -> Iterator[Event[Message]]:
    return events if end is None else takewhile(lambda event: event.time < end, events)


def checkpoint_of(source: Source) -> Checkpoint | None:
    """What a source begins with, if it is a checkpoint."""
    for line in islice(source.lines(), 1):
        with suppress(ValueError):
            return read_checkpoint(line)
    return None


def _parts(found: Checkpoint, paths: Sequence[str]) -> dict[str, Event[Message]]:
    """A checkpoint's state as the events that it could be of."""
    time = datetime.fromtimestamp(found.time / 1000, UTC)
    names = {path: f"{path}.updated" for path in paths} | {"system.identity": "system.identity"}
    return {
        name: Event(time=time, payload=Recorded(name, data))
        for name, data in _named(found.state, "", names)
    }


def _named(node: FrozenDict, path: str, names: dict[str, str]) -> Iterator[tuple[str, Any]]:
    """Metrics by their paths; of what is no metric, whatever has more in it than objects."""
    for key, value in node.items():
        at = f"{path}.{key}" if path else key
        if at in names:
            yield names[at], value
        elif isinstance(value, dict) and all(isinstance(v, dict | None) for v in value.values()):
            yield from _named(FrozenDict(value), at, names)
        else:
            yield f"{at}.updated", value


class Reading:
    """Makes events of lines, and says which are none."""

    def __init__(self) -> None:
        self._complaints = 0
        self._times: dict[str, datetime] = {}
        decoder: Any = json.JSONDecoder(object_pairs_hook=FrozenDict, parse_constant=_no_number)
        self._scan: Callable[[str, int], tuple[Any, int]] = decoder.scan_once

    def events(self, sources: Sequence[Source]) -> Iterator[RecordedEvent]:
        for source in sources:
            for number, line in enumerate(source.lines(), 1):
                event = self.event_or_none(source, number, line)
                if event is not None:
                    yield event
        if self._complaints > _MOST_COMPLAINTS:
            _log.warning("%d lines were left out in all", self._complaints)

    def event_or_none(self, source: Source, number: int, line: bytes) -> RecordedEvent | None:
        """The event of a line; None for one that is none, which is said."""
        try:
            return self.event(line)
        except (ValueError, RecursionError, StopIteration) as error:
            self._complaints += 1
            if self._complaints <= _MOST_COMPLAINTS:
                _log.warning("%s, line %d is left out: %s", source, number, error or "no JSON")
            return None

    def event(self, line: bytes) -> RecordedEvent | None:
        """The event of a line; None for what the record says of itself, which never was one."""
        text = line.decode()
        begin = _BEGIN.match(text)
        if begin is not None and not _may_be_large(line):
            data, end = self._scan(text, begin.end())
            ends = _END.match(text, end)
            if ends is not None:
                core = line[1:end] if len(line) == len(text) else text[1:end].encode()
                payload = Recorded(begin[2], data)
                return RecordedEvent(self._time(begin[1]), payload, core, int(ends[1]))
        record = json.loads(
            text, object_pairs_hook=FrozenDict, parse_constant=_no_number, parse_float=_finite
        )
        match record:
            case {"name": name} if name in (CHECKPOINT, RECOVERED) and "seq" not in record:
                return None
            case {"time": str(time), "name": str(name), "data": data} if _NAME.fullmatch(name):
                seq = record.get("seq")
                made = SequencedEvent(Event(self._time(time), Recorded(name, data)), 0)
                place = seq if type(seq) is int and 0 < seq < _MOST_PLACES else 0
                return RecordedEvent(made.time, Recorded(name, data), made.core, place)
        raise ValueError("not an object with 'time', 'name' and 'data'")

    def _time(self, text: str) -> datetime:
        """The events of a tick share one."""
        found = self._times.get(text)
        if found is None:
            if len(self._times) >= _MOST_TIMES:
                self._times.clear()
            found = datetime.fromisoformat(text)
            if found.tzinfo is None:
                raise ValueError(f"a time without its zone: {text}")
            found = self._times[text] = found.astimezone(UTC)
        return found


def _may_be_large(line: bytes) -> bool:
    digits = line.translate(_DIGITS, b"+")
    return _LARGE in digits or _LONG in digits


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text:.20} is more than a number can be")
    return number


def _no_number(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON number")
