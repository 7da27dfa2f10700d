"""Why this machine, or the collector alone, restarted last; the judgement is in `restarts`."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

from health_collectord.firmware import DEVICES, Firmware
from health_collectord.host import Host, Start
from health_collectord.last_run import LAST_STOP, read_last_run, read_last_stop
from health_collectord.restarts import Evidence, judge
from health_collectord.vocabulary import (
    Facts,
    Flag,
    Gauge,
    Metric,
    NotPermitted,
    Options,
    Row,
    Rows,
    Shared,
    Telemetry,
    Text,
    Time,
    Unavailable,
    Unit,
)

_RSTS = re.compile(r"get_rsts=(?:0x)?([0-9a-f]{1,8})", re.IGNORECASE)
_PSTORE = "/var/lib/systemd/pstore"
_MOST = 1000  # entries of a directory that are looked at


@dataclass(slots=True, frozen=True, kw_only=True)
class RestartOptions(Options):
    devices: Annotated[tuple[str, ...], Shared("metrics.throttling.devices")] = DEVICES


@dataclass(slots=True, frozen=True, kw_only=True)
class EvidenceRow(Row):
    found: Annotated[str, Text("what it says")]


@dataclass(slots=True, frozen=True, kw_only=True)
class RestartUpdated(Telemetry):
    scope: Annotated[
        str | None, Text("machine or collector: which of them restarted", label="Restarted")
    ]
    cause: Annotated[
        str,
        Text(
            "first or unknown; of the machine clean, watchdog, kernel_panic, power_lost or"
            " hard_reset; of the collector alone stopped, upgraded, crashed, killed,"
            " killed_for_memory or service_watchdog"
        ),
    ]
    certain: Annotated[bool, Flag("The evidence leaves nothing else.")]
    words: Annotated[str, Text("the cause in a sentence", label="Why")]
    evidence: Annotated[
        tuple[EvidenceRow, ...], Rows("what it is judged by, and what could not be known")
    ]
    last_known_at: Annotated[
        str | None, Time("the newest event of the run before", label="Last known")
    ]
    down_seconds: Annotated[
        float | None,
        Gauge(
            Unit.SECONDS,
            "from then to the kernel's start, or the collector's; null where the clock went back",
            history=False,
            label="Down",
        ),
    ]
    boot_id: Annotated[str | None, Text("of this boot")]
    previous_boot_id: Annotated[str | None, Text("of the run before")]
    version: Annotated[str | None, Text("of the collector")]
    previous_version: Annotated[str | None, Text("of the run before")]


class RestartReader:
    """Gathers what there is to know once, judges it, and says the same from then on.

    Sources: the record's newest segments and the black box; man 4 random (boot_id); man 5
    proc_stat (btime); Documentation/ABI/testing/sysfs-class-watchdog (bootstatus) and pstore;
    man 8 systemd-pstore; what ExecStopPost of the service wrote; the Raspberry Pi's firmware, by
    ``get_rsts``, whose figures are inferred: nothing documents them.

    Raises:
        OSError: the record cannot be read.
    """

    def __init__(self, host: Host, options: RestartOptions) -> None:
        self._host = host
        self._devices = options.devices
        self._said: RestartUpdated | None = None

    def read(self, now: float) -> RestartUpdated:  # noqa: ARG002 no rates here
        if self._said is None:
            self._said = _told(self._gather(self._host.start or Start("", None, 0)))
        return self._said

    def _gather(self, start: Start) -> Evidence:
        host, missing = self._host, list[str]()
        boot_id = host.text(host.procfs / "sys/kernel/random/boot_id") or None
        boot_time = _boot_time(host)
        run = read_last_run(host.memory, start.epoch) if host.memory else None
        if run is None:
            return Evidence(
                recorded=False, version_now=start.version, boot_id_now=boot_id,
                boot_time=boot_time, now=start.time,
            )  # fmt: skip
        stop = read_last_stop(start.remarks / LAST_STOP, run) if start.remarks else {}
        if start.remarks is None:
            missing.append("what the service manager says of its end: the packaged unit notes it")
        another = boot_id != run.boot_id or boot_id is None
        return Evidence(
            last=run.last, reason=run.reason, shut_down=run.shut_down, version=run.version,
            version_now=start.version, boot_id=run.boot_id, boot_id_now=boot_id,
            boot_time=boot_time, now=start.time, under_voltage=run.under_voltage,
            result=stop.get("SERVICE_RESULT"), exit_code=stop.get("EXIT_CODE"),
            exit_status=stop.get("EXIT_STATUS"), manager=stop.get("SystemState") or None,
            target=stop.get("TARGET"), rsts=self._rsts(missing) if another else None,
            bootstatus=self._bootstatus(missing) if another else None,
            panic=self._panic(missing) if another else None, missing=tuple(missing),
        )  # fmt: skip

    def _rsts(self, missing: list[str]) -> int | None:
        firmware = Firmware(self._devices)
        try:
            answer = firmware.ask("get_rsts")
        except NotPermitted as problem:
            missing.append(f"the firmware's reset status: {problem}")
            return None
        except Unavailable:  # no Raspberry Pi, and nothing to mend
            return None
        except (OSError, ValueError) as problem:
            missing.append(f"the firmware's reset status: {problem}")
            return None
        finally:
            firmware.close()
        found = _RSTS.search(answer)
        if found is None:
            missing.append(f"the firmware's reset status: it says {answer[:60]!r}")
        return int(found[1], 16) if found else None

    def _bootstatus(self, missing: list[str]) -> int | None:
        text = self._host.text(self._host.sysfs / "class/watchdog/watchdog0/bootstatus")
        if text is not None:
            try:
                return int(text, 0)
            except ValueError:
                pass
        missing.append("whether a watchdog did it: there is none whose bootstatus can be read")
        return None

    def _panic(self, missing: list[str]) -> int | None:
        """When the newest dump of a kernel was made, in milliseconds since 1970."""
        newest: int | None = None
        for folder in (self._host.sysfs / "fs/pstore", self._host.within(_PSTORE)):
            try:
                times = list(_dumps(folder, 2))
            except PermissionError:
                missing.append(f"dumps of a kernel: {folder} may not be read; root can look there")
                continue
            except OSError:
                continue
            newest = max([*times, *([newest] if newest is not None else [])], default=None)
        return newest


def _dumps(folder: Path, depth: int) -> Iterator[int]:
    """Of each dump: ``dmesg-BACKEND-ID``, in /var below a folder of its own or more (man 8
    systemd-pstore)."""
    with os.scandir(folder) as entries:
        for entry, _ in zip(entries, range(_MOST), strict=False):
            if entry.name.startswith("dmesg") and entry.is_file(follow_symlinks=False):
                yield entry.stat().st_mtime_ns // 1_000_000
            elif depth and entry.is_dir(follow_symlinks=False):
                yield from _dumps(Path(entry.path), depth - 1)


def _boot_time(host: Host) -> int | None:
    for line in (host.text(host.procfs / "stat") or "").split("\n"):
        name, _, figure = line.partition(" ")
        if name == "btime" and figure.strip().isdecimal():
            return int(figure) * 1000
    return None


def _told(e: Evidence) -> RestartUpdated:
    judgement = judge(e)
    return RestartUpdated(
        scope=e.scope,
        cause=judgement.cause,
        certain=judgement.certain,
        words=judgement.words,
        evidence=tuple(EvidenceRow(key=key, found=found) for key, found in _rows(e)),
        last_known_at=_instant(e.last),
        down_seconds=e.down,
        boot_id=e.boot_id_now,
        previous_boot_id=e.boot_id,
        version=e.version_now,
        previous_version=e.version,
    )


def _rows(e: Evidence) -> Iterator[tuple[str, str]]:
    """What is known, the strongest first, then what is not."""
    if not e.recorded:
        return
    if e.panic is not None:
        when = "after" if e.panicked else "before"
        yield "pstore", f"a kernel's dump of {_instant(e.panic)}, {when} the newest event"
    if e.reason is None:
        yield "record", "stops in the middle"
    else:
        yield "record", f"{'ends' if e.shut_down else 'begins to end'}: {e.reason}"
    if e.result is not None:
        status = " ".join(part for part in (e.exit_code, e.exit_status) if part)
        yield "service", f"{e.result}{f' ({status})' if status else ''}"
    if e.manager is not None:
        yield "system manager", f"{e.manager}{f' for {e.target}' if e.target else ''}"
    if e.rsts is not None:
        yield "firmware", f"{e.rsts:#x}, taken to mean {e.firmware or 'nothing that is known'}"
    if e.bootstatus is not None:
        said = "reset by the watchdog" if e.bootstatus & 0x20 else "not reset by the watchdog"
        yield "watchdog", f"{e.bootstatus:#x}: {said}"
    if e.under_voltage is not None:
        yield "supply", f"too low at {_instant(e.under_voltage)}"
    for i, what in enumerate(e.missing, 1):
        yield f"not known {i}", what


def _instant(milliseconds: int | None) -> str | None:
    if milliseconds is None:
        return None
    try:
        time = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return None
    return f"{time.isoformat(timespec='milliseconds')[:23]}Z"


METRIC = Metric(
    title="Restart",
    message=RestartUpdated,
    state="system.restart",
    reader=RestartReader,
    interval=60.0,
    order=75,
    options=RestartOptions,
    blocking=True,
    on_change=True,
    card=Facts("Last restart", lines=("words", "last_known_at", "down_seconds")),
)
