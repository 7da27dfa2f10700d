"""The command ``health-collectord``."""

import argparse
import logging
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial

from health_wire import settings
from health_wire.settings import SettingsError

from health_collectord import admin, catalogue
from health_collectord import config as configuration
from health_collectord.app import Collector
from health_collectord.catalogue import CatalogueError
from health_collectord.runtime.runtime import StartError, leave
from health_collectord.version import VERSION

_EXIT_FAILED = 1
_EXIT_USAGE = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command.

    Returns:
        The exit status: 0 fine, 1 cannot start or failed, 2 wrong usage or configuration;
        `status` has its own, see `health_collectord.admin`.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or (arguments[0].startswith("-") and arguments[0] not in _HELP):
        arguments.insert(0, "run")
    options = vars(_parser().parse_args(arguments))
    command = options.pop("command")
    try:
        entries = catalogue.load()
        if options.get("example"):
            print(configuration.example(entries), end="")
            return 0
        config = configuration.load(entries, options)
    except (SettingsError, CatalogueError) as error:
        return _fail(str(error), _EXIT_USAGE)
    if command == "check-config":
        print(config.loaded.report())
        return 0
    if command == "status":
        return admin.status(config, as_json=options["json"])
    if command == "watch":
        return admin.watch(config, options["prefix"])
    return _run(config, partial(configuration.load, entries, options))


def _run(config: configuration.Config, reread: Callable[[], configuration.Config]) -> int:
    _log_to_stderr()

    def ready(collector: Collector) -> None:
        endpoints = f"events={collector.publisher.endpoint} state={collector.state.endpoint}"
        sys.stderr.write(f"ready {endpoints}\n")  # in one write: the log writes there as well
        sys.stderr.flush()

    try:
        status = Collector(config, reread).serve(ready)
    except StartError as error:
        status = _fail(str(error), _EXIT_FAILED)
    leave(status)
    return status


def _log_to_stderr() -> None:
    """What is logged from anywhere, with the journal's priorities where it reads along."""
    prefixes = (
        {logging.ERROR: "<3>", logging.WARNING: "<4>"} if "JOURNAL_STREAM" in os.environ else {}
    )

    class Prefixed(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            return prefixes.get(record.levelno, "") + super().format(record)

    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Prefixed("%(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])


def _fail(message: str, status: int) -> int:
    print(f"health-collectord: {message}", file=sys.stderr, flush=True)
    return status


_HELP = ("-h", "--help", "--version")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="health-collectord",
        description="Observes this host and publishes every event over ZeroMQ.",
        epilog="Without a command it runs. Settings come from flags, then the environment "
        f"({configuration.PREFIX}_INTERVAL=5), then {configuration.DEFAULT_FILE}.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {VERSION}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    run = commands.add_parser("run", help="observe and publish (the default)", allow_abbrev=False)
    check = commands.add_parser(
        "check-config",
        help="print the settings in force and where each comes from",
        allow_abbrev=False,
    )
    check.add_argument(
        "--example", action="store_true", help="print a documented example file instead"
    )
    status = commands.add_parser(
        "status",
        help="print how this host is, as the running collector sees it",
        description="Prints the verdict, its reasons, and every metric with units and age.",
        epilog="Exit status: 0 healthy, 1 warning, 2 critical, 3 unknown or no collector running.",
        allow_abbrev=False,
    )
    status.add_argument("--json", action="store_true", help="as one JSON object")
    watch = commands.add_parser(
        "watch", help="print live events, one JSON line each", allow_abbrev=False
    )
    watch.add_argument(
        "prefix", nargs="?", default="", metavar="PREFIX",
        help="only events whose name begins with this, such as system.cpu",
    )  # fmt: skip
    for command in (run, check):
        settings.add_flags(command, configuration.GENERAL)
    for command in (status, watch):
        settings.add_flags(
            command, [s for s in configuration.GENERAL if s.key in ("events", "state")]
        )
    return parser
