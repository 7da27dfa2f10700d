"""Writes what the Debian packages say about the commands: man pages and example configurations.

    python3 packaging/documents.py DIRECTORY

All of it comes from the commands' own declarations, the same that ``--help`` and
``check-config --example`` show. Both sides have to be importable. Files: ``COMMAND.8``,
``COMMAND.toml.5`` and ``COMMAND.toml`` for both daemons, and ``bussdcc-system-health.1``.
"""

import argparse
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import bussdcc_system_health.cli
from health_collectord import catalogue
from health_collectord import cli as collectord_cli
from health_collectord import config as collectord_config
from health_webui import cli as webui_cli
from health_webui import config as webui_config
from health_wire import settings

_SOURCE = "bussdcc\\-system\\-health"


@dataclass(frozen=True)
class Key:
    """A setting as the configuration file's page shows it; `default` is in TOML."""

    name: str
    doc: str
    accepts: str
    default: str
    variable: str


@dataclass(frozen=True)
class Command:
    name: str
    parser: argparse.ArgumentParser
    keys: tuple[Key, ...]
    example: str
    exit_status: tuple[tuple[str, str], ...]
    title: str
    peer: str


def collectord() -> Command:
    entries = catalogue.load()
    keys = tuple(
        Key(
            s.key, s.doc, s.kind.name, settings.show(s.default),
            f"{collectord_config.PREFIX}_{s.variable}",
        )
        for s in collectord_config.settings_of(entries)
    )  # fmt: skip
    example = collectord_config.example(entries)
    # In the file and not in the unit, so that commands in a shell find the history as well.
    relative = '#data_dir = "data"\n'
    assert relative in example
    example = example.replace(relative, 'data_dir = "/var/lib/health-collectord"\n')
    return Command(
        name="health-collectord",
        parser=collectord_cli._parser(),
        keys=keys,
        example=example,
        exit_status=(
            ("0", "A clean end. The command status has its own: see there."),
            ("1", "It cannot start, or has failed: a line on standard error says why."),
            ("64", "The command line cannot be understood."),
            ("78", "The configuration cannot be used."),
        ),
        title="observes this host and publishes every event",
        peer="health-webui",
    )


def webui() -> Command:
    keys = tuple(
        Key(
            s.key, s.doc, s.kind.name, settings.show(s.default),
            f"{webui_config.PREFIX}_{s.variable}",
        )
        for s in webui_config.SETTINGS
    )  # fmt: skip
    example = webui_config.example()
    relative = '#data_dir = "data/webui"\n'
    assert relative in example
    example = example.replace(relative, 'data_dir = "/var/lib/health-webui"\n')
    return Command(
        name="health-webui",
        parser=webui_cli._parser(),
        keys=keys,
        example=example,
        exit_status=(
            ("0", "A clean end."),
            ("1", "It cannot start, or has failed: a line on standard error says why."),
            ("64", "The command line cannot be understood."),
            ("78", "The configuration cannot be used."),
        ),
        title="system health of one or many machines as a web page",
        peer="health-collectord",
    )


def escape(text: str) -> str:
    """Text as roff shows it: see man 7 roff."""
    for character, name in (("\\", "\\e"), ("-", "\\-"), ("~", "\\(ti"), ('"', "\\(dq")):
        text = text.replace(character, name)
    return "\n".join(f"\\&{line}" if line[:1] in (".", "'") else line for line in text.split("\n"))


def sentence(text: str) -> str:
    text = f"{text[:1].upper()}{text[1:]}"
    return escape(text if text.endswith((".", "?", "!")) else f"{text}.")


def command_page(command: Command) -> Iterator[str]:
    parser, name = command.parser, escape(command.name)
    yield from _head(command.name, 8, command.title)
    yield ".SH SYNOPSIS"
    for sub, _ in _commands(parser).values():
        yield from _usage(sub)
    yield from _prose(parser)
    yield from (".SH COMMANDS", "Without a command it runs.")
    documented: dict[tuple[str, ...], str] = {}
    for each, (sub, told) in _commands(parser).items():
        yield from (f".SS {escape(each)}", sentence(sub.description or told))
        for action in _documented(sub):
            where = documented.setdefault((*_names(action), _text(action)), each)
            yield from _option(action, None if where == each else f"As with {where}")
        if sub.epilog:
            yield from (".PP", sentence(sub.epilog))
    yield ".SH EXIT STATUS"
    for status, text in command.exit_status:
        yield from (".TP", f".B {status}", sentence(text))
    yield from (".SH FILES", ".TP", f".I /etc/{name}/config.toml")
    yield f"Its configuration: see\n.BR {name}.toml (5)."
    yield from (".TP", f".I /var/lib/{name}", "What it keeps.")
    yield from (".SH SEE ALSO", f".BR {name}.toml (5),", f".BR {escape(command.peer)} (8)")


def both_page(parser: argparse.ArgumentParser) -> Iterator[str]:
    """The page of the command that starts both in a terminal."""
    yield from _head(parser.prog, 1, "watches this host from a terminal")
    yield ".SH SYNOPSIS"
    yield from _usage(parser)
    yield from _prose(parser)
    yield from (".PP", "It is for trying things out, with the services of both packages stopped or")
    yield "with other endpoints and another port: where the services run, they listen already."
    yield ".SH OPTIONS"
    for action in _documented(parser):
        yield from _option(action, None)
    yield from (".SH SEE ALSO", ".BR health\\-collectord (8),", ".BR health\\-webui (8)")


def _usage(parser: argparse.ArgumentParser) -> Iterator[str]:
    yield f".B {escape(parser.prog)}"
    yield escape(" ".join(parser.format_usage().partition(parser.prog)[2].split()))
    yield ".br"


def _prose(parser: argparse.ArgumentParser) -> Iterator[str]:
    yield from (".SH DESCRIPTION", sentence(parser.description or ""))
    if parser.epilog:
        yield from (".PP", sentence(parser.epilog))


def _documented(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    return [
        action
        for action in parser._actions
        if action.dest != "help" and not isinstance(action, argparse._SubParsersAction)
    ]


def _names(action: argparse.Action) -> tuple[str, ...]:
    return tuple(action.option_strings)


def _text(action: argparse.Action) -> str:
    return (action.help or "") % {**vars(action), "prog": ""}


def _option(action: argparse.Action, instead: str | None) -> Iterator[str]:
    value = f"\\fI{escape(str(action.metavar or action.dest.upper()))}\\fR"
    words = [f"\\fB{escape(', '.join(_names(action)))}\\fR"] if _names(action) else []
    yield from (".TP", " ".join(words if action.nargs == 0 else [*words, value]))
    yield sentence(instead or _text(action))


def file_page(command: Command) -> Iterator[str]:
    name = escape(command.name)
    yield from _head(f"{command.name}.toml", 5, f"configuration of {command.name}")
    yield from (".SH SYNOPSIS", f".I /etc/{name}/config.toml")
    yield ".SH DESCRIPTION"
    yield "The file is in TOML. Every key may be left out. A variable in the environment goes"
    yield "before the file, and a flag before both;"
    yield f".B {name} check\\-config"
    yield "prints the settings in force and where each comes from."
    table = None
    for key in command.keys:
        above, _, own = key.name.rpartition(".")
        if above != table:
            table = above
            yield f".SH {escape(f'[{above}]' if above else 'KEYS')}"
        yield from (".TP", f".B {escape(own)} = {escape(key.default)}", sentence(key.doc))
        yield from (".br", sentence(key.accepts))
        yield from (".br", f"Variable: {escape(key.variable)}")
    yield from (".SH SEE ALSO", f".BR {name} (8)")


def _head(name: str, section: int, title: str) -> Iterator[str]:
    date = datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", "0")), UTC)
    yield f'.TH {escape(name.upper())} {section} "{date:%Y\\-%m\\-%d}" "{_SOURCE}"'
    yield from (".nh", ".ad l", ".SH NAME", f"{escape(name)} \\- {escape(title)}")


def _commands(
    parser: argparse.ArgumentParser, above: str = ""
) -> dict[str, tuple[argparse.ArgumentParser, str]]:
    """Each command with what its line in ``--help`` says; those below another follow it."""
    found: dict[str, tuple[argparse.ArgumentParser, str]] = {}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            told = {a.dest: a.help or "" for a in action._choices_actions}
            for name, sub in action.choices.items():
                found[above + name] = (sub, told.get(name, ""))
                found |= _commands(sub, f"{above}{name} ")
    return found


def main(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for command in (collectord(), webui()):
        pages = {f"{command.name}.8": command_page, f"{command.name}.toml.5": file_page}
        for file, page in pages.items():
            directory.joinpath(file).write_text("\n".join(page(command)) + "\n", encoding="utf-8")
        directory.joinpath(f"{command.name}.toml").write_text(command.example, encoding="utf-8")
    both = "\n".join(both_page(bussdcc_system_health.cli._parser())) + "\n"
    directory.joinpath("bussdcc-system-health.1").write_text(both, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
