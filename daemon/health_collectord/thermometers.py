"""The thermometers of a host: thermal zones and hwmon chips in sysfs, found and named.

Kernel documentation: hwmon/sysfs-interface, driver-api/thermal/sysfs-api.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import count as count_from
from pathlib import Path

# The sensors that are the CPU's, best first. k10temp: Tdie is measured, Tctl is for the fan and
# may be offset (hwmon/k10temp). The Pi's zone is cpu-thermal, cpu_thermal or bcm2835_thermal, by
# the kernel's age.
_KNOWN = tuple(
    re.compile(pattern)
    for pattern in (
        r"(cpu[-_]thermal|bcm2835_thermal)\b",
        r"coretemp Package ",
        r"(k10temp|zenpower) Tdie\b",
        r"(k10temp|zenpower) (Tctl|temp1)\b",
        r"x86_pkg_temp\b",
        r"coretemp Core ",
        r"applesmc TC",
    )
)
# What a name says, in lower case and with spaces for what is neither letter nor digit. Boards name
# their zones as they like: no list of them is complete.
_SAYS_CPU = re.compile(
    r"cpu|core|cluster|package|\bpkg\b|processor|\bbig\b|little|\bapss|\btj\b|\bpeci|\bcls\d"
    r"|exynos|k10temp|zenpower"
)
_SAYS_SOC = re.compile(r"\bsoc|\bchip|\bdie\b")
_SAYS_OTHER = re.compile(
    # other parts of the same chip
    r"gpu|graphics|radeon|nouveau|nvidia|\bi915|\bxe\b|(?<!i)npu|vpu|\btpu|\bve\b|\b[acm]?dsp|lpass"
    r"|\bisp|camera|\bcam\d*\b|video|\bvenc|\bvdec|codec|display|hdmi|\bpll|\bao\b|aoss|modem|\bmdm"
    # power
    r"|batt|\bbat\d*\b|charge|adapter|\bac\b|\bpsu|supply|ucsi|pmic|\baxp|regulator|\bvrm|\bvreg|\bmos"
    # other chips
    r"|pch\b|chipset|southbridge|northbridge|\brp1\b|dimm|dram|ddr|memory|\bmem\d*\b|spd5118|\bjc42"
    r"|nvme|drive|\bssd|\bhdd|disk|sata|mmc|usb|wifi|wlan|wwan|\bath\d+k|iwl|\bmt7\d|\brtw|\bphy\d*\b"
    r"|\bpa\d*\b|\brf\d*\b|\beth\d*|\ben[opsx]\d|mdio|sfp|\bnic\b|\br8169|\bigb|\bixgbe|\bi40e|\bice\b"
    r"|\bbnx|\bmlx|\btg3|switch"
    # where no chip is
    r"|ambient|skin|board|chassis|\bcase\b|inlet|outlet|intake|exhaust|\broom|\bair\b|coolant|water"
    r"|liquid|pump|\bfan|panel|\blcd|\bled|int34\d\d"
    # thermometers that people attach
    r"|\bw1\b|\bds1\d|\blm7\d|\btmp\d|\bsht\d|\bhtu|\bhdc\d|\baht\d|\bdht\d|\bbm[ep]\d|\bmcp98|\badt7"
    r"|\bmax31"
)
_THROTTLES_CPU = re.compile(r"cpufreq|processor|cpuidle|powerclamp", re.IGNORECASE)

NOT_THE_CPU = len(_KNOWN) + 5
_LOWEST_CRITICAL_TRIP = 40_000  # firmware of some PCs has one at 20 °C, and means nothing by it


@dataclass(slots=True, frozen=True)
class Limit:
    """A file with a threshold, in millidegrees from `least` upwards."""

    path: Path
    least: int = 1

    def read(self) -> float | None:
        """In degrees, or None; drivers say 0, or something absurd, for one they do not know."""
        try:
            millidegrees = int(_text(self.path) or "")
        except ValueError:
            return None
        return round(millidegrees / 1000, 1) if self.least <= millidegrees < 200_000 else None


@dataclass(slots=True, frozen=True)
class Thermometer:
    """A thermometer that is there; of its files only those that say what it is have been read.

    Attributes:
        name: its chip's name and its label, or its zone's type.
        chip: the chip's name, or the zone's type.
        device: what it is part of; empty if nothing tells.
        number: which of the chip's it is, such as temp1; empty for a zone.
        input: the file with the temperature in millidegrees.
        fault: the file that says 1 where the temperature is none, if there is one.
        high, critical: where its maker calls it hot and critical: the lowest that is known.
        rank: how well it is known to be the CPU's, from 0; NOT_THE_CPU if it is something else.
    """

    name: str
    chip: str
    device: str
    number: str
    input: Path
    fault: Path | None
    high: tuple[Limit, ...]
    critical: tuple[Limit, ...]
    rank: int


def places(sysfs: Path) -> list[Path]:
    """The folders of all zones and chips, each to be looked at."""
    return [
        *_numbered(sysfs / "class/thermal", "thermal_zone*"),
        *_numbered(sysfs / "class/hwmon", "hwmon*"),
    ]


def look(place: Path) -> tuple[Thermometer, ...]:
    """The thermometers in one of `places`. It reads files, which can take time."""
    try:
        return tuple(_zone(place) if place.name.startswith("thermal_zone") else _chip(place))
    except OSError:  # it has gone
        return ()


def named(found: Iterable[Thermometer]) -> dict[str, Thermometer]:
    """All of them, each once, under a key that stays the same over boots.

    hwmon numbers change from boot to boot, so the key is the name, with the device added where
    two are alike, and then the number on the chip. What still cannot be told apart is counted.
    """
    found = list(found)
    zones = {t.name.replace("-", "_") for t in found if not t.number}
    package = any(t.name.startswith("coretemp Package") for t in found)
    some = [
        t
        for t in found
        # On old kernels a zone announces itself to hwmon without a device.
        if not (t.number and not t.device and t.chip in zones)
        # The same sensor as coretemp's, without limits.
        and not (package and t.name == "x86_pkg_temp")
    ]
    keys: dict[str, Thermometer] = {}
    for key_of in _KEYS:
        count = Counter(map(key_of, some))
        alike = []
        for thermometer in some:
            key = key_of(thermometer)
            if count[key] == 1 and key not in keys:
                keys[key] = thermometer
            else:
                alike.append(thermometer)
        some = alike
    for thermometer in some:
        key = _KEYS[-1](thermometer)
        keys[next(k for n in count_from(2) if (k := f"{key} #{n}") not in keys)] = thermometer
    order = {t.input: place for place, t in enumerate(found)}
    return dict(sorted(keys.items(), key=lambda item: order[item[1].input]))


def _with_number(thermometer: Thermometer) -> str:
    within = " ".join(part for part in (thermometer.device, thermometer.number) if part)
    return f"{thermometer.name} ({within})"


_KEYS: tuple[Callable[[Thermometer], str], ...] = (
    lambda t: t.name,
    lambda t: f"{t.name} ({t.device})" if t.device else t.name,
    _with_number,
)


def _zone(zone: Path) -> Iterator[Thermometer]:
    if not (zone / "temp").exists():
        return
    name = _text(zone / "type") or zone.name
    limits: dict[str | None, list[Limit]] = {}
    for kind in _numbered(zone, "trip_point_*_type"):
        trip = _text(kind)
        path = kind.with_name(f"{kind.name.removesuffix('_type')}_temp")
        least = _LOWEST_CRITICAL_TRIP if trip == "critical" else 1
        limits.setdefault(trip, []).append(Limit(path, least))
    throttles = any(_THROTTLES_CPU.search(_text(c) or "") for c in zone.glob("cdev*/type"))
    yield Thermometer(
        name=name,
        chip=name,
        device=zone.name,
        number="",
        input=zone / "temp",
        fault=None,
        high=tuple(limits.get("hot", ())),
        critical=tuple(limits.get("critical", ())),
        rank=_rank(name, throttles, bool(limits.keys() & {"critical", "hot", "passive"})),
    )


def _chip(chip: Path) -> Iterator[Thermometer]:
    device = chip / "device"
    if (device / "temp").exists() and (device / "type").exists():
        return  # it is a thermal zone, which is read as one
    # Drivers older than hwmon's own folder keep everything in the device's (applesmc).
    inputs = _numbered(chip, "temp*_input") or _numbered(device, "temp*_input")
    if not inputs:
        return
    part_of = device.resolve().name if device.is_symlink() or device.exists() else ""
    name = _text(chip / "name") or _text(device / "name") or part_of or "hwmon"
    for path in inputs:
        number = path.name.removesuffix("_input")
        label = _text(path.with_name(f"{number}_label")) or number
        fault = path.with_name(f"{number}_fault")
        yield Thermometer(
            name=f"{name} {label}",
            chip=name,
            device=part_of,
            number=number,
            input=path,
            fault=fault if fault.exists() else None,
            high=(Limit(path.with_name(f"{number}_max")),),
            critical=tuple(
                Limit(path.with_name(f"{number}_{kind}")) for kind in ("crit", "emergency")
            ),
            rank=_rank(f"{name} {label}"),
        )


def _rank(name: str, throttles: bool = False, trips: bool = False) -> int:
    """How well a sensor is known to be the CPU's: by its name, then by what its zone does."""
    for rank, known in enumerate(_KNOWN):
        if known.match(name):
            return rank
    words = re.sub(r"[^a-z0-9]+", " ", name.lower().replace("mtkts", ""))
    if _SAYS_OTHER.search(words):
        return NOT_THE_CPU
    evidence = (_SAYS_CPU.search(words), _SAYS_SOC.search(words), throttles, trips, True)
    return len(_KNOWN) + next(i for i, found in enumerate(evidence) if found)


def _numbered(folder: Path, pattern: str) -> list[Path]:
    """In the order of the number in the name: 2 before 10."""
    return sorted(folder.glob(pattern), key=lambda p: (len(p.name), p.name))


def _text(path: Path) -> str | None:
    try:
        return path.read_bytes().decode("utf-8", "replace").strip("\0 \t\r\n") or None
    except OSError:
        return None
