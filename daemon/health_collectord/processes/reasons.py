"""A verdict's reasons in words: what a problem is about, its figure, what is not known and why."""

from collections.abc import Iterable
from functools import cached_property

from health_collectord.catalogue import Entry
from health_collectord.vocabulary import Gauge, Raised, Rule, Unit, fields_of

_SYMBOLS = {Unit.PERCENT: " %", Unit.CELSIUS: " °C", Unit.VOLTS: " V"}
_PLAIN = ("used_percent", "cpu_celsius")  # what a metric's title alone stands for
_UNKNOWN = {"waiting": "no sample yet", "denied": "not permitted", "failing": "cannot be read"}


class Words:
    """How one metric's problems are called."""

    def __init__(self, entry: Entry) -> None:
        self._entry = entry

    def subject(self, rule: Rule, row: str | None) -> str:
        """What the rule has found something about: ``disk /``, ``under voltage now``."""
        title = within(self._entry.metric.title)
        subject = title if row is None else f"{title} {row}"
        if isinstance(rule, Raised):
            flag = rule.field.replace("_", " ")
            return flag if row is None else f"{subject} {flag}"
        if rule.field in _PLAIN:
            return subject
        _, name = self._units.get((rule.rows, rule.field), (None, rule.field))
        return f"{subject} {name.replace('_', ' ')}"

    def reason(self, rule: Rule, subject: str, value: float | bool) -> str:
        """The subject with its figure: ``disk / 91.2 %``; a flag has none."""
        if isinstance(rule, Raised):
            return subject
        unit, _ = self._units.get((rule.rows, rule.field), (None, ""))
        return f"{subject} {value:.3g}{_SYMBOLS.get(unit, '') if unit else ''}"

    @cached_property
    def _units(self) -> dict[tuple[str | None, str], tuple[Unit, str]]:
        """A gauge's unit and name, in a person's words if it has them, by rows and field."""
        units: dict[tuple[str | None, str], tuple[Unit, str]] = {}
        for outer in self._entry.fields:
            inner = [(outer.name, field) for field in fields_of(outer.row)] if outer.row else []
            for rows, field in [(None, outer), *inner]:
                if isinstance(field.kind, Gauge):
                    name = field.kind.label.lower() or field.name
                    units[rows, field.name] = (field.kind.unit, name)
        return units


def unknown(metrics: Iterable[tuple[str, str]]) -> str:
    """Which metrics, by title and status, are not known and why, each reason once.

    ``memory, load: cannot be read; CPU: stale``
    """
    titles: dict[str, list[str]] = {}
    for title, status in metrics:
        titles.setdefault(_UNKNOWN.get(status, status), []).append(within(title))
    return "; ".join(f"{', '.join(names)}: {why}" for why, names in titles.items())


def within(title: str) -> str:
    """A title as it stands within a sentence: names and abbreviations keep their capitals."""
    return title.lower() if title[1:].islower() else title
