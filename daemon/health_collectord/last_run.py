"""What is left of the collector's run before this one: its record, and what was said of its end."""

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from health_archive.checkpoints import NAME as CHECKPOINT
from health_archive.checkpoints import STARTED
from health_archive.lines import Heading, Headings, parse, whole_lines

BOX, HISTORY, LAST_STOP = "black-box", "history", "last-stop"
_SHUTTING_DOWN, _SHUTDOWN = "runtime.shutting.down", "runtime.shutdown"
_IDENTITY = "system.identity"
_LOW = b'"under_voltage_now":true'
_THROTTLING = "system.throttling.updated"
_FEW = 4  # segments that are looked at, the newest first; this start's own among them


@dataclass(slots=True)
class LastRun:
    """A run of the collector as its newest segments tell it; None is what they do not.

    Attributes:
        epoch: which it was.
        boot_id: of the machine's boot.
        version: of the collector.
        last, seq: the newest event's time in milliseconds since 1970, and place.
        reason: why it began to shut down.
        shut_down: whether it came to the end of that.
        under_voltage: when the supply was last too low, in milliseconds since 1970.
    """

    epoch: str | None = None
    boot_id: str | None = None
    version: str | None = None
    last: int | None = None
    seq: int = 0
    reason: str | None = None
    shut_down: bool = False
    under_voltage: int | None = None

    def add(self, heading: Heading) -> None:
        """Takes in an event; one that was taken in already changes nothing."""
        if heading.seq is not None and heading.seq >= self.seq:
            self.seq, self.last = heading.seq, heading.time
        name = heading.name
        if name in (_THROTTLING, CHECKPOINT) and _LOW in heading.line:
            self.under_voltage = max(self.under_voltage or 0, heading.time)
        if name in (CHECKPOINT, STARTED, _IDENTITY, _SHUTTING_DOWN, _SHUTDOWN):
            self._notable(name, parse(heading.line).data)

    def _notable(self, name: str, data: Any) -> None:
        if name == _SHUTDOWN:
            self.shut_down = True
        elif not isinstance(data, dict):
            return
        elif name == _SHUTTING_DOWN:
            self.reason = str(data.get("reason") or "no reason given")
        elif name == STARTED:
            self.epoch = self.epoch or data.get("epoch")
            self.version = data.get("version")
        elif name == _IDENTITY:
            self.boot_id = data.get("boot_id") or self.boot_id
        else:
            self.boot_id = data.get("boot_id") or self.boot_id
            self.epoch = data.get("epoch")
            match data:
                case {"state": {"system": {"restart": {"version": str(version)}}}}:
                    self.version = self.version or version


def read_last_run(folder: Path, epoch: str) -> LastRun | None:
    """The newest run in a data directory that is another than `epoch`; None where there is none.

    What the black box has beyond the text counts, whether it has been put there yet or not.

    Raises:
        OSError: the record is there but cannot be read.
    """
    from health_archive import DamagedSegment, list_segments, read_black_box

    found: LastRun | None = None
    for segment in reversed(list_segments(folder / HISTORY)[-_FEW:]):
        with suppress(FileNotFoundError):
            run = _run_of(part for part in segment.lines() if isinstance(part, bytes))
            if run.last is None or run.epoch == epoch:
                continue
            if found is None:
                found = run
                continue
            # The minutes before its newest segment.
            if run.epoch == found.epoch and run.under_voltage:
                found.under_voltage = max(found.under_voltage or 0, run.under_voltage)
            break
    with suppress(FileNotFoundError, DamagedSegment):
        reached = found is None or found.epoch is None
        for kept in read_black_box(folder / BOX):
            if kept.epoch == epoch:
                continue
            if found is None or kept.epoch != found.epoch:
                if not reached:  # it is of a run before the one that was found
                    continue
                found = LastRun(epoch=kept.epoch)
            reached = True
            if kept.last_seq == 0 or kept.last_seq > found.seq:
                _take(found, whole_lines(kept.lines))
    return found


def _run_of(lines: Iterable[bytes]) -> LastRun:
    run = LastRun()
    _take(run, lines)
    return run


def _take(run: LastRun, lines: Iterable[bytes]) -> None:
    headings = Headings()
    for line in lines:
        with suppress(ValueError):
            run.add(headings.read(line))


def read_last_stop(path: Path, run: LastRun) -> dict[str, str]:
    """What the service's ExecStopPost wrote of the end of a run: names and values.

    SERVICE_RESULT, EXIT_CODE, EXIT_STATUS (man 5 systemd.exec), BOOT_ID, SystemState (man 1
    systemctl) and TARGET. Nothing where it is of another run: of another boot, or older than what
    that run recorded.

    Raises:
        OSError: it is there but cannot be read.
    """
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            written = os.fstat(file.fileno()).st_mtime_ns // 1_000_000
            lines = file.read(4096).split("\n")
    except FileNotFoundError:
        return {}
    said = dict(line.split("=", 1) for line in lines if "=" in line)
    early = run.last is not None and written < run.last - 2000
    return {} if early or said.get("BOOT_ID") != run.boot_id else said
