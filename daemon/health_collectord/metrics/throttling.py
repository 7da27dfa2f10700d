"""What the Raspberry Pi's firmware did to protect itself: under-voltage, capping, throttling.

The bits: raspberrypi/documentation, "vcgencmd get_throttled". 0 to 3 are now, 16 to 19 the same
four since boot. The value is hexadecimal in every source, with or without ``0x``.
"""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated, Any

from health_collectord.firmware import DEVICES, Firmware
from health_collectord.host import Host, KernelFile
from health_collectord.since_boot import SinceBoot
from health_collectord.vcgencmd import Vcgencmd
from health_collectord.vocabulary import (
    Flag,
    Flags,
    Metric,
    NotPermitted,
    Options,
    Raised,
    Telemetry,
    Text,
    Unavailable,
)

_COMMAND = "get_throttled"  # never with an argument: that resets the bits (documentation#1341)
_TRY_AGAIN = 30.0  # seconds before what is missing, not permitted or costly is tried again
_HEX = re.compile(r"(?:0x)?([0-9a-f]{1,8})", re.IGNORECASE)
_ANSWER = re.compile(r"(?:^|\s)throttled=(\S*)")
_SYSFS = "devices/platform/soc/soc:firmware/get_throttled"

_SUPPLY = "Use the supply made for this model (5 V, 3 A; 5 A for a Pi 5) and a short, thick cable."
_COOLING = "Give it a heat sink or a fan, and air to breathe."


@dataclass(slots=True, frozen=True, kw_only=True)
class ThrottlingOptions(Options):
    devices: Annotated[
        tuple[str, ...], "the firmware's device nodes, in the order in which they are tried"
    ] = DEVICES
    vcgencmd: Annotated[
        str, "the program that asks the firmware where no device does; a name is found on PATH"
    ] = "vcgencmd"


@dataclass(slots=True, frozen=True, kw_only=True)
class ThrottlingUpdated(Telemetry):
    under_voltage_now: Annotated[
        bool | None,
        Flag(
            "The supply's voltage is below 4.63 V: data may get lost.",
            _SUPPLY,
            label="Under-voltage",
        ),
    ]
    frequency_capped_now: Annotated[
        bool | None,
        Flag(
            "The CPU may not run at its full speed.",
            f"{_COOLING} {_SUPPLY}",
            label="Frequency capped",
        ),
    ]
    throttled_now: Annotated[
        bool | None, Flag("The CPU is slowed down.", f"{_COOLING} {_SUPPLY}", label="Throttled")
    ]
    soft_temperature_limit_now: Annotated[
        bool | None,
        Flag(
            "It is warm enough for the firmware to lower the clock.",
            _COOLING,
            label="Soft temperature limit",
        ),
    ]
    under_voltage_since_boot: Annotated[
        bool | None,
        Flag("The supply's voltage was below 4.63 V since boot.", _SUPPLY, label="Under-voltage"),
    ]
    frequency_capped_since_boot: Annotated[
        bool | None,
        Flag(
            "The CPU was kept from its full speed since boot.",
            f"{_COOLING} {_SUPPLY}",
            label="Frequency capped",
        ),
    ]
    throttled_since_boot: Annotated[
        bool | None,
        Flag("The CPU was slowed down since boot.", f"{_COOLING} {_SUPPLY}", label="Throttled"),
    ]
    soft_temperature_limit_since_boot: Annotated[
        bool | None,
        Flag(
            "It was warm enough to lower the clock since boot.",
            _COOLING,
            label="Soft temperature limit",
        ),
    ]
    raw: Annotated[str | None, Text("the firmware's word in hexadecimal, if it could be had")]
    source: Annotated[
        str,
        Text(
            "vcio_gencmd or vcio (the firmware's device), vcgencmd (the program), sysfs, or"
            " rpi_volt, which knows under-voltage only",
            label="Told by",
        ),
    ]
    reason: Annotated[str | None, Text("why a better source could not be used")]


class ThrottlingReader:
    """Asks the best source that answers: the firmware, vcgencmd, rpi_volt, the old sysfs file.

    The firmware's device and the program vcgencmd know all flags; the program costs a process
    each time. rpi_volt knows under-voltage only; the others are null. The sysfs file knows all,
    but reading it makes the kernel complain in its log, and newer kernels lack it: it comes last.

    Since boot is what a source says of it or what was seen here since this boot, by this
    collector or the ones before it: the driver of rpi_volt clears the firmware's sticky bit
    (drivers/hwmon/raspberrypi-hwmon.c), and may have it before us.

    Raises:
        Unavailable: not a Raspberry Pi, or one without any of the sources.
        NotPermitted: the firmware may not be asked, and there is no other source.
        OSError, ValueError: the sources that there are fail, or are not hexadecimal.
    """

    def __init__(self, host: Host, options: ThrottlingOptions) -> None:
        self._host = host
        # None where the machine has no device tree, or a container hides it.
        self._model = host.text(host.procfs / "device-tree/model") or host.text(
            host.sysfs / "firmware/devicetree/base/model"
        )
        self._firmware = Firmware(options.devices)
        self._vcgencmd = Vcgencmd(options.vcgencmd)
        self._sources = (
            _Source(self._ask_firmware, pause=0.0),
            _Source(self._run_vcgencmd, pause=_TRY_AGAIN),
        )
        self._alarm: KernelFile | None = None
        self._since_boot = SinceBoot(host, "throttling", frozenset(_FLAGS))

    def read(self, now: float) -> ThrottlingUpdated:
        if self._model is not None and "Raspberry Pi" not in self._model:
            raise Unavailable("not a Raspberry Pi")
        return self._remembered(self._read(now))

    def _read(self, now: float) -> ThrottlingUpdated:
        problems: list[Exception] = []
        for source in self._sources:
            said = source.ask(now)
            if not isinstance(said, Exception):
                # There is nothing to mend where there is no device.
                worth = [each for each in problems if type(each) is not Unavailable]
                return _from_word(*said, _reason(worth))
            problems.append(said)
        alarm = self._under_voltage()
        if alarm is not None:
            return _from_alarm(alarm, _reason(problems))
        try:
            word = _word(self._host.sys(_SYSFS).text(), _SYSFS)
        except FileNotFoundError:
            raise self._cannot(problems) from None
        return _from_word(word, "sysfs", _reason(problems))

    def _ask_firmware(self) -> tuple[int, str]:
        answer = self._firmware.ask(_COMMAND)
        return _answered(answer, "the firmware"), os.path.basename(self._firmware.device or "")

    def _run_vcgencmd(self) -> tuple[int, str]:
        return _answered(self._vcgencmd.ask(_COMMAND), "vcgencmd"), "vcgencmd"

    def _cannot(self, problems: list[Exception]) -> Exception:
        """What there is to say when nobody answers: first what can be mended."""
        if self._model is None and all(type(each) is Unavailable for each in problems):
            return Unavailable("not a Raspberry Pi")
        for each in problems:
            if not isinstance(each, Unavailable):
                return each.with_traceback(None)  # raised again and again, it would grow
        kind = NotPermitted if any(isinstance(p, NotPermitted) for p in problems) else Unavailable
        return kind(_reason(problems))

    def _remembered(self, sample: ThrottlingUpdated) -> ThrottlingUpdated:
        told = {flag for flag, _, since_boot in _NAMES if getattr(sample, since_boot)}
        self._since_boot.add(told | {flag for flag, now, _ in _NAMES if getattr(sample, now)})
        more: dict[str, Any] = {f"{flag}_since_boot": True for flag in self._since_boot.seen - told}
        return replace(sample, **more) if more else sample

    def _under_voltage(self) -> bool | None:
        """The alarm of the hwmon chip ``rpi_volt``, whose number changes from boot to boot.

        The driver asks the firmware every 2 s and holds the answer in between
        (drivers/hwmon/raspberrypi-hwmon.c).
        """
        if self._alarm is None:
            for chip in sorted((self._host.sysfs / "class/hwmon").glob("hwmon*")):
                if self._host.text(chip / "name") == "rpi_volt":
                    self._alarm = KernelFile(str(chip / "in0_lcrit_alarm"))
                    break
            else:
                return None
        try:
            text = self._alarm.text()
        except OSError:
            self._alarm = None
            return None
        if text not in ("0", "1"):
            raise ValueError(f"{self._alarm.path}: neither 0 nor 1: {text[:20]!r}")
        return text == "1"


class _Source:
    """One that knows all flags.

    Args:
        ask: gives the firmware's word, and who told it.
        pause: seconds for which it is left alone after a failure.
    """

    def __init__(self, ask: Callable[[], tuple[int, str]], pause: float) -> None:
        self._ask = ask
        self._pause = pause
        self._retry_at = float("-inf")
        self._problem: Exception = Unavailable("not asked yet")

    def ask(self, now: float) -> tuple[int, str] | Exception:
        """What it says, or why it says nothing."""
        if now < self._retry_at:
            return self._problem
        try:
            return self._ask()
        except (Unavailable, OSError, ValueError) as problem:
            missing = isinstance(problem, Unavailable)
            self._retry_at = now + (_TRY_AGAIN if missing else self._pause)
            self._problem = problem
            return problem


def _answered(text: str, source: str) -> int:
    """The word of ``throttled=0x0``, among whatever else was said."""
    found = _ANSWER.search(text)
    if found is None:
        raise ValueError(f"{source} says {text[:100]!r}")
    return _word(found[1], source)


def _word(text: str, source: str) -> int:
    found = _HEX.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{source}: not a hexadecimal number: {text[:40]!r}")
    return int(found[1], 16)


def _reason(problems: list[Exception]) -> str | None:
    denied = [each for each in problems if isinstance(each, NotPermitted)]
    return "; ".join(_describe(each) for each in problems if each not in denied[1:]) or None


def _describe(problem: Exception) -> str:
    if isinstance(problem, OSError) and problem.strerror:
        return f"{problem.filename}: {problem.strerror}"
    return str(problem)


def _from_word(word: int, source: str, reason: str | None) -> ThrottlingUpdated:
    return ThrottlingUpdated(
        under_voltage_now=bool(word & 1 << 0),
        frequency_capped_now=bool(word & 1 << 1),
        throttled_now=bool(word & 1 << 2),
        soft_temperature_limit_now=bool(word & 1 << 3),
        under_voltage_since_boot=bool(word & 1 << 16),
        frequency_capped_since_boot=bool(word & 1 << 17),
        throttled_since_boot=bool(word & 1 << 18),
        soft_temperature_limit_since_boot=bool(word & 1 << 19),
        raw=f"{word:#x}",
        source=source,
        reason=reason,
    )


def _from_alarm(alarm: bool, reason: str | None) -> ThrottlingUpdated:
    return ThrottlingUpdated(
        under_voltage_now=alarm,
        frequency_capped_now=None,
        throttled_now=None,
        soft_temperature_limit_now=None,
        under_voltage_since_boot=None,
        frequency_capped_since_boot=None,
        throttled_since_boot=None,
        soft_temperature_limit_since_boot=None,
        raw=None,
        source="rpi_volt",
        reason=reason,
    )


_FLAGS = ("under_voltage", "frequency_capped", "throttled", "soft_temperature_limit")
_NOW = tuple(f"{flag}_now" for flag in _FLAGS)
_SINCE_BOOT = tuple(f"{flag}_since_boot" for flag in _FLAGS)
_NAMES = tuple(zip(_FLAGS, _NOW, _SINCE_BOOT, strict=True))

METRIC = Metric(
    title="Raspberry Pi firmware",
    message=ThrottlingUpdated,
    state="system.throttling",
    reader=ThrottlingReader,
    interval=1.0,
    order=70,
    options=ThrottlingOptions,
    blocking=True,
    rules=(
        Raised("under_voltage_now", "critical"),
        Raised("frequency_capped_now", "warning"),
        Raised("throttled_now", "warning"),
        Raised("soft_temperature_limit_now", "warning"),
        # What is over is a warning at most, and warm days are none.
        Raised("under_voltage_since_boot", "warning"),
        Raised("throttled_since_boot", "warning"),
    ),
    card=Flags(
        "Raspberry Pi firmware", now=_NOW, since_boot=_SINCE_BOOT, lines=("source", "reason")
    ),
)
