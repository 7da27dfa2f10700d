"""The command ``health-webui``."""

import argparse
import sys
from collections.abc import Callable, Sequence
from functools import partial
from getpass import getpass
from typing import Any

from health_wire import command, settings
from health_wire.keys import InvalidKey
from health_wire.settings import SettingsError
from health_wire.terminal import escape
from health_wire.version import VERSION

from health_webui import config as configuration
from health_webui.access.exposure import check_access, doubts
from health_webui.access.password import MAX_PASSWORD, PasswordFile
from health_webui.config import Config
from health_webui.following import collectors

_PROGRAM = "health-webui"
_SHORTEST = 8


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command.

    Returns:
        The exit status: 0 fine, 1 cannot start or failed, 64 wrong usage, 78 wrong configuration.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or (arguments[0].startswith("-") and arguments[0] not in _HELP):
        arguments.insert(0, "run")
    options = vars(command.parse(_parser(), arguments))
    return command.printing(_PROGRAM, partial(_perform, options))


def _perform(options: dict[str, Any]) -> int:
    name = options.pop("command")
    if options.get("example"):
        print(configuration.example(), end="")
        return 0
    try:
        config = configuration.load(options)
        if name in _KEEPING:
            return _KEEPING[name](config, options)
        check_access(config)
    except SettingsError as error:
        return command.fail(_PROGRAM, str(error), command.CONFIG)
    except InvalidKey as error:
        return command.fail(_PROGRAM, str(error))
    if name == "check-config":
        print(config.loaded.report())
        for doubt in doubts(config):
            command.fail(_PROGRAM, doubt)
        return 0
    return _run(config, partial(_reread, options))


def _reread(options: dict[str, Any]) -> Config:
    """The configuration as it stands now, if a start would take it."""
    config = configuration.load(options)
    check_access(config)
    return config


def _add(config: Config, options: dict[str, Any]) -> int:
    from health_webui.following import trial  # the other commands need none of that

    text = _invitation(options["invitation"])
    source = collectors.parse(text)
    found = trial.look(source)
    if found.place:
        text = collectors.led_by(text, found.place)
    source = collectors.store(config).add(text, options["name"])
    print(escape(f"{source.label} is followed from now on ({source.endpoints.events})."))
    if found.place:
        version = f", version {found.version}" if found.version else ""
        print(escape(f"It answers: host {found.host}{version}."))
    else:
        print("It does not answer yet, and is tried again and again:")
        for place, reason in found.reasons.items():
            print(escape(f"  {place.events}: {reason}"))
    if source.plaintext:
        print("Nothing is encrypted on the way there: better add what `invite` prints there.")
    return 0


def _invitation(given: str | None) -> str:
    """What was given, or else what standard input says: an argument shows in lists of processes."""
    if given is not None and given != "-":
        return given
    if given is None and sys.stdin.isatty():
        text = getpass("Paste the invitation (it does not show), and Enter: ")
    else:
        text = sys.stdin.read()
    if not text.strip():
        raise InvalidKey("no invitation was given: paste what `health-collectord invite` printed")
    return text


def _remove(config: Config, options: dict[str, Any]) -> int:
    collectors.store(config).remove(options["name"])
    print(f"{options['name']} is followed no more.")
    return 0


def _list(config: Config, options: dict[str, Any]) -> int:  # noqa: ARG001 as its siblings
    collectors.store(config).names()  # or it is said why they cannot be told
    rows = [
        (_THIS_HOST if s.local else s.label or "-", "keys" if s.keys else "plain", str(s.endpoints))
        for s in collectors.to_follow(config)
    ]
    wide = max((len(name) for name, _, _ in rows), default=0)
    for name, how, endpoints in rows:
        print(escape(f"{name:{wide}}  {how:5}  {endpoints}"))
    return 0


def _set_password(config: Config, options: dict[str, Any]) -> int:  # noqa: ARG001
    """Asks twice at a terminal; takes the first line of standard input where there is none."""
    if sys.stdin.isatty():
        given = getpass("New password: ")
        if getpass("Again: ") != given:
            return command.fail(_PROGRAM, "the two are not the same: nothing has changed")
    else:
        given = sys.stdin.readline().rstrip("\n")
    if not _SHORTEST <= len(given) <= MAX_PASSWORD:
        return command.fail(_PROGRAM, f"a password has {_SHORTEST} to {MAX_PASSWORD} characters")
    PasswordFile(config.password_file).set(given)
    print(
        f"The password is set. Whoever was logged in has to log in again. ({config.password_file})"
    )
    return 0


_THIS_HOST = "(this host)"
_KEEPING = {"set-password": _set_password, "add": _add, "remove": _remove, "list": _list}


def _run(config: Config, reread: Callable[[], Config]) -> int:
    # Imported here, so that check-config and --help do not wait for gevent and Flask.
    from health_webui.server import CannotStart, serve

    try:
        serve(config, reread)
    except CannotStart as error:
        return command.fail(_PROGRAM, str(error))
    return 0


_HELP = ("-h", "--help", "--version")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=_PROGRAM,
        description="System health of one or many machines as a web page.",
        epilog="Without a command it runs. Settings come from flags, then the environment "
        f"({configuration.PREFIX}_PORT=80), then {configuration.DEFAULT_FILE}.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {VERSION}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    run = commands.add_parser(
        "run", help="follow the collectors and serve the page (the default)", allow_abbrev=False
    )
    check = commands.add_parser(
        "check-config",
        help="print the settings in force and where each comes from",
        allow_abbrev=False,
    )
    check.add_argument(
        "--example", action="store_true", help="print a documented example file instead"
    )
    password = commands.add_parser(
        "set-password",
        help="set the password that the page asks for",
        description="Asks for a new password, or takes it from standard input. It takes effect at"
        " once, and ends every session.",
        allow_abbrev=False,
    )
    add = commands.add_parser(
        "add",
        help="follow a collector: paste what health-collectord invite printed there",
        description="Stores an invitation, in place of an older one of that collector, follows it"
        " from now on, and says whether it answers.",
        allow_abbrev=False,
    )
    add.add_argument(
        "invitation", metavar="INVITATION", nargs="?",
        help="better left out: it is then asked for, or read from standard input, where other users"
        " of this machine do not see it; or EVENTS,STATE without keys",
    )  # fmt: skip
    add.add_argument("--name", help="its name here (default: what its host is called)")
    remove = commands.add_parser(
        "remove", help="follow a collector no more, and forget its key", allow_abbrev=False
    )
    remove.add_argument("name", metavar="NAME", help="as list shows it")
    listing = commands.add_parser(
        "list", help="print which collectors are followed", allow_abbrev=False
    )
    for each in (password, add, remove, listing):
        settings.add_flags(each, [s for s in configuration.SETTINGS if s.key == "data_dir"])
    for each in (run, check):
        settings.add_flags(each, configuration.SETTINGS)
        each.add_argument(
            "--collector", action="append", metavar="EVENTS,STATE",
            help="a collector to follow, by its events and its state endpoint; may be repeated",
        )  # fmt: skip
    return parser
