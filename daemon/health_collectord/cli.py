"""The command ``health-collectord``."""

import argparse
import logging
import sys
from collections.abc import Sequence

from health_collectord import catalogue
from health_collectord import config as configuration
from health_collectord.app import Collector
from health_collectord.catalogue import CatalogueError
from health_collectord.runtime.runtime import StartError, leave
from health_collectord.runtime.systemd import Notifier
from health_collectord.version import VERSION
from health_wire import settings
from health_wire.settings import SettingsError

_EXIT_FAILED = 1
_EXIT_USAGE = 2
_COMMANDS = ("run", "check-config")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit status (0 fine, 1 cannot start or failed, 2 usage)."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or (arguments[0].startswith("-") and arguments[0] not in _HELP):
        arguments.insert(0, "run")
    options = vars(_parser().parse_args(arguments))
    logging.basicConfig(format="%(levelname)s: %(message)s", level=logging.INFO, stream=sys.stderr)
    try:
        entries = catalogue.load()
        if options["command"] == "check-config" and options["example"]:
            print(configuration.example(entries), end="")
            return 0
        config = configuration.load(entries, options)
    except (SettingsError, CatalogueError) as error:
        return _fail(str(error), _EXIT_USAGE)
    if options["command"] == "check-config":
        print(config.loaded.report())
        return 0
    return _run(config)


def _run(config: configuration.Config) -> int:
    notifier = Notifier()
    collector = Collector(config)

    def ready(running: Collector) -> None:
        print(
            f"ready events={running.publisher.endpoint} state={running.state.endpoint}",
            file=sys.stderr,
            flush=True,
        )
        notifier.ready(f"publishing at {running.publisher.endpoint}")

    try:
        status = collector.serve(ready)
    except StartError as error:
        status = _fail(str(error), _EXIT_FAILED)
    notifier.stopping()
    sys.stdout.flush()
    leave(status)
    return status


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
    for command in (run, check):
        settings.add_flags(command, configuration.GENERAL)
    return parser
