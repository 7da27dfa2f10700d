"""Settings, declared once: the configuration file, the environment, the flags, the example file.

Both commands use it, so that a key means the same everywhere. A setting's key, say
``metrics.memory.interval``, is the key ``interval`` below ``[metrics.memory]`` in the TOML file and
the variable ``PREFIX_METRICS_MEMORY_INTERVAL``; flags have the key's own name. A flag beats the
environment, which beats the file, which beats the default.
"""

import argparse
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OFF = False  # how a threshold is switched off


class SettingsError(Exception):
    """A setting cannot be used; the text names the file or variable, the key, and the remedy."""


@dataclass(slots=True, frozen=True)
class Kind:
    """A type of value: what it is called, how it is taken from TOML and from text.

    `check` returns the value as used.

    Raises:
        ValueError: what is accepted instead.
    """

    name: str
    check: Callable[[Any], Any]
    read: Callable[[str], Any]


def _expect(value: Any, types: tuple[type, ...], accepted: str) -> Any:
    if type(value) not in types:
        raise ValueError(f"expected {accepted}, got {value!r}")
    return value


def _read_bool(text: str) -> bool:
    words = {"true": True, "1": True, "yes": True, "on": True}
    words |= {"false": False, "0": False, "no": False, "off": False}
    if text.lower() not in words:
        raise ValueError(f"expected true or false, got {text!r}")
    return words[text.lower()]


def _read_number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"expected a number, got {text!r}") from None


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(v, str) for v in value):
        raise ValueError(f'expected a list of texts such as ["a", "b"], got {value!r}')
    return tuple(value)


TEXT = Kind("text", lambda v: _expect(v, (str,), "text"), str)
BOOL = Kind("true or false", lambda v: _expect(v, (bool,), "true or false"), _read_bool)
TEXTS = Kind(
    "list of texts", _texts, lambda t: [part.strip() for part in t.split(",") if part.strip()]
)


def number(low: float, high: float, *, whole: bool = False, optional: bool = False) -> Kind:
    """A number from `low` to `high`; an optional one may be `false`, which switches it off."""
    what = f"{'a whole number' if whole else 'a number'} from {low:g} to {high:g}"
    accepted = f"{what}, or false" if optional else what

    def check(value: Any) -> Any:
        if optional and value is OFF:
            return OFF
        _expect(value, (int,) if whole else (int, float), accepted)
        if not low <= value <= high:
            raise ValueError(f"expected {accepted}, got {value!r}")
        return value if whole else float(value)

    def read(text: str) -> Any:
        if optional and text.lower() in ("false", "off", "no"):
            return OFF
        value = _read_number(text)
        return int(value) if whole and value.is_integer() else value

    return Kind(accepted, check, read)


def choice(*options: str) -> Kind:
    """One of some words."""
    accepted = "one of " + ", ".join(f'"{o}"' for o in options)

    def check(value: Any) -> Any:
        if value not in options:
            raise ValueError(f"expected {accepted}, got {value!r}")
        return value

    return Kind(accepted, check, str)


@dataclass(slots=True, frozen=True)
class Setting:
    """One setting. With `metavar` (for a boolean, the empty string) it has a flag as well.

    `was` is its key in an earlier version, which is taken as well, and its flag's name.
    """

    key: str
    kind: Kind
    default: Any
    doc: str
    metavar: str | None = None
    was: str | None = None

    @property
    def variable(self) -> str:
        """The environment variable, without the prefix."""
        return re.sub(r"[^A-Z0-9]", "_", self.key.upper())


@dataclass(slots=True, frozen=True)
class Loaded:
    """Every setting's value, and in words where it comes from."""

    values: Mapping[str, Any]
    origins: Mapping[str, str]
    file: Path | None

    def __getitem__(self, key: str) -> Any:
        return self.values[key]

    def report(self) -> str:
        """A line for each setting: key, value, origin."""
        rows = [(key, show(value), self.origins[key]) for key, value in self.values.items()]
        wide = max(len(f"{key} = {value}") for key, value, _ in rows)
        return "\n".join(
            f"{f'{key} = {value}':<{min(wide, 60)}}  # {where}" for key, value, where in rows
        )


def add_flags(parser: argparse.ArgumentParser, settings: Iterable[Setting]) -> None:
    """Adds ``--config`` and the flags of the settings that have one; a flag not given is None."""
    parser.add_argument("--config", metavar="FILE", help="the configuration file")
    for setting in settings:
        if setting.metavar is None:
            continue
        name = f"--{(setting.was or setting.key).replace('_', '-')}"
        text = f"{setting.doc} (default: {show(setting.default) or 'none'})".replace("%", "%%")
        if setting.kind is BOOL:
            parser.add_argument(
                name, dest=setting.key, default=None, help=text,
                action=argparse.BooleanOptionalAction,
            )  # fmt: skip
        else:
            parser.add_argument(name, dest=setting.key, metavar=setting.metavar, help=text)


def load(
    settings: Iterable[Setting],
    *,
    prefix: str,
    environ: Mapping[str, str],
    flags: Mapping[str, Any],
    default_file: Path,
) -> Loaded:
    """The settings in force.

    Args:
        prefix: of the environment variables, such as ``HEALTH_COLLECTORD``.
        flags: values by key as `add_flags` yields them; None where not given.
        default_file: read if it is there and no other file is named.

    Raises:
        SettingsError: a file that cannot be read, an unknown key or variable, a bad value.
    """
    known = {s.key: s for s in settings}
    earlier = {s.was: s for s in known.values() if s.was is not None}
    named = flags.get("config") or environ.get(f"{prefix}_CONFIG")
    file = Path(named) if named else default_file
    values = {key: s.default for key, s in known.items()}
    origins = dict.fromkeys(known, "default")
    text = _read(file, required=bool(named))
    if text is not None:
        for key, value in _parse(file, text, known):
            where = f"{file}{_line_of(text, key)}"
            setting = known.get(key) or earlier.get(key)
            if setting is None:
                raise _unknown(f"{where}: unknown key {key!r}", key, known)
            values[setting.key], origins[setting.key] = _checked(setting, value, where), where
    _from_environment(known, prefix, environ, values, origins)
    for key, setting in known.items():
        given = flags.get(key)
        if given is not None:
            flag = f"--{(setting.was or key).replace('_', '-')}"
            values[key] = _checked(setting, given, flag, is_text=isinstance(given, str))
            origins[key] = flag
    return Loaded(values, origins, file if text is not None else None)


def _from_environment(
    known: dict[str, Setting],
    prefix: str,
    environ: Mapping[str, str],
    values: dict[str, Any],
    origins: dict[str, str],
) -> None:
    by_variable = {f"{prefix}_{s.variable}": s for s in known.values()}
    by_variable |= {f"{prefix}_{s.was.upper()}": s for s in known.values() if s.was is not None}
    for name in sorted(environ):
        if not name.startswith(f"{prefix}_") or name == f"{prefix}_CONFIG":
            continue
        setting = by_variable.get(name)
        if setting is None:
            raise _unknown(f"unknown environment variable {name}", name, by_variable)
        values[setting.key] = _checked(setting, environ[name], name, is_text=True)
        origins[setting.key] = name


def _read(file: Path, *, required: bool) -> str | None:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        if required:
            raise SettingsError(f"{file}: no such configuration file") from None
        return None
    except OSError as error:
        raise SettingsError(f"{file}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise SettingsError(f"{file}: not UTF-8 at byte {error.start}") from None


def _parse(file: Path, text: str, known: Mapping[str, Setting]) -> list[tuple[str, Any]]:
    """Every key and its value."""
    import tomllib  # a host without a file needs no parser in memory

    try:
        return list(_flatten(tomllib.loads(text), known))
    except ValueError as error:  # TOMLDecodeError is one, and so is a number of 5000 digits
        raise SettingsError(f"{file}: not TOML: {error}") from None
    except RecursionError:
        raise SettingsError(f"{file}: nested too deeply; no setting is") from None


def _flatten(
    table: Mapping[str, Any], known: Mapping[str, Setting], above: str = ""
) -> Iterable[tuple[str, Any]]:
    for name, value in table.items():
        key = f"{above}{name}"
        if isinstance(value, dict) and key not in known:
            yield from _flatten(value, known, f"{key}.") if value else ()
        else:
            yield key, value


def _line_of(text: str, key: str) -> str:
    """``:12`` for the line that sets the key, as far as can be told; TOML parsers do not say."""
    table, _, name = key.rpartition(".")
    current = ""
    for number_, line in enumerate(text.splitlines(), 1):
        stripped = line.split("#")[0].strip()
        if stripped.startswith("["):
            current = stripped.strip("[]").replace(" ", "").replace('"', "")
            if current == key:
                return f":{number_}"
        left = stripped.partition("=")[0].replace(" ", "").replace('"', "")
        if left and (f"{current}.{left}".lstrip(".") == key or (current == table and left == name)):
            return f":{number_}"
    return ""


def _unknown(what: str, key: str, known: Mapping[str, Setting]) -> SettingsError:
    import difflib  # needed once in a blue moon

    close = difflib.get_close_matches(key, known, n=1)
    table, _, name = key.rpartition(".")
    if table and name in known:
        hint = f"{name} belongs above the first table ([...]) of that file"
        return SettingsError(f"{what}; {hint}")
    hint = f"did you mean {close[0]}?" if close else "check-config lists the keys there are"
    return SettingsError(f"{what}; {hint}")


def _checked(setting: Setting, value: Any, where: str, *, is_text: bool = False) -> Any:
    try:
        return setting.kind.check(setting.kind.read(value) if is_text else value)
    except ValueError as error:
        raise SettingsError(f"{where}: {setting.key}: {error}") from None


def show(value: Any) -> str:
    """A value as TOML writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple | list):
        return "[" + ", ".join(show(v) for v in value) + "]"
    if isinstance(value, str):  # TOML's basic strings are JSON's, but for DEL
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return "" if value is None else str(value)


def example(settings: Iterable[Setting], introduction: str) -> str:
    """A configuration file with every key, its help, and its default commented out."""
    lines = [f"# {line}".rstrip() for line in introduction.splitlines()]
    table = ""
    for setting in settings:
        above, _, name = setting.key.rpartition(".")
        if above != table:
            table = above
            lines += ["", f"[{table}]"]
        lines += ["", f"# {setting.doc}", f"# ({setting.kind.name})"]
        lines.append(f"#{name} = {show(setting.default)}")
    return "\n".join(lines) + "\n"
