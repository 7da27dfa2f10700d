"""From message to record: what an event is called, what it carries, and its JSON, made once.

bussdcc's messages have no names of their own. Here a message is named after its class:
`MemoryUsageUpdated` in the namespace ``system`` is ``system.memory.usage.updated``, bussdcc's
`RuntimeBooted` is ``runtime.booted``. A message that says its own name (`event`) keeps it.
"""

import json
import re
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from operator import attrgetter
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from bussdcc.event import Event
from bussdcc.message import Message
from health_wire.tree import FrozenDict

_WORD = re.compile(r"[A-Z][a-z0-9]*")
_dumps = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def event_name(message: type) -> str:
    """The dotted name of a message class: ``namespace.`` if it has one, then its words."""
    words = ".".join(_WORD.findall(message.__name__)).lower()
    namespace = getattr(message, "namespace", "")
    return f"{namespace}.{words}" if namespace else words


class _Once(dict[type, Any]):
    """What is worked out for a class when it is first met."""

    def __init__(self, work_out: Callable[[type], Any]) -> None:
        super().__init__()
        self._work_out = work_out

    def __missing__(self, cls: type) -> Any:
        found = self[cls] = self._work_out(cls)
        return found


def _namer(cls: type) -> Callable[[Message], str]:
    if hasattr(cls, "event_name"):
        return attrgetter("event_name")
    name = event_name(cls)
    return lambda _: name


def _reader(cls: type) -> Callable[[Any], Any]:
    """A function from an instance of this dataclass to a frozen dict of its fields."""
    names = tuple(f.name for f in fields(cls))
    if not names:
        return lambda _: FrozenDict()
    get = attrgetter(*names)
    if len(names) == 1:
        return lambda m: FrozenDict({names[0]: _plain(get(m))})
    hints = get_type_hints(cls)
    if all(_is_plain(hints[name]) for name in names):  # most rows, and so most of all fields
        return lambda m: FrozenDict(zip(names, get(m), strict=True))
    return lambda m: FrozenDict(zip(names, map(_plain, get(m)), strict=True))


_namers = _Once(_namer)
_readers = _Once(_reader)


def _is_plain(hint: Any) -> bool:
    """Whether values of this type are JSON as they are."""
    parts = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    return all(part in (int, float, str, bool, NoneType) for part in parts)


def _plain(value: Any) -> Any:
    if value is None or type(value) in (int, float, str, bool):
        return value
    if isinstance(value, tuple | list):
        return tuple(map(_plain, value))
    if isinstance(value, FrozenDict):
        return value
    if isinstance(value, dict):
        return FrozenDict((str(k), _plain(v)) for k, v in value.items())
    if isinstance(value, Event):  # bussdcc's error messages carry the event that caused them
        return FrozenDict(time=format_time(value.time), name=name_of(value.payload))
    if is_dataclass(value):
        return _readers[type(value)](value)
    if isinstance(value, datetime):
        return format_time(value)
    if isinstance(value, Enum):
        return value.value
    return repr(value)


def name_of(message: Message) -> str:
    """The name of the event that carries this message."""
    name: str = _namers[type(message)](message)
    return name


def data_of(message: Message) -> Any:
    """What the event carries: the message's fields as immutable JSON values."""
    own: Callable[[], Any] | None = getattr(message, "event_data", None)
    return _plain(own()) if own else _readers[type(message)](message)


_last_time: tuple[datetime | None, str] = (None, "")


def format_time(time: datetime) -> str:
    """UTC with milliseconds, ``2026-01-01T12:00:00.000Z``; all events of a tick share one."""
    global _last_time
    last, text = _last_time
    if last is not time:
        text = f"{time.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"
        _last_time = (time, text)
    return text


class SequencedEvent(Event[Message]):
    """An event in its place: what the bus hands to every handler.

    Attributes:
        seq: its place in the one total order, from 1, without holes.
        name: the event's name.
        data: the message's fields as immutable JSON values.
        core: the JSON members ``"time":...,"name":...,"data":...`` without braces, in UTF-8,
            made once and used by the log, the console and the wire alike.

    Raises:
        ValueError: the data holds NaN or an infinity, which JSON has not.
    """

    __slots__ = ("core", "data", "name", "seq")

    def __init__(self, event: Event[Message], seq: int) -> None:
        super().__init__(event.time, event.payload)
        set_ = object.__setattr__
        name = name_of(event.payload)
        data = data_of(event.payload)
        core = f'"time":"{format_time(event.time)}","name":"{name}","data":{_dumps(data)}'
        set_(self, "seq", seq)
        set_(self, "name", name)
        set_(self, "data", data)
        # Names of mounts and the like need not be UTF-8; what is not becomes a question mark.
        set_(self, "core", core.encode("utf-8", "replace"))

    seq: int
    name: str
    data: Any
    core: bytes

    @property
    def record(self) -> bytes:
        """The line on the console and in the log."""
        return b'{%b,"seq":%d}\n' % (self.core, self.seq)
