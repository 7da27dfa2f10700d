"""What the commands about the record are given: ``history`` and its own, ``replay``."""

import argparse
import math
import re
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from datetime import time as clock_time
from typing import Any, TypeAlias

from health_wire import settings
from health_wire.settings import Setting

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def add_history(commands: Commands, flags: Iterable[Setting]) -> None:
    """``history``, and ``history verify`` and others below it."""
    history = commands.add_parser(
        "history",
        help="print what is recorded: since when, how much, and each day's",
        description="Prints how far the record in DATA_DIR/history reaches, its size, and what "
        "each day has as text and as columns. It needs no running collector, as little as the "
        "commands below it do.",
        allow_abbrev=False,
    )
    below = history.add_subparsers(dest="history", metavar="COMMAND")
    flags = tuple(flags)
    settings.add_flags(history, flags)
    verify = _add(
        below,
        "verify",
        help="read every file, and print what is damaged or missing, and why",
        description="Reads every file of the record to its end, and says what is damaged, which "
        "events are missing, and why. Ctrl-C stops it.",
        epilog="Exit status: 0 if all is there or something explains its absence (the collector or "
        "the machine ended, a full disk, retention), else 1. Example: "
        "health-collectord history verify --data-dir /var/lib/health-collectord",
    )
    rebuild = _add(
        below,
        "rebuild",
        help="make the index of the record anew",
        description="Makes the index in DATA_DIR/index anew from the segments, and says whether it "
        "was another before. Until it is done the old one stays; Ctrl-C stops it. A running "
        "collector need not be stopped.",
        epilog="Example: sudo health-collectord history rebuild",
    )
    export = _add(
        below,
        "export",
        help="write a part of the record to a file: as lines, as a table, or as a capsule",
        description="Writes what was recorded from one time to another. jsonl: the lines as they "
        "were written. csv: a row for each time, a column for each figure. capsule: one file to "
        "attach to a bug report, with whole segments (ten minutes each), which `replay` plays "
        "anywhere. The file is written whole or not at all, over no other one unless --force is "
        "given, or somebody at the terminal agrees.",
        epilog="Exit status: 0 if all could be read; 1 if something could not, which it says, "
        "or if nothing was written. Examples: "
        "health-collectord history export --from 11:30 --to 12:30 --format csv noon.csv; "
        "sudo health-collectord history export --from 2026-01-31T12:00 --format capsule --redact "
        "crash.zip; "
        "health-collectord history export --from 12:00 - | jq .name",
    )
    export.add_argument(
        "file", metavar="FILE", help="where to; - is standard output"
    )  # fmt: skip
    _add_window(export)
    export.add_argument(
        "--format", choices=("jsonl", "csv", "capsule"), default="jsonl",
        help="what to write (default: jsonl)",
    )  # fmt: skip
    export.add_argument(
        "--redact", action="store_true", default=False,
        help="replace names of hosts, users, mounts and processes, addresses and serial numbers, "
        "each always by the same word; numbers stay as they are",
    )  # fmt: skip
    export.add_argument(
        "--force", action="store_true", default=False, help="over a file that is there already"
    )
    for each in (verify, rebuild, export):
        settings.add_flags(each, flags)


def _add(commands: Commands, name: str, **words: Any) -> argparse.ArgumentParser:
    """A command below another one, before whose name flags may stand as well as after it."""
    return commands.add_parser(
        name, allow_abbrev=False, argument_default=argparse.SUPPRESS, **words
    )


def _add_window(parser: argparse.ArgumentParser, more: str = "") -> None:
    parser.add_argument(
        "--from", dest="start", type=_instant, default=None, metavar="TIME",
        help="begin there, such as 2026-01-31T12:00 (UTC unless it says otherwise) or 12:00 (the "
        f"last that was recorded){', ' if more else ''}{more}",
    )  # fmt: skip
    parser.add_argument(
        "--to", dest="end", type=_instant, default=None, metavar="TIME",
        help="end before that; a time of day is the first one after --from",
    )  # fmt: skip


def add_replay(commands: Commands) -> None:
    replay = commands.add_parser(
        "replay",
        help="publish a recording as if it happened now, marked as a replay",
        description="Publishes recorded events with the pauses between them, over the same two "
        "endpoints as a collector, or, where one listens there, over free ones that it names. "
        "Where the recording jumps (the machine slept, its clock was set), the replay says so and "
        "goes on at once. It ends with the recording.",
        epilog="Examples: health-collectord replay crash.zip --from 11:55 --speed 10; "
        "health-collectord replay /var/lib/health-collectord/history --from 2026-01-31T12:00 "
        "--to 2026-01-31T13:00 --speed max",
        allow_abbrev=False,
    )
    replay.add_argument(
        "paths", nargs="+", metavar="PATH",
        help="a recorded file, a directory such as DATA_DIR/history or a day in it, or a capsule",
    )  # fmt: skip
    _add_window(replay, "with what was known by then")
    replay.add_argument(
        "--speed", type=_speed, default=1.0, metavar="N",
        help="recorded seconds in one second: 0.5 to 1000, or max: as fast as it goes; who listens "
        "and cannot follow has gaps then (default: 1)",
    )  # fmt: skip


def add_rehearse(commands: Commands) -> None:
    rehearse = commands.add_parser(
        "rehearse",
        help="try other thresholds on the record; without a configuration, check this version",
        description="With --config FILE, goes through the record with the thresholds in that file, "
        "and prints when the verdict would have been another, beside the one that was. Without it, "
        "goes through with the recorded thresholds, and prints for each segment a hash of the "
        "state at its end and whether this version comes to the same as the one that recorded "
        "it: a check before an upgrade.",
        epilog="Exit status: without --config 1 where states differ, else 0. Examples: "
        "health-collectord rehearse --config edited.toml --from 2026-01-31; "
        "health-collectord rehearse crash.zip",
        allow_abbrev=False,
    )
    rehearse.add_argument(
        "paths", nargs="*", metavar="PATH",
        help="a recording as `replay` takes it (default: DATA_DIR/history)",
    )  # fmt: skip
    _add_window(rehearse)


def _instant(text: str) -> datetime | clock_time:
    if re.fullmatch(r"[0-9]{1,2}:[0-9]{2}(:[0-9]{2})?", text):
        with suppress(ValueError):
            return clock_time.fromisoformat(text.zfill(5))
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no time such as 2026-01-31T12:00 or 12:00"
        ) from None
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)


def _speed(text: str) -> float:
    # Slower, and those who listen would take the time between two heartbeats for silence.
    if text == "max":
        return math.inf
    try:
        speed = float(text)
    except ValueError:
        speed = math.nan
    if not 0.5 <= speed <= 1000:
        raise argparse.ArgumentTypeError(f"{text!r} is neither a number from 0.5 to 1000 nor max")
    return speed
