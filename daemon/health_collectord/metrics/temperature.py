"""Temperatures, from hwmon and thermal zones in sysfs, in millidegrees.

Kernel documentation: hwmon/sysfs-interface, driver-api/thermal/sysfs-api.
"""

import errno
import re
from dataclasses import dataclass
from fnmatch import translate
from pathlib import Path
from time import monotonic
from typing import Annotated, Any

from health_collectord.host import Host, KernelFile
from health_collectord.thermometers import NOT_THE_CPU, Thermometer, look, named, places
from health_collectord.vocabulary import (
    Above,
    Below,
    Gauge,
    Lines,
    Metric,
    Options,
    Row,
    Rows,
    Table,
    Telemetry,
    Text,
    Unavailable,
    Unit,
)
from health_collectord.workers import NOT_YET, NOTHING, Reading, Workers

_VANISHED = frozenset({errno.ENOENT, errno.ENODEV, errno.ENXIO})
_LOOK_AGAIN = 60.0  # seconds between two searches for sensors
_LOOK_SOON = 10.0  # the same, after one has vanished
_LIMITS_AGAIN = 600.0  # seconds between two readings of a sensor's limits
_PATIENCE = 3  # samples in a row in which no sensor may answer

# Each reading takes a 1-Wire thermometer 0.75 s (w1_therm), and a drive a command, which hangs
# when the drive does.
_KNOWN_SLOW = frozenset({"w1_slave_temp", "nvme", "drivetemp"})
_READERS, _SEARCHERS = 4, 2  # threads at most
_FIRST = 1.0  # seconds that the first sample waits for the sensors not known to be slow
_LATER = 0.02  # the same, for a later search
_SOON = 10.0  # seconds for which a first search is waited for

# What a chip with eight bits says of an input to which nothing is connected.
_UNCONNECTED = frozenset({127_000, 128_000})


@dataclass(slots=True, frozen=True, kw_only=True)
class TemperatureOptions(Options):
    hide: Annotated[
        tuple[str, ...],
        "glob patterns of sensors not to read. A drive's sensor is read by a command to the drive,"
        " which can keep it from spinning down, and which hangs when the drive does",
    ] = ("nvme*", "drivetemp*")


@dataclass(slots=True, frozen=True, kw_only=True)
class Sensor(Row):
    celsius: Annotated[
        float | None, Gauge(Unit.CELSIUS, "temperature; null if it did not answer", label="Now")
    ]
    high_celsius: Annotated[
        float | None,
        Gauge(Unit.CELSIUS, "where its maker calls it hot", history=False, label="High"),
    ]
    critical_celsius: Annotated[
        float | None,
        Gauge(Unit.CELSIUS, "where its maker calls it critical", history=False, label="Critical"),
    ]
    margin_celsius: Annotated[
        float | None,
        Gauge(
            Unit.CELSIUS,
            "how far it is below critical, or below hot where its maker names nothing else",
            history=False,
            label="margin",
        ),
    ]
    age_seconds: Annotated[
        float | None,
        Gauge(
            Unit.SECONDS,
            "how old the temperature is at most, of a sensor that is slow and therefore read apart;"
            " null for one that is read now",
            history=False,
            label="Age",
        ),
    ]
    reason: Annotated[str | None, Text("why it did not answer")]


@dataclass(slots=True, frozen=True, kw_only=True)
class TemperatureUpdated(Telemetry):
    cpu_celsius: Annotated[
        float | None,
        Gauge(Unit.CELSIUS, "the CPU; null if no sensor can be the CPU's", label="CPU"),
    ]
    cpu_sensor: Annotated[str | None, Text("the sensor that is taken for the CPU's")]
    sensors: Annotated[
        tuple[Sensor, ...], Rows("every sensor, under its chip's name and label", label="Sensor")
    ]


class TemperatureReader:
    """Reads each sensor; one that does not answer is null with a reason.

    A sensor that is slow is read apart (`Reading`), by one of a few threads, and given with its
    age. So is what finds them: at the first sample, once a minute, and soon after one has
    vanished. A driver that never answers keeps its thread, and nothing else.

    Raises:
        Unavailable: there is no sensor, or none has answered for some samples.
        ValueError: what the sensors hold are not numbers, all of them.
    """

    def __init__(self, host: Host, options: TemperatureOptions) -> None:
        self._sysfs = host.sysfs
        self._hidden = re.compile("|".join(map(translate, options.hide)) or "(?!)")
        self._readers = Workers("thermometer", _READERS)
        self._searchers = Workers("thermometers", _SEARCHERS)
        self._looks: dict[Path, _Look] = {}
        self._pending: list[_Look] = []
        self._sources: list[_Source] = []
        self._look_at = float("-inf")
        self._began: float | None = None
        self._silent = 0

    def read(self, now: float) -> TemperatureUpdated | None:
        if now >= self._look_at or self._pending:
            self._search(now)
        if not self._sources:
            if self._pending and self._began is not None and now - self._began <= _SOON:
                return None
            self._look_at = now
            raise Unavailable(
                "no temperature sensor: neither a thermal zone nor hwmon has one to show"
            )
        rows = []
        best, cpu, sensor = NOT_THE_CPU, None, None
        then = monotonic()
        for source in self._sources:
            reading = source.reading
            if reading.apart and not reading.joins():
                reading.ask(now, self._readers)
                row = source.row_apart(now)
                then = monotonic()
            else:
                row = source.row()
                before, then = then, monotonic()
                reading.judge(row, now, then - before)
            rows.append(row)
            celsius = row.celsius
            if celsius is None:
                if row.reason == "vanished":
                    self._look_at = min(self._look_at, now + _LOOK_SOON)
            elif source.rank < best or (source.rank == best and cpu is not None and celsius > cpu):
                best, cpu, sensor = source.rank, celsius, source.key
        self._judge_silence(rows)
        return TemperatureUpdated(cpu_celsius=cpu, cpu_sensor=sensor, sensors=tuple(rows))

    def _search(self, now: float) -> None:
        """Sets going what finds sensors, and takes up what it has found by now."""
        until = monotonic()
        if now >= self._look_at:
            until += _FIRST if self._began is None else _LATER
            self._began = now if self._began is None else self._began
            self._look_at = now + _LOOK_AGAIN
            self._looks = {p: self._looks.get(p) or _Look(p) for p in places(self._sysfs)}
            for one in self._looks.values():
                one.again(self._searchers)
            self._pending = list(self._looks.values())
        running = [one for one in self._pending if not one.work.wait(until)]
        if self._pending and len(running) == len(self._pending):
            return
        self._pending = running
        self._take_up(now)
        quick = [source for source in self._sources if not source.reading.slow]
        for source in quick:
            source.reading.wait(until)
        for source in self._sources:
            source.renew(now, self._searchers)
        for source in quick:
            source.limits_work.wait(until)

    def _take_up(self, now: float) -> None:
        known = {source.thermometer: source for source in self._sources}
        found = named(t for one in self._looks.values() for t in one.found)
        self._sources = []
        for key, thermometer in found.items():
            if self._hidden.match(thermometer.name) or self._hidden.match(key):
                continue
            source = known.get(thermometer) or _Source(thermometer)
            source.found(key)
            if source.reading.apart:
                source.reading.ask(now, self._readers)
            self._sources.append(source)

    def _judge_silence(self, rows: list[Sensor]) -> None:
        if any(row.celsius is not None or row.reason == NOT_YET for row in rows):
            self._silent = 0
            return
        if all((row.reason or "").startswith("not a ") for row in rows):
            raise ValueError(f"{self._sources[0].thermometer.input}: {rows[0].reason}")
        self._silent += 1
        if self._silent >= _PATIENCE:
            self._look_at = float("-inf")
            raise Unavailable(f"no temperature sensor answers; {rows[0].key}: {rows[0].reason}")


class _Look:
    """What there is in a zone's or chip's folder; looking takes long where its driver does."""

    def __init__(self, place: Path) -> None:
        self.found: tuple[Thermometer, ...] = ()
        self.work = NOTHING
        self._place = place

    def again(self, workers: Workers) -> None:
        if self.work.done:
            self.work = workers.do(self._look)

    def _look(self) -> None:
        self.found = look(self._place)


class _Source:
    """A sensor with its files open, and the row that they gave last."""

    def __init__(self, thermometer: Thermometer) -> None:
        self.thermometer = thermometer
        self.key = thermometer.name
        self.rank = thermometer.rank
        self.reading = Reading(self.row, thermometer.chip in _KNOWN_SLOW)
        self.limits_work = NOTHING
        self._input = KernelFile(str(thermometer.input))
        self._fault = KernelFile(str(thermometer.fault)) if thermometer.fault else None
        # Its file has vanished, and another's may stand there under its name until it is found.
        self._gone = False
        self._limits: tuple[float | None, float | None] = (None, None)
        self._limits_due = float("-inf")
        self._row: Sensor | None = None
        self._made_of: tuple[Any, ...] = ()

    def found(self, key: str) -> None:
        """It is there, under that key."""
        self.key, self._gone = key, False

    def renew(self, now: float, workers: Workers) -> None:
        """Has its limits read, now and then: they change rarely. First its temperature counts."""
        if now >= self._limits_due and self.limits_work.done and self.reading.answered:
            self._limits_due = now + _LIMITS_AGAIN
            self.limits_work = workers.do(self._read_limits)

    def row(self) -> Sensor:
        """Its row now; the same as before where nothing has changed."""
        row = self._row
        made_of = ("vanished" if self._gone else self._content(), self._limits, self.key)
        if row is None or made_of != self._made_of:
            row = self._row = self._row_of(*_parse(made_of[0], self.thermometer))
            self._made_of = made_of
        return row

    def row_apart(self, now: float) -> Sensor:
        """Its row as it was read apart, if that is not too old."""
        last = self.reading.last(now)
        if isinstance(last, str):
            return self._row_of(None, last)
        row, age = last
        return self._row_of(row.celsius, row.reason, round(age, 1))

    def _content(self) -> bytes | str:
        """What its file holds, or why there is nothing to be had of it."""
        try:
            content = self._input.read()
            if self._fault is not None and self._fault.read().strip() == b"1":
                return "its driver says that it is faulty"
        except OSError as error:
            self._gone = error.errno in _VANISHED
            return "vanished" if self._gone else error.strerror or str(error)
        return content

    def _read_limits(self) -> None:
        high, critical = (
            min((found for limit in limits if (found := limit.read()) is not None), default=None)
            for limits in (self.thermometer.high, self.thermometer.critical)
        )
        self._limits = (high, critical)

    def _row_of(
        self, celsius: float | None, reason: str | None, age: float | None = None
    ) -> Sensor:
        high, critical = self._limits
        limit = high if critical is None else critical
        return Sensor(
            key=self.key,
            celsius=celsius,
            high_celsius=high,
            critical_celsius=critical,
            margin_celsius=None if limit is None or celsius is None else round(limit - celsius, 1),
            age_seconds=None if celsius is None else age,
            reason=reason,
        )


def _parse(content: bytes | str, thermometer: Thermometer) -> tuple[float | None, str | None]:
    """The temperature, or the reason why there is none."""
    if isinstance(content, str):
        return None, content
    try:
        millidegrees = int(content)
    except ValueError:
        return None, f"not a number: {content[:20]!r}"
    if not -273_150 <= millidegrees <= 1_000_000:
        return None, f"not a temperature: {content[:20]!r}"
    if thermometer.number and abs(millidegrees) in _UNCONNECTED:
        return None, f"nothing is connected: {millidegrees // 1000} °C is the end of its range"
    return round(millidegrees / 1000, 1) + 0.0, None  # there is no -0.0


_ADVICE = (
    "Give it air, a heat sink or a fan, clear its vents of dust, and see what keeps the CPU busy:"
    " top."
)

_MARGIN_ADVICE = (
    "It is near what its maker calls critical. Give it air, and clear its vents of dust. If it"
    " cannot be true, hide the sensor."
)

METRIC = Metric(
    title="Temperature",
    message=TemperatureUpdated,
    state="system.temperature",
    reader=TemperatureReader,
    interval=1.0,
    order=60,
    options=TemperatureOptions,
    # A Raspberry Pi slows down between 80 and 85 °C (its documentation: frequency management);
    # PC processors do so between 90 and 105.
    rules=(
        Above("cpu_celsius", warning=80, critical=90, advice=_ADVICE),
        Below("margin_celsius", warning=5, critical=0, rows="sensors", advice=_MARGIN_ADVICE),
    ),
    card=Table(
        "Temperature",
        rows="sensors",
        columns=("celsius", "high_celsius", "critical_celsius", "age_seconds", "reason"),
        lines=("cpu_celsius",),
    ),
    charts=(
        Lines("CPU temperature", ("cpu_celsius",)),
        Lines("Temperatures", ("celsius",), rows="sensors"),
    ),
)
