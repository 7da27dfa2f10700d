"""The words in which a metric is declared.

A metric module reads from top to bottom: what it publishes (a frozen message whose fields say
their unit), how it is read, when it is a problem, and how a page may draw it. Everything that
others need to know about a metric, be it the wire's catalogue, the history or the page, is
derived from these declarations.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Protocol, get_args, get_origin, get_type_hints

from bussdcc.message import Message

from health_collectord.host import Host


class Unit(StrEnum):
    """Base units. A field in any unit but the first two carries the unit as its name's ending."""

    PERCENT = "percent"  # 0-100
    COUNT = "count"
    BYTES = "bytes"
    BYTES_PER_SECOND = "bytes_per_second"
    BITS_PER_SECOND = "bits_per_second"
    PER_SECOND = "per_second"
    SECONDS = "seconds"
    CELSIUS = "celsius"
    HERTZ = "hertz"
    VOLTS = "volts"
    RPM = "rpm"


@dataclass(slots=True, frozen=True)
class Gauge:
    """A number that goes up and down; kept in the history unless ``history`` is false.

    Every kind may have a `label`, where a person would call the field otherwise than its name.
    """

    unit: Unit
    doc: str
    history: bool = True
    label: str = ""


@dataclass(slots=True, frozen=True)
class Text:
    """Words: a name, a state, a version."""

    doc: str
    label: str = ""


@dataclass(slots=True, frozen=True)
class Time:
    """An instant, as ISO 8601 text in UTC."""

    doc: str
    label: str = ""


@dataclass(slots=True, frozen=True)
class Flag:
    """True, false, or null where the source cannot know."""

    doc: str
    advice: str = ""
    label: str = ""


@dataclass(slots=True, frozen=True)
class Rows:
    """A tuple of `Row`: mounts, interfaces, cores, sensors."""

    doc: str
    label: str = ""


FieldKind = Gauge | Text | Time | Flag | Rows


def rounded(value: float, parts: int = 10) -> float:
    """A figure of at least 0 to the nearest tenth, or other part of one.

    ``round`` goes by way of text, which costs several times as much.
    """
    return int(value * parts + 0.5) / parts


@dataclass(slots=True, frozen=True, kw_only=True)
class Row:
    """One of several alike things; `key` names it and is unique within its rows."""

    key: Annotated[str, Text("what this row is about")]


@dataclass(slots=True, frozen=True, kw_only=True)
class Telemetry(Message):
    """A message that carries one metric's sample. Named after its class, below ``system.``."""

    namespace: ClassVar[str] = "system"


class Unavailable(Exception):
    """This machine does not have it. Not an error: the card says so quietly."""


class NotPermitted(Unavailable):
    """This machine has it, but we may not read it; the text says how to grant it."""


class Reader(Protocol):
    """Reads one metric from the host, once per interval."""

    def read(self, now: float) -> Telemetry | None:
        """The sample at monotonic time `now` in seconds, or None while a rate has no first delta.

        Raises:
            Unavailable, NotPermitted: see there.
            OSError, ValueError: the source is there but failed or is garbage.
        """


@dataclass(slots=True, frozen=True)
class Above:
    """A problem from `warning` upwards, worse from `critical`; null thresholds never hold.

    `advice` is what a person does about it.
    """

    field: str
    warning: float | None = None
    critical: float | None = None
    rows: str | None = None
    advice: str = ""
    kind: ClassVar[str] = "above"


@dataclass(slots=True, frozen=True)
class Below:
    """A problem from `warning` downwards, worse from `critical`."""

    field: str
    warning: float | None = None
    critical: float | None = None
    rows: str | None = None
    advice: str = ""
    kind: ClassVar[str] = "below"


@dataclass(slots=True, frozen=True)
class Raised:
    """A problem of the given severity while the flag, whose advice it shares, is true.

    It is critical in the rows whose key is like one of `critical_rows`, glob patterns.
    """

    field: str
    severity: str  # "warning" or "critical"
    rows: str | None = None
    critical_rows: tuple[str, ...] = ()
    kind: ClassVar[str] = "raised"


Rule = Above | Below | Raised


def with_threshold(rule: Rule, severity: str, value: float | None) -> Rule:
    """The rule with another threshold for a severity; a raised flag has none."""
    if isinstance(rule, Raised):
        return rule
    if severity == "critical":
        return replace(rule, critical=value)
    return replace(rule, warning=value)


@dataclass(slots=True, frozen=True)
class Figures:
    """A card with lines of label and value, and a bar for the one that has a natural whole."""

    title: str
    lines: tuple[str, ...]
    bar: str | None = None
    kind: ClassVar[str] = "figures"


@dataclass(slots=True, frozen=True)
class Table:
    """A card with one line per row: `columns` of the rows field `rows`."""

    title: str
    rows: str
    columns: tuple[str, ...]
    bar: str | None = None
    lines: tuple[str, ...] = ()
    kind: ClassVar[str] = "table"


@dataclass(slots=True, frozen=True)
class Flags:
    """A card of flags, what holds now apart from what has occurred since boot."""

    title: str
    now: tuple[str, ...]
    since_boot: tuple[str, ...]
    lines: tuple[str, ...] = ()
    kind: ClassVar[str] = "flags"


@dataclass(slots=True, frozen=True)
class Facts:
    """A card of things that hardly ever change; shown last."""

    title: str
    lines: tuple[str, ...]
    kind: ClassVar[str] = "facts"


Card = Figures | Table | Flags | Facts


@dataclass(slots=True, frozen=True)
class Lines:
    """A chart over time: `series` of the message, or of each row of `rows`."""

    title: str
    series: tuple[str, ...]
    rows: str | None = None
    range: tuple[float, float] | None = None
    stacked: bool = False
    kind: ClassVar[str] = "lines"


@dataclass(slots=True, frozen=True, kw_only=True)
class Options:
    """Settings of a metric's own: subclass it; each field needs a default and `Annotated` help.

    In the place of the help stands `Shared` where the field is another metric's setting.
    """


@dataclass(slots=True, frozen=True)
class Shared:
    """An option that takes the value of another metric's, by the key under which that is set."""

    key: str


@dataclass(slots=True, frozen=True, kw_only=True)
class Metric:
    """Everything about one metric.

    Attributes:
        title: what a person calls it.
        message: the sample's class; its event's name follows from it.
        state: the path in the state tree at which the newest sample stands.
        reader: makes a reader for a host; called once, in the service's thread.
        interval: seconds between samples.
        order: place in the catalogue and on the page.
        options: settings of its own.
        blocking: the source may block; such a metric is read in a service of its own.
        on_change: publish only a sample that differs from the one before.
    """

    title: str
    message: type[Telemetry]
    state: str
    reader: Callable[[Host, Any], Reader]
    interval: float
    order: int
    card: Card
    charts: tuple[Lines, ...] = ()
    rules: tuple[Rule, ...] = ()
    options: type[Options] = Options
    blocking: bool = False
    on_change: bool = False


@dataclass(slots=True, frozen=True)
class Field:
    """A message's or row's field as declared: its name, its kind, and for `Rows` the row class."""

    name: str
    kind: FieldKind
    row: type[Row] | None = None


def fields_of(cls: type) -> tuple[Field, ...]:
    """The declared fields of a message or row class, in order.

    Raises:
        TypeError: a field without a kind, or whose name does not end in its unit.
    """
    hints = get_type_hints(cls, include_extras=True)
    return tuple(_field(cls, f.name, hints[f.name]) for f in fields(cls))


def _field(cls: type, name: str, hint: Any) -> Field:
    declared = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    kind = next((a for a in declared[1:] if isinstance(a, FieldKind)), None)
    if kind is None:
        raise TypeError(
            f"{cls.__name__}.{name} does not say what it is: Annotated[..., Gauge(...)]"
        )
    if isinstance(kind, Rows):
        return Field(name, kind, get_args(declared[0])[0])
    free = (Unit.PERCENT, Unit.COUNT)
    if (
        isinstance(kind, Gauge)
        and kind.unit not in free
        and not f"_{name}".endswith(f"_{kind.unit}")
    ):
        raise TypeError(
            f"{cls.__name__}.{name} is in {kind.unit}: its name must end in _{kind.unit}"
        )
    return Field(name, kind)
