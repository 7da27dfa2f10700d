"""Whether the record is whole, and its index made anew: ``history verify``, ``history rebuild``."""

import sqlite3
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path

from health_archive.black_box import read_black_box
from health_archive.coverage import (
    CRASH,
    DAMAGE,
    DROPPED,
    RESTART,
    RETENTION,
    SHUTDOWN,
    UNKNOWN,
    WRITE_FAILED,
    Epoch,
    Hole,
)
from health_archive.index import Index, forget
from health_archive.lines import time_text
from health_archive.numbers import DamagedSegment
from health_archive.segments import list_segments
from health_archive.verification import Flaw, Verified, is_accounted_for
from health_wire import command
from health_wire.terminal import escape

from health_collectord.commands.files import own_as
from health_collectord.commands.progress import Progress
from health_collectord.config import Config

_CAUSES = {
    WRITE_FAILED: "it could not be written",
    DAMAGE: "damaged",
    RETENTION: "removed, to keep the record within its bounds",
    DROPPED: "samples came faster than they could be dispatched",
    SHUTDOWN: "the collector was told to end",
    CRASH: "the collector ended otherwise, the machine went on",
    RESTART: "the machine ended",
    UNKNOWN: "nothing says why",
}


def verify(config: Config) -> int:
    """Reads every file, and prints what is damaged and what is missing, with its cause.

    Returns:
        The exit status: 0 where all is whole or its absence explained.

    Raises:
        OSError: a folder or a file cannot be read.
    """
    folder = config.data_dir / "history"
    segments = list_segments(folder)
    if not segments:
        print(f"{escape(str(folder))}: nothing is recorded there")
        return 0
    verified = Verified()
    try:
        with Progress("verified", len(segments)) as progress:
            for segment in segments:
                verified.add(segment)
                progress.step()
    except KeyboardInterrupt:
        so_far = f"{len(verified.flaws)} flaws so far" if verified.flaws else "no flaw so far"
        return command.fail("health-collectord", f"stopped: {progress}, {so_far}")
    mb = f"{verified.size / 1e6:.1f} MB"
    print(f"{escape(str(folder))}: {verified.segments} segments, {mb}, {verified.lines} lines")
    for flaw in verified.flaws:
        print(_flaw(flaw))
    whole = not verified.flaws
    epochs = verified.epochs()
    for epoch in epochs:
        for hole in epoch.holes:
            whole &= is_accounted_for(hole)
            if hole.cause != SHUTDOWN:
                print(f"{_name(epoch)}: {_hole(hole)}")
    there = sum(last - first + 1 for epoch in epochs for first, last in epoch.runs)
    print(f"{there} events of {len(epochs)} {'start' if len(epochs) == 1 else 'starts'}")
    whole &= _verify_black_box(config.data_dir / "black-box")
    print("all is there, or its absence explained" if whole else "not all is there: see above")
    return 0 if whole else command.FAILED


def _verify_black_box(path: Path) -> bool:
    try:
        records = list(read_black_box(path))
    except FileNotFoundError:
        return True
    except DamagedSegment as error:
        print(f"damaged: {escape(str(path))}: {error}; the next start makes another")
        return False
    newest = f", the newest up to seq {records[-1].last_seq}" if records else ""
    print(f"black box: {len(records)} records{newest}")
    return True


def _flaw(flaw: Flaw) -> str:
    damage = flaw.damage
    where = f"{damage.size} bytes from byte {damage.offset} on"
    held = ""
    if damage.extent is not None:
        extent = damage.extent
        held = f"; {extent.lines} lines were there, seq {extent.first_seq} to {extent.last_seq}"
    lost = "" if flaw.lost else "; nothing is lost, the segment's other file has it"
    return f"damaged: {escape(str(flaw.path))}: {damage.reason} ({where}){held}{lost}"


def _name(epoch: Epoch) -> str:
    since = "" if epoch.first_time is None else f" of {_time(epoch.first_time)}"
    return f"start {escape(str(epoch.epoch))[:8]}{since}" if epoch.epoch else f"a start{since}"


def _hole(hole: Hole) -> str:
    if hole.count is not None:
        what = f"{hole.count} samples dropped"
    elif hole.first_seq is None:
        what = "nothing missing"
    elif hole.last_seq is None:
        what = f"whatever came from seq {hole.first_seq} on is missing"
    else:
        count = hole.last_seq - hole.first_seq + 1
        what = f"seq {hole.first_seq} to {hole.last_seq} missing ({count} events)"
    ends = ((" after", hole.start), (" before", hole.end))
    when = " and".join(f"{word} {_time(time)}" for word, time in ends if time is not None)
    detail = f" ({escape(hole.detail)})" if hole.detail else ""
    return f"{what}{',' if when else ''}{when}: {_CAUSES[hole.cause]}{detail}"


def _time(milliseconds: int) -> str:
    with suppress(ValueError, OverflowError):
        return time_text(milliseconds)[:19] + "Z"
    return str(milliseconds)


def rebuild(config: Config) -> int:
    """Makes the index anew from the segments, and puts it in the old one's place.

    Returns:
        The exit status.

    Raises:
        OSError: a file cannot be read or written.
    """
    folder, path = config.data_dir / "history", config.data_dir / "index"
    draft = path.with_name(f".{path.name}.new")
    segments = [each for each in list_segments(folder) if each.columns is not None]
    if not segments:
        print(f"{escape(str(folder))}: no segment has ended there; only such ones are in the index")
        return 0
    begun = datetime.now(UTC)
    try:
        forget(draft)
        with closing(Index(draft, folder)) as index:
            with Progress("indexed", len(segments)) as progress:
                for _ in index.update(segments):
                    progress.step()
            there = path.exists()
            different = index.replace(path)
        if not there:
            path.chmod(0o640)  # as the segments are
            own_as(path, config.data_dir)
    except KeyboardInterrupt:
        return command.fail("health-collectord", f"stopped: {progress}; the index is as it was")
    except sqlite3.Error as error:
        return command.fail("health-collectord", f"{path}: {error}")
    finally:
        forget(draft)
    took = (datetime.now(UTC) - begun).total_seconds()
    result = "it was another before" if there and different else "the same as before"
    print(
        f"{escape(str(path))}: {progress.done} segments in {took:.0f} s"
        f"{f'; {result}' if there else ''}"
    )
    return 0
