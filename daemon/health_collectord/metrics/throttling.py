"""What the Raspberry Pi's firmware did to protect itself: under-voltage, capping, throttling.

The bits: raspberrypi/documentation, "vcgencmd get_throttled". 0 to 3 are now, 16 to 19 the same
four since boot. The value is hexadecimal in every source, with or without ``0x``.
"""

import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from health_collectord.host import Host, KernelFile
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

_TIMEOUT = 1.0  # seconds for vcgencmd, which answers in milliseconds
_TRY_AGAIN = 30.0  # seconds before a source that failed is asked again
_HEX = re.compile(r"(?:0x)?([0-9a-f]{1,8})", re.IGNORECASE)
_SYSFS = "devices/platform/soc/soc:firmware/get_throttled"

_SUPPLY = "Use the supply made for this model (5 V, 3 A; 5 A for a Pi 5) and a short, thick cable."
_COOLING = "Give it a heat sink or a fan, and air to breathe."


@dataclass(slots=True, frozen=True, kw_only=True)
class ThrottlingOptions(Options):
    vcgencmd: Annotated[str, "the program that asks the firmware; a name is found on PATH"] = (
        "vcgencmd"
    )


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
        str, Text("vcgencmd, rpi_volt (under-voltage only) or sysfs", label="Told by")
    ]
    reason: Annotated[str | None, Text("why a better source could not be used")]


class ThrottlingReader:
    """Asks the best source that answers: vcgencmd, the rpi_volt driver, the old sysfs file.

    vcgencmd knows all flags. rpi_volt knows under-voltage only, and since boot only if it was
    seen; the others are null. The sysfs file knows all, but reading it makes the kernel complain
    in its log, and newer kernels lack it: it comes last.

    Raises:
        Unavailable: not a Raspberry Pi, or one without any of the sources.
        NotPermitted: vcgencmd may not open its device, and there is no other source.
        OSError, ValueError: the only source there is fails, or is not hexadecimal.
    """

    def __init__(self, host: Host, options: ThrottlingOptions) -> None:
        self._host = host
        # None where the machine has no device tree, or a container hides it.
        self._model = host.text(host.procfs / "device-tree/model") or host.text(
            host.sysfs / "firmware/devicetree/base/model"
        )
        self._vcgencmd = _Vcgencmd(options.vcgencmd)
        self._retry_at = float("-inf")
        self._problem: Exception = Unavailable("not asked yet")
        self._alarm: KernelFile | None = None
        self._seen = False

    def read(self, now: float) -> ThrottlingUpdated:
        if self._model is not None and "Raspberry Pi" not in self._model:
            raise Unavailable("not a Raspberry Pi")
        if now >= self._retry_at:
            try:
                return _from_word(self._vcgencmd.ask(), "vcgencmd", None)
            except (Unavailable, OSError, ValueError) as problem:
                self._problem = problem
                self._retry_at = now + _TRY_AGAIN
        reason = str(self._problem)
        alarm = self._under_voltage()
        if alarm is not None:
            self._seen = self._seen or alarm
            return _from_alarm(alarm, self._seen, reason)
        try:
            word = _word(self._host.sys(_SYSFS).text(), _SYSFS)
        except FileNotFoundError:
            if self._model is None and type(self._problem) is Unavailable:
                raise Unavailable("not a Raspberry Pi") from None
            raise self._problem from None
        return _from_word(word, "sysfs", reason)

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


class _Vcgencmd:
    """Runs ``vcgencmd get_throttled``; never with an argument, which would reset the history
    bits for everybody (documentation#1341)."""

    def __init__(self, program: str, which: Callable[[str], str | None] = shutil.which) -> None:
        self._program = program
        self._which = which
        self._overdue: subprocess.Popen[bytes] | None = None

    def ask(self) -> int:
        """The firmware's word.

        Raises:
            Unavailable: there is no such program.
            NotPermitted: it may not open its device, or we may not run it.
            OSError: it cannot be run, or does not answer.
            ValueError: it says something else; it reports its errors on standard output.
        """
        if self._overdue is not None and self._overdue.poll() is None:
            raise TimeoutError(f"{self._program} does not answer")
        path = self._which(self._program)
        if path is None:
            raise Unavailable(f"{self._program} is not installed")
        self._overdue = process = subprocess.Popen(
            [path, "get_throttled"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        try:
            said = process.communicate(timeout=_TIMEOUT)[0].decode("utf-8", "replace").strip()
        except subprocess.TimeoutExpired:
            # It may not even die, while the firmware does not answer the kernel: do not wait.
            process.kill()
            if process.stdout is not None:
                process.stdout.close()
            raise TimeoutError(f"{self._program} does not answer") from None
        self._overdue = None
        if said.startswith("throttled="):
            return _word(said.removeprefix("throttled="), self._program)
        if "open device file" in said or "VCHI init" in said or "ermission denied" in said:
            raise NotPermitted(
                f"not permitted: {self._program} may not open /dev/vcio:"
                " add the service's user to group video, and let its sandbox see the device"
            )
        raise ValueError(f"{self._program} says {said[:100]!r}")


def _word(text: str, source: str) -> int:
    found = _HEX.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{source}: not a hexadecimal number: {text[:40]!r}")
    return int(found[1], 16)


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


def _from_alarm(alarm: bool, seen: bool, reason: str | None) -> ThrottlingUpdated:
    return ThrottlingUpdated(
        under_voltage_now=alarm,
        frequency_capped_now=None,
        throttled_now=None,
        soft_temperature_limit_now=None,
        under_voltage_since_boot=True if seen else None,
        frequency_capped_since_boot=None,
        throttled_since_boot=None,
        soft_temperature_limit_since_boot=None,
        raw=None,
        source="rpi_volt",
        reason=reason,
    )


_NOW = ("under_voltage_now", "frequency_capped_now", "throttled_now", "soft_temperature_limit_now")
_SINCE_BOOT = tuple(name.replace("_now", "_since_boot") for name in _NOW)

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
