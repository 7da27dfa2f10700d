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
from json import encoder
from operator import attrgetter
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from bussdcc.event import Event
from bussdcc.message import Message
from health_wire.tree import FrozenDict

_WORD = re.compile(r"[A-Z][a-z0-9]*")
_encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _text_maker() -> Callable[[Any], str]:
    """What writes JSON: `json`'s own part in C at once, where there is one.

    ``JSONEncoder.encode`` makes a new one for each text, which costs more than the text does.
    """
    make = getattr(encoder, "c_make_encoder", None)
    if make is None:
        return _encoder.encode
    chunks = make(
        None, _encoder.default, encoder.encode_basestring, None, ":", ",", False, False, False
    )
    return lambda value: "".join(chunks(value, 0))


_dumps = _text_maker()


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


class _Form:
    """A dataclass's fields as immutable JSON values, the short way.

    What a class declares is looked at once, so that only those fields are gone through that are
    not immutable JSON values as they are.
    """

    def __init__(self, cls: type) -> None:
        hints = get_type_hints(cls)
        self._names = names = tuple(f.name for f in fields(cls))
        self._get: Callable[[Any], Any] = attrgetter(*names) if len(names) > 1 else _few(names)
        makers = ((i, _maker(hints[name])) for i, name in enumerate(names))
        self._makers = tuple((i, make) for i, make in makers if make is not None)

    def data(self, instance: Any) -> FrozenDict:
        values = self._get(instance)
        if self._makers:
            values = list(values)
            for i, make in self._makers:
                values[i] = make(values[i])
        return FrozenDict(zip(self._names, values, strict=True))


def _few(names: tuple[str, ...]) -> Callable[[Any], Any]:
    return lambda instance: tuple(getattr(instance, name) for name in names)


def _maker(hint: Any) -> Callable[[Any], Any] | None:
    """How a field of this type becomes immutable JSON values; None where it is one already."""
    parts = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    if all(part in (int, float, str, bool, NoneType) for part in parts):
        return None
    row = _row_of(hint)
    if row is None:
        return _plain
    make = _forms[row].data
    return lambda rows: tuple(map(make, rows))


def _row_of(hint: Any) -> type | None:
    """The dataclass of which such a field is a tuple."""
    match get_args(hint) if get_origin(hint) is tuple else ():
        case (type() as row, kind) if kind is ... and is_dataclass(row):
            return row
    return None


_namers = _Once(_namer)
_forms = _Once(_Form)


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
        return _forms[type(value)].data(value)
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
    return _plain(own()) if own else _forms[type(message)].data(message)


_last_time: tuple[datetime | None, str] = (None, "")


def format_time(time: datetime) -> str:
    """UTC with milliseconds, ``2026-01-01T12:00:00.000Z``; all events of a tick share one."""
    global _last_time
    last, text = _last_time
    if last is not time:
        text = f"{time.isoformat(timespec='milliseconds')[:23]}Z"
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
        payload = event.payload
        name = name_of(payload)
        data = data_of(payload)
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
