"""Temperatures, from hwmon and thermal zones in sysfs, in millidegrees.

Kernel documentation: hwmon/sysfs-interface, driver-api/thermal/sysfs-api.
"""

import errno
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import translate
from pathlib import Path
from typing import Annotated

from health_collectord.host import Host, KernelFile
from health_collectord.vocabulary import (
    Above,
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

# The sensors that are the CPU's, best first; the hottest of the best kind that answers counts.
# k10temp: Tdie is measured, Tctl is for the fan and may be offset (hwmon/k10temp). The Pi's zone
# is cpu-thermal, cpu_thermal or bcm2835_thermal, by the kernel's age; the Pi 5's rp1_adc is its
# south bridge.
_CPU = tuple(
    re.compile(pattern)
    for pattern in (
        r"(cpu[-_]thermal|bcm2835_thermal)\b",
        r"coretemp Package ",
        r"(k10temp|zenpower) Tdie\b",
        r"(k10temp|zenpower) (Tctl|temp1)\b",
        r"x86_pkg_temp\b",
        r"coretemp Core ",
        r"(soc|cpu|cluster)[-_]?\d*[-_]thermal",
    )
)

_VANISHED = frozenset({errno.ENOENT, errno.ENODEV, errno.ENXIO})
_LOOK_AGAIN = 60.0  # seconds between two searches for sensors
_LOOK_SOON = 10.0  # the same, after one has vanished
_PATIENCE = 3  # samples in a row in which no sensor may answer


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
    reason: Annotated[str | None, Text("why it did not answer")]


@dataclass(slots=True, frozen=True, kw_only=True)
class TemperatureUpdated(Telemetry):
    cpu_celsius: Annotated[
        float | None,
        Gauge(Unit.CELSIUS, "the CPU; null if no sensor is known to be the CPU's", label="CPU"),
    ]
    sensors: Annotated[
        tuple[Sensor, ...], Rows("every sensor, under its chip's name and label", label="Sensor")
    ]


@dataclass(slots=True, frozen=True)
class _Source:
    key: str
    file: KernelFile
    high: float | None
    critical: float | None
    rank: int  # in _CPU; its length if this is not the CPU


class TemperatureReader:
    """Reads each sensor; one that does not answer is null with a reason.

    Sensors are searched for at the first sample, once a minute, and soon after one has vanished.

    Raises:
        Unavailable: there is no sensor, or none has answered for some samples.
        ValueError: what the sensors hold are not numbers, all of them.
    """

    def __init__(self, host: Host, options: TemperatureOptions) -> None:
        self._sysfs = host.sysfs
        self._hidden = re.compile("|".join(map(translate, options.hide)) or "(?!)")
        self._sources: list[_Source] = []
        self._look_at = float("-inf")
        self._silent = 0

    def read(self, now: float) -> TemperatureUpdated:
        if now >= self._look_at:
            self._sources = _keep_open(self._sources, _search(self._sysfs, self._hidden))
            self._look_at = now + _LOOK_AGAIN
        if not self._sources:
            self._look_at = now
            raise Unavailable(
                "no temperature sensor: neither a thermal zone nor hwmon has one to show"
            )
        rows = []
        best, cpu = len(_CPU), None
        for source in self._sources:
            celsius, reason = self._measure(source, now)
            rows.append(
                Sensor(
                    key=source.key,
                    celsius=celsius,
                    high_celsius=source.high,
                    critical_celsius=source.critical,
                    reason=reason,
                )
            )
            if celsius is None:
                continue
            if source.rank < best:
                best, cpu = source.rank, celsius
            elif source.rank == best and cpu is not None and celsius > cpu:
                cpu = celsius
        self._judge_silence(rows)
        return TemperatureUpdated(cpu_celsius=cpu, sensors=tuple(rows))

    def _measure(self, source: _Source, now: float) -> tuple[float | None, str | None]:
        try:
            content = source.file.read()
        except OSError as error:
            if error.errno in _VANISHED:
                self._look_at = min(self._look_at, now + _LOOK_SOON)
                return None, "vanished"
            return None, error.strerror or str(error)
        try:
            millidegrees = int(content)
        except ValueError:
            return None, f"not a number: {content[:20]!r}"
        if not -273_150 <= millidegrees <= 1_000_000:
            return None, f"not a temperature: {content[:20]!r}"
        return round(millidegrees / 1000, 1) + 0.0, None  # there is no -0.0

    def _judge_silence(self, rows: list[Sensor]) -> None:
        if any(row.celsius is not None for row in rows):
            self._silent = 0
            return
        if all((row.reason or "").startswith("not a ") for row in rows):
            raise ValueError(f"{self._sources[0].file.path}: {rows[0].reason}")
        self._silent += 1
        if self._silent >= _PATIENCE:
            self._look_at = float("-inf")
            raise Unavailable(f"no temperature sensor answers; {rows[0].key}: {rows[0].reason}")


def _search(sysfs: Path, hidden: re.Pattern[str]) -> list[_Source]:
    """All sensors that are not hidden, each under a key that stays the same over boots.

    hwmon numbers change from boot to boot, so the key is the chip's name and the sensor's label,
    with the device added where two are alike.
    """
    zones = list(_zones(sysfs / "class/thermal"))
    types = {name.replace("-", "_") for name, *_ in zones}
    found = [*zones, *_chips(sysfs / "class/hwmon", types)]
    if any(name.startswith("coretemp Package") for name, *_ in found):
        found = [f for f in found if f[0] != "x86_pkg_temp"]  # the same sensor, without limits
    names = [name for name, *_ in found]
    sources: dict[str, _Source] = {}
    for name, device, path, high, critical in found:
        if hidden.match(name):
            continue
        key = name if names.count(name) == 1 else f"{name} ({device})"
        rank = next((i for i, pattern in enumerate(_CPU) if pattern.match(name)), len(_CPU))
        sources.setdefault(key, _Source(key, KernelFile(str(path)), high, critical, rank))
    return list(sources.values())


_Found = tuple[str, str, Path, float | None, float | None]


def _zones(folder: Path) -> Iterator[_Found]:
    for zone in _numbered(folder, "thermal_zone*"):
        if (name := _text(zone / "type")) is None or not (zone / "temp").exists():
            continue
        trips: dict[str | None, float | None] = {}
        for kind in sorted(zone.glob("trip_point_*_type")):
            limit = _limit(kind.with_name(kind.name.replace("_type", "_temp")))
            trips.setdefault(_text(kind), limit)
        yield name, zone.name, zone / "temp", trips.get("hot"), trips.get("critical")


def _chips(folder: Path, zones: set[str]) -> Iterator[_Found]:
    for chip in _numbered(folder, "hwmon*"):
        device = chip / "device"
        name = _text(chip / "name")
        # A thermal zone announces itself to hwmon too, on old kernels without a device: it is
        # the zone that is read.
        is_zone = (device / "temp").exists() or (name in zones and not device.exists())
        if name is None or is_zone:
            continue
        for path in _numbered(chip, "temp*_input"):
            sensor = path.name.removesuffix("_input")
            label = _text(chip / f"{sensor}_label") or sensor
            limits = [_limit(chip / f"{sensor}_{kind}") for kind in ("max", "crit")]
            yield f"{name} {label}", device.resolve().name, path, limits[0], limits[1]


def _numbered(folder: Path, pattern: str) -> list[Path]:
    """In the order of the number in the name: 2 before 10."""
    return sorted(folder.glob(pattern), key=lambda p: (len(p.name), p.name))


def _text(path: Path) -> str | None:
    try:
        return path.read_bytes().decode("utf-8", "replace").strip() or None
    except OSError:
        return None


def _limit(path: Path) -> float | None:
    """A threshold, or None; drivers say 0, or something absurd, for one they do not know."""
    try:
        millidegrees = int(_text(path) or "")
    except ValueError:
        return None
    return round(millidegrees / 1000, 1) if 0 < millidegrees < 200_000 else None


def _keep_open(old: list[_Source], new: list[_Source]) -> list[_Source]:
    """The newly found sensors, with the files of the ones known already left open."""
    known = {source.file.path: source for source in old}
    return [
        _Source(s.key, known[s.file.path].file, s.high, s.critical, s.rank)
        if s.file.path in known
        else s
        for s in new
    ]


_ADVICE = (
    "Give it air, a heat sink or a fan, clear its vents of dust, and see what keeps the CPU busy:"
    " top."
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
    rules=(Above("cpu_celsius", warning=80, critical=90, advice=_ADVICE),),
    card=Table(
        "Temperature",
        rows="sensors",
        columns=("celsius", "high_celsius", "critical_celsius"),
        lines=("cpu_celsius",),
    ),
    charts=(
        Lines("CPU temperature", ("cpu_celsius",)),
        Lines("Temperatures", ("celsius",), rows="sensors"),
    ),
)
