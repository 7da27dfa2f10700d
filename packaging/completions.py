"""Writes bash's completions of the commands, from the same declarations as ``--help``.

    python3 packaging/completions.py DIRECTORY

A file for each command, of its name, to be put where bash-completion looks for them. Both sides
have to be importable.
"""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

import bussdcc_system_health.cli
from health_collectord import cli as collectord_cli
from health_webui import cli as webui_cli

_PATHS = ("DIR", "FILE", "PATH")  # what a value that is one is called in --help
_SCRIPT = """\
# bash completion for {name}, written by packaging/completions.py
{function}() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} command= flags= words= i
    for ((i = 1; i < COMP_CWORD; i++)); do
        case "$command ${{COMP_WORDS[i]}}" in
            {commands}) command+=" ${{COMP_WORDS[i]}}" ;;
        esac
    done
    case $command in
{cases}
    esac
    case ${{COMP_WORDS[COMP_CWORD - 1]}} in
        {path_options}) words=PATH ;;
{choices}
        {other_options}) return ;;
        *) [[ $word != -* ]] || words=$flags ;;
    esac
    if [ "$words" = PATH ]; then
        compopt -o filenames 2> /dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
    else
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
    fi
}}
complete -F {function} {name}
"""


def script(parser: argparse.ArgumentParser) -> str:
    """The completion of a command, with its subcommands' if it has any."""
    commands = _commands(parser)
    default = [commands[" run"]] if commands else []  # what runs without a command
    cases = [_case("''", [parser, *default])]
    cases += [_case(f"'{name}'", [command]) for name, command in commands.items()]
    options: dict[str, bool] = {}  # with a value -> whether it is a path
    choices: dict[str, str] = {}  # with a value out of these
    for each in (parser, *commands.values()):
        for action in each._actions:
            if action.nargs != 0:
                options |= dict.fromkeys(action.option_strings, action.metavar in _PATHS)
                if action.choices and action.option_strings:
                    words = " ".join(map(str, action.choices))
                    choices |= dict.fromkeys(action.option_strings, words)
    return _SCRIPT.format(
        name=parser.prog,
        function=f"_{parser.prog.replace('-', '_')}",
        commands=_pattern(f"'{name}'" for name in commands),
        cases="\n".join(cases),
        choices="\n".join(f"        {name}) words='{words}' ;;" for name, words in choices.items()),
        path_options=_pattern(name for name, is_path in options.items() if is_path),
        other_options=_pattern(name for name, is_path in options.items() if not is_path),
    )


def _commands(
    parser: argparse.ArgumentParser, above: str = ""
) -> dict[str, argparse.ArgumentParser]:
    """Each command by its words, with a space before each: ``' history verify'``."""
    found = {}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, sub in action.choices.items():
                found[f"{above} {name}"] = sub
                found |= _commands(sub, f"{above} {name}")
    return found


def _case(name: str, parsers: list[argparse.ArgumentParser]) -> str:
    actions = [action for parser in parsers for action in parser._actions]
    flags = dict.fromkeys(flag for action in actions for flag in action.option_strings)
    positional = [action for action in parsers[0]._actions if not action.option_strings]
    takes = " ".join(name for action in positional for name in action.choices or ())
    if any(action.metavar in _PATHS for action in positional):
        takes = "PATH"
    return f"        {name}) flags='{' '.join(flags)}' words='{takes}' ;;"


def _pattern(words: Iterable[str]) -> str:
    """A pattern of bash's for these words; for none, one that matches nothing."""
    return " | ".join(words) or "//"


def main(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for cli in (collectord_cli, webui_cli, bussdcc_system_health.cli):
        parser = cli._parser()
        directory.joinpath(parser.prog).write_text(script(parser), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
