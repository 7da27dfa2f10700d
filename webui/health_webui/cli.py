"""The command line of ``health-webui``.

Exit status: 0 for a clean end, 1 when it cannot start or the configuration is wrong (one line
says why), 2 for a wrong command line.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from health_webui.config import SETTINGS, ConfigError, Loaded, Setting, load


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns the exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    options = _parser().parse_args(_with_command(given))
    flags = {key: value for key, value in vars(options).items() if key in SETTINGS}
    try:
        loaded = load(options.config, os.environ, flags)
    except ConfigError as error:
        return _fail(str(error))
    return _check_config(loaded) if options.command == "check-config" else _run(loaded)


def _run(loaded: Loaded) -> int:
    # Imported here, so that check-config and --help do not wait for gevent and Flask.
    from health_webui.server import CannotStart, serve

    try:
        serve(loaded.config)
    except CannotStart as error:
        return _fail(str(error))
    return 0


def _check_config(loaded: Loaded) -> int:
    print(loaded)
    return 0


def _fail(message: str) -> int:
    print(f"health-webui: {message}", file=sys.stderr)
    return 1


_COMMANDS = {
    "run": "follow the collectors and serve the page (the default)",
    "check-config": "print every setting and where its value comes from, or what is wrong",
}


def _with_command(given: list[str]) -> list[str]:
    """`run` is the default: ``health-webui --port 80`` is ``health-webui run --port 80``."""
    if given and (given[0] in _COMMANDS or given[0] in ("-h", "--help")):
        return given
    return given if given and not given[0].startswith("-") else ["run", *given]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="health-webui", description="System health of one or many machines as a web page."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in _COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument(
            "--config", type=Path, metavar="FILE", help="the configuration, in TOML"
        )
        for key, setting in SETTINGS.items():
            _add_flag(command, key, setting)
    return parser


def _add_flag(command: argparse.ArgumentParser, key: str, setting: Setting) -> None:
    flag = f"--{key.replace('_', '-')}"
    options: dict[str, Any] = {"default": argparse.SUPPRESS, "help": setting.help, "dest": key}
    if setting.metavar is None:
        command.add_argument(flag, action=argparse.BooleanOptionalAction, **options)
    elif setting.repeatable:
        command.add_argument(
            flag, action=_Append, type=_Typed(setting), metavar=setting.metavar, **options
        )
    else:
        command.add_argument(flag, type=_Typed(setting), metavar=setting.metavar, **options)


class _Typed:
    """argparse's `type` for a setting: its message says what is accepted."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting

    def __call__(self, text: str) -> Any:
        try:
            return self._setting.text(text)
        except (ValueError, KeyError):
            raise argparse.ArgumentTypeError(
                f"{text!r}: expected {self._setting.accepts}"
            ) from None


class _Append(argparse.Action):
    """A repeatable flag adds to the values of the ones before it."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        before: tuple[Any, ...] = getattr(namespace, self.dest, ())
        if set(before) & set(values):
            parser.error(f"{option_string} is given twice with the same value")
        setattr(namespace, self.dest, (*before, *values))
