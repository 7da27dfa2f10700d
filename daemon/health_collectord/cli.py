"""The command ``health-collectord``."""

import argparse
import logging
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from health_wire import InvalidKey, command, settings
from health_wire.settings import SettingsError
from health_wire.terminal import LogFormatter
from health_wire.version import VERSION

from health_collectord import catalogue
from health_collectord import commands as asked
from health_collectord import config as configuration
from health_collectord.app import Collector
from health_collectord.catalogue import CatalogueError
from health_collectord.commands.arguments import add_history, add_rehearse, add_replay
from health_collectord.runtime.resources import allow_open_files
from health_collectord.runtime.runtime import StartError, leave

if TYPE_CHECKING:
    from health_collectord.replay.app import Replay

_PROGRAM = "health-collectord"


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command.

    Returns:
        The exit status: 0 fine, 1 cannot start or failed, 64 wrong usage, 78 wrong configuration.
        `status` has its own, so that no failure of its own looks like a verdict: see there.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or (arguments[0].startswith("-") and arguments[0] not in _HELP):
        arguments.insert(0, "run")
    if arguments[0] == "status":
        options = vars(command.parse(_parser(), arguments, usage=asked.status.UNKNOWN))
        return command.printing(_PROGRAM, partial(_status, options), failed=asked.status.UNKNOWN)
    options = vars(command.parse(_parser(), arguments))
    return command.printing(_PROGRAM, partial(_perform, options))


def _perform(options: dict[str, Any]) -> int:
    name = options.pop("command")
    try:
        entries = catalogue.load()
        if options.get("example"):
            print(configuration.example(entries), end="")
            return 0
        config = configuration.load(entries, options)
    except (SettingsError, CatalogueError) as error:
        return command.fail(_PROGRAM, str(error), command.CONFIG)
    if name == "check-config":
        print(config.loaded.report())
        return 0
    if name == "run":
        return _run(config, partial(configuration.load, entries, options))
    try:
        return _COMMANDS[name](config, options)
    except InvalidKey as error:
        return command.fail(_PROGRAM, str(error))
    except KeyboardInterrupt:
        return command.fail(_PROGRAM, "stopped")


def _status(options: dict[str, Any]) -> int:
    try:
        config = configuration.load(catalogue.load(), options)
    except (SettingsError, CatalogueError) as error:
        print(asked.status.unknown(str(error), as_json=options["json"]))
        return asked.status.UNKNOWN
    return asked.status.status(config, as_json=options["json"], watch=options["watch"])


def _run(config: configuration.Config, reread: Callable[[], configuration.Config]) -> int:
    _log_to_stderr()
    allow_open_files()
    return _serve(Collector(config, reread))


def _replay(config: configuration.Config, options: dict[str, Any]) -> int:
    from health_collectord.commands.times import TimeError, resolve
    from health_collectord.replay.app import Replay, beside_others  # who collects needs none of it
    from health_collectord.replay.recording import Recording, RecordingError

    _log_to_stderr()
    allow_open_files()
    try:
        recording = Recording([Path(path) for path in options["paths"]])
        start, end = resolve(options["start"], options["end"], recording.span)
    except (RecordingError, TimeError) as error:
        return command.fail(_PROGRAM, str(error))
    config = beside_others(config)
    return _serve(Replay(config, recording, start=start, end=end, speed=options["speed"]))


def _serve(served: "Collector | Replay") -> int:
    def ready(served: "Collector | Replay") -> None:
        endpoints = f"events={served.publisher.endpoint} state={served.state.endpoint}"
        sys.stderr.write(f"ready {endpoints}\n")  # in one write: the log writes there as well
        sys.stderr.flush()

    try:
        exit_ = served.serve(ready)
    except StartError as error:
        exit_ = command.fail(_PROGRAM, str(error))
    leave(exit_)
    return exit_


def _log_to_stderr() -> None:
    """What is logged from anywhere, with the journal's priorities where it reads along."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LogFormatter(prefixed="JOURNAL_STREAM" in os.environ))
    logging.basicConfig(level=logging.INFO, handlers=[handler])


_COMMANDS: dict[str, Callable[[configuration.Config, dict[str, Any]], int]] = {
    "watch": lambda config, given: asked.watch.watch(config, given["prefix"]),
    "history": lambda config, given: _HISTORY[given["history"]](config, given),
    "invite": lambda config, given: asked.pairing.invite(
        config, given["name"], address=given["address"], replace=given["replace"]
    ),
    "revoke": lambda config, given: asked.pairing.revoke(config, given["name"]),
    "clients": lambda config, given: asked.pairing.clients(config),  # noqa: ARG005
    "rotate-key": lambda config, given: asked.pairing.rotate_key(config),  # noqa: ARG005
    "replay": lambda config, given: _replay(config, given),
    "rehearse": lambda config, given: asked.rehearse.rehearse(
        config,
        paths=given["paths"],
        new=given["config"] is not None,
        start=given["start"],
        end=given["end"],
    ),
}
_HISTORY: dict[str | None, Callable[[configuration.Config, dict[str, Any]], int]] = {
    None: lambda config, given: asked.history.history(config),  # noqa: ARG005
    "verify": lambda config, given: asked.verify.verify(config),  # noqa: ARG005
    "rebuild": lambda config, given: asked.verify.rebuild(config),  # noqa: ARG005
    "export": lambda config, given: asked.export.export(
        config,
        target=given["file"],
        form=given["format"],
        start=given["start"],
        end=given["end"],
        redact=given["redact"],
        force=given["force"],
    ),
}
_HELP = ("-h", "--help", "--version")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=_PROGRAM,
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
    verdict = commands.add_parser(
        "status",
        help="print how this host is, as the running collector sees it",
        description="Prints the verdict, what is wrong, with its figure of now and the one that it "
        "began with, and every metric.",
        epilog="Exit status: 0 healthy, 1 warning, 2 critical, 3 unknown, no collector running, or "
        "whatever fails of the command itself.",
        allow_abbrev=False,
    )
    verdict.add_argument("--json", action="store_true", help="as one JSON object")
    verdict.add_argument(
        "--watch", action="store_true", help="anew each second, until it is interrupted"
    )
    events = commands.add_parser(
        "watch", help="print live events, one JSON line each", allow_abbrev=False
    )
    events.add_argument(
        "prefix", nargs="?", default="", metavar="PREFIX",
        help="only events whose name begins with this, such as system.cpu",
    )  # fmt: skip
    add_history(commands, _of(_WHERE))
    add_replay(commands)
    add_rehearse(commands)
    for each in (run, check):
        settings.add_flags(each, (*configuration.GENERAL, *configuration.RECORD))
    _add_pairing(commands)
    for name, each in commands.choices.items():
        if name not in ("run", "check-config", "history"):
            settings.add_flags(each, _of(_REPLAYED if name == "replay" else _WHERE))
    return parser


def _of(keys: Sequence[str]) -> list[settings.Setting]:
    return [setting for setting in configuration.GENERAL if setting.key in keys]


_WHERE = ("events", "state", "keys_dir", "data_dir")
_REPLAYED = (*_WHERE, "host_id", "allow_remote_plaintext", "require_keys", "console")


def _add_pairing(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    invite = commands.add_parser(
        "invite",
        help="let a client listen from another host: print what it needs, in one text",
        description="Makes a key for a client, allows it, and prints an invitation: one text to be "
        "copied to the other host, where `health-webui add` takes it. It counts at once.",
        allow_abbrev=False,
    )
    invite.add_argument("name", metavar="NAME", help="a name for the client, such as its host's")
    invite.add_argument(
        "--address", metavar="HOST",
        help="this host's name or address as the client reaches it (default: the address that it "
        "listens on, or that it has towards other networks)",
    )  # fmt: skip
    invite.add_argument(
        "--replace", action="store_true", help="make a new invitation in place of an older one"
    )
    revoke = commands.add_parser(
        "revoke",
        help="let a client listen no longer, its open connections included",
        allow_abbrev=False,
    )
    revoke.add_argument("name", metavar="NAME", help="as `clients` shows it")
    commands.add_parser("clients", help="list the clients that are invited", allow_abbrev=False)
    commands.add_parser(
        "rotate-key",
        help="give this collector a new key; every client has to be invited again",
        allow_abbrev=False,
    )
