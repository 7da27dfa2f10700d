"""A metric as a test declares it, so that no test here depends on a real one."""

from collections.abc import Callable
from typing import Any

from health_collectord.catalogue import Entry
from health_collectord.config import MetricConfig
from health_collectord.host import Host
from health_collectord.vocabulary import Above, Figures, Metric, Options, Rule

from tests.doubles import ProbeUpdated, RowSample

RULES: tuple[Rule, ...] = (Above("used_percent", warning=80.0, critical=90.0),)


class ScriptedReader:
    """Gives, or raises, one outcome after the other; the last for ever."""

    def __init__(self, *outcomes: Any) -> None:
        self.outcomes = list(outcomes)

    def read(self, now: float) -> Any:
        outcome = self.outcomes.pop(0) if len(self.outcomes) > 1 else self.outcomes[0]
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome


def sample(used: float | None = 50.0, **rows: float | None) -> ProbeUpdated:
    return ProbeUpdated(
        used_percent=used,
        rows=tuple(RowSample(key=key, level_percent=level) for key, level in rows.items()),
    )


def metric(
    reader: Callable[[Host, Any], Any] = lambda host, options: ScriptedReader(sample()),
    *,
    name: str = "probe",
    rules: tuple[Rule, ...] = RULES,
    interval: float = 1.0,
    on_change: bool = False,
    options: type[Options] = Options,
) -> Entry:
    declared = Metric(
        title="Probe",
        message=ProbeUpdated,
        state="system.probe",
        reader=reader,
        interval=interval,
        order=1,
        card=Figures("Probe", lines=("used_percent",), bar="used_percent"),
        rules=rules,
        on_change=on_change,
        options=options,
    )
    return Entry(name, declared)


def configured(entry: Entry, interval: float = 1.0, options: Options | None = None) -> MetricConfig:
    return MetricConfig(
        entry=entry,
        enabled=True,
        interval=interval,
        rules=entry.metric.rules,
        options=options or entry.metric.options(),
    )
