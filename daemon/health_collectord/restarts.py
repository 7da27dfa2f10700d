"""Why it is running anew: a judgement that follows from evidence alone.

Who tells what, and how far: `health_collectord.metrics.restart` gathers it.
"""

from dataclasses import dataclass

_MINUTES = 10  # before the end, in which a falling supply counts
_UNDER_VOLTAGE = _MINUTES * 60_000
_SLACK = 5_000  # milliseconds by which two clocks, or a clock and a file, may differ
_CARD_RESET = 0x20  # WDIOF_CARDRESET: Documentation/watchdog/watchdog-api.rst
_RSTS = {0x00: "power on", 0x20: "reboot", 0x40: "watchdog"}
_DOING = {
    "reboot.target": "a reboot",
    "soft-reboot.target": "a soft reboot",
    "poweroff.target": "a power-off",
    "halt.target": "a halt",
    "kexec.target": "a reboot by kexec",
}


@dataclass(slots=True, frozen=True, kw_only=True)
class Evidence:
    """What is there to know of the run before; None is what nothing told. Times in ms since 1970.

    Attributes:
        recorded: whether there is any record of a run before this one.
        last: when its newest event was.
        reason: why it began to shut down, by itself; None where its record stops before that.
        shut_down: whether it came to the end of that.
        version, version_now: of the collector.
        boot_id, boot_id_now: of the machine, then and now.
        boot_time: when the kernel that runs now started.
        now: when this collector started.
        under_voltage: when the supply was last seen too low.
        result, exit_code, exit_status: what the service manager said of that run's end (man 5
            systemd.exec, $SERVICE_RESULT).
        manager: the system manager's state at that end: ``stopping`` is a shutdown's.
        target: what it was to reach, such as ``reboot.target``.
        rsts: the Raspberry Pi's reset status, whose meaning is inferred and not documented.
        bootstatus: the watchdog's (Documentation/watchdog/watchdog-api.rst).
        panic: when the newest crash of a kernel was put into pstore.
        missing: what could not be known, each with how to get it.
    """

    recorded: bool = True
    last: int | None = None
    reason: str | None = None
    shut_down: bool = False
    version: str | None = None
    version_now: str | None = None
    boot_id: str | None = None
    boot_id_now: str | None = None
    boot_time: int | None = None
    now: int = 0
    under_voltage: int | None = None
    result: str | None = None
    exit_code: str | None = None
    exit_status: str | None = None
    manager: str | None = None
    target: str | None = None
    rsts: int | None = None
    bootstatus: int | None = None
    panic: int | None = None
    missing: tuple[str, ...] = ()

    @property
    def scope(self) -> str | None:
        """``machine`` or ``collector``: what restarted; by the clocks where no boot id tells.

        A container has the boot id of its host: that its system was stopping is what tells.
        """
        if not self.recorded:
            return None
        if self.manager == "stopping":
            return "machine"
        if self.boot_id and self.boot_id_now:
            return "collector" if self.boot_id == self.boot_id_now else "machine"
        if self.last is None or self.boot_time is None:
            return None
        return "machine" if self.last < self.boot_time - _SLACK else "collector"

    @property
    def down(self) -> float | None:
        """Seconds from the newest event to the kernel's start, or the collector's; None where the
        clock was set back in between."""
        until = self.boot_time if self.scope == "machine" else self.now
        if self.boot_id and self.boot_id == self.boot_id_now:
            until = self.now
        if self.last is None or until is None or until < self.last:
            return None
        return (until - self.last) / 1000

    @property
    def firmware(self) -> str | None:
        """What the reset status is taken to mean: power on, reboot, watchdog."""
        return None if self.rsts is None else _RSTS.get(self.rsts & 0xFF)

    @property
    def by_watchdog(self) -> bool:
        reset = self.bootstatus is not None and bool(self.bootstatus & _CARD_RESET)
        return reset or self.firmware == "watchdog"

    @property
    def voltage_fell(self) -> bool:
        at = self.under_voltage
        return at is not None and self.last is not None and self.last - at <= _UNDER_VOLTAGE

    @property
    def panicked(self) -> bool:
        return self.panic is not None and self.last is not None and self.panic >= self.last - _SLACK


@dataclass(slots=True, frozen=True)
class Judgement:
    """Why.

    Attributes:
        cause: ``first`` (nothing came before), ``unknown``; of the machine: ``clean``,
            ``watchdog``, ``kernel_panic``, ``power_lost``, ``hard_reset``; of the collector alone:
            ``stopped``, ``upgraded``, ``crashed``, ``killed``, ``killed_for_memory``,
            ``service_watchdog``.
        certain: whether the evidence leaves nothing else.
        words: the same for people.
    """

    cause: str
    certain: bool
    words: str


def judge(evidence: Evidence) -> Judgement:
    """Why it restarted, by the strongest evidence that there is."""
    if not evidence.recorded:
        return Judgement("first", True, "There is no record of anything before this start.")
    if evidence.scope == "machine":
        return _machine(evidence)
    if evidence.scope == "collector":
        return _collector(evidence)
    return Judgement(
        "unknown", False, "Nothing tells whether the machine restarted or the collector alone."
    )


def _machine(e: Evidence) -> Judgement:
    if e.panicked:
        return Judgement("kernel_panic", True, "The kernel crashed, and left a dump in pstore.")
    if e.manager == "stopping":
        doing = _DOING.get(e.target or "", "a shutdown")
        return Judgement("clean", True, f"The system stopped in an orderly way for {doing}.")
    if e.reason is not None or e.result is not None:
        return _ended_before(e)
    if e.by_watchdog:
        return Judgement("watchdog", True, "The watchdog reset the machine: it had stopped moving.")
    fell = f"; the supply's voltage was too low in the last {_MINUTES} minutes"
    if e.firmware == "power on":
        return Judgement("power_lost", True, f"The power was lost{fell * e.voltage_fell}.")
    if e.firmware == "reboot":
        return Judgement(
            "hard_reset", False,
            f"It was reset in the middle without losing power{fell * e.voltage_fell}.",
        )  # fmt: skip
    if e.voltage_fell:
        return Judgement("power_lost", False, f"The power was probably lost{fell}.")
    if e.rsts is not None:
        return Judgement("hard_reset", False, "It was reset in the middle; neither the power's nor"
                         " the watchdog's doing by what the firmware says.")  # fmt: skip
    return Judgement(
        "unknown", False,
        "It stopped in the middle: the power was lost, or it was reset or froze; nothing tells"
        " which.",
    )  # fmt: skip


def _ended_before(e: Evidence) -> Judgement:
    """The collector had ended by itself, or been ended, and the machine restarted afterwards."""
    if e.by_watchdog:
        return Judgement("watchdog", True, "The watchdog reset the machine, after the collector"
                         " had ended.")  # fmt: skip
    if e.manager is None and e.result in (None, "success") and _terminated(e):
        return Judgement(
            "clean", e.firmware == "reboot",
            "The collector was ended in an orderly way, as a shutdown does."
            + (" The firmware says that it was a reboot." if e.firmware == "reboot" else ""),
        )  # fmt: skip
    if e.firmware == "reboot":
        return Judgement("clean", False, "It was rebooted some time after the collector had ended,"
                         " by what the firmware says.")  # fmt: skip
    if e.firmware == "power on":
        return Judgement("power_lost", False, "The power was off some time after the collector had"
                         " ended; whether it was shut down before is not recorded.")  # fmt: skip
    return Judgement("unknown", False, "The collector had ended before the machine did; what"
                     " happened after is not recorded.")  # fmt: skip


def _collector(e: Evidence) -> Judgement:
    status = e.exit_status or "?"
    match e.result:
        case "oom-kill":
            return Judgement("killed_for_memory", True,
                             "The collector was killed because memory ran out.")  # fmt: skip
        case "watchdog":
            return Judgement("service_watchdog", True, "The collector gave no sign of life, and"
                             " the service manager ended it.")  # fmt: skip
        case "signal" if status in ("KILL", "9"):
            return Judgement("killed", True, "The collector was killed (SIGKILL).")
        case "signal" | "core-dump":
            return Judgement("crashed", True, f"The collector crashed (SIG{status}).")
        case "exit-code":
            return Judgement("crashed", True, f"The collector failed with status {status}"
                             + (f": {e.reason}." if e.reason else "."))  # fmt: skip
        case "timeout":
            return Judgement("killed", True, "The collector did not start or stop in time, and"
                             " the service manager ended it.")  # fmt: skip
    if e.reason is None and e.result != "success":
        return Judgement("crashed", False, "The collector ended without a word: it crashed or was"
                         " killed.")  # fmt: skip
    if e.reason is not None and e.reason.startswith("service "):
        return Judgement("crashed", True, f"The collector ended itself: {e.reason}.")
    if e.version and e.version_now and e.version != e.version_now:
        return Judgement("upgraded", True, f"The collector was replaced: version {e.version_now}"
                         f" after {e.version}.")  # fmt: skip
    why = f" ({e.reason})" if e.reason else ""
    return Judgement("stopped", True, f"The collector was stopped{why} and started again.")


def _terminated(e: Evidence) -> bool:
    return e.reason is not None and "SIGTERM" in e.reason
