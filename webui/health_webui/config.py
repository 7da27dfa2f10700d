"""The settings, each declared once, and where their values come from.

A setting is a field of `Config`: its name is the key in the file, ``--name`` on the command line
and ``HEALTH_WEBUI_NAME`` in the environment. Flags win over the environment, which wins over the
file, which wins over the default. `example` writes the documented example file from the same
declarations.
"""

import json
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Self, get_args, get_type_hints

from health_wire import protocol

DEFAULT_PATH = Path("/etc/health-webui/config.toml")
ENVIRONMENT_PREFIX = "HEALTH_WEBUI_"


class ConfigError(Exception):
    """A setting is not what it has to be; the text says which, where, and what is accepted."""


@dataclass(slots=True, frozen=True)
class Endpoints:
    """Where a collector publishes its events and answers requests."""

    events: str = protocol.EVENTS_ENDPOINT
    state: str = protocol.STATE_ENDPOINT

    def __str__(self) -> str:
        return f"{self.events},{self.state}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """From ``EVENTS,STATE``.

        Raises:
            ValueError: these are not two ZeroMQ endpoints.
        """
        events, comma, state = text.partition(",")
        if not comma or not (_ENDPOINT.fullmatch(events) and _ENDPOINT.fullmatch(state)):
            raise ValueError
        return cls(events, state)


_ENDPOINT = re.compile(r"tcp://[^\s,/]+:[0-9]{1,5}|ipc://[^\s,]+")


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError
    return value


def _port(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 65535:
        raise ValueError
    return value


def _bool(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError
    return value


def _bool_text(text: str) -> bool:
    return {"true": True, "false": False}[text.lower()]


def _collectors(value: Any) -> tuple[Endpoints, ...]:
    if not isinstance(value, list | tuple) or not value:
        raise ValueError
    found = tuple(Endpoints.parse(_text(item)) for item in value)
    if len(set(found)) != len(found):
        raise ValueError
    return found


@dataclass(slots=True, frozen=True)
class Setting:
    """How a setting is read.

    Attributes:
        help: what it is for; a sentence without its full stop.
        metavar: the value's name on the command line; none for a switch.
        accepts: what values are accepted, for messages.
        value: checks the TOML value. Raises ValueError.
        text: reads it from the environment or a flag. Raises ValueError or KeyError.
        repeatable: whether the flag may be given more than once.
    """

    help: str
    metavar: str | None
    accepts: str
    value: Callable[[Any], Any]
    text: Callable[[str], Any]
    repeatable: bool = False


@dataclass(slots=True, frozen=True, kw_only=True)
class Config:
    host: Annotated[
        str,
        Setting(
            "the address to listen on",
            "ADDRESS",
            "an address or host name, such as 127.0.0.1",
            _text,
            _text,
        ),
    ] = "127.0.0.1"
    port: Annotated[
        int,
        Setting(
            "the port to listen on; 0 takes a free one, which the ready line then names",
            "PORT",
            "a whole number from 0 to 65535",
            _port,
            lambda text: _port(int(text)),
        ),
    ] = 8086
    collector: Annotated[
        tuple[Endpoints, ...],
        Setting(
            "the collectors to follow, each by its events and its state endpoint",
            "EVENTS,STATE",
            "different pairs of ZeroMQ endpoints, each such as"
            " tcp://127.0.0.1:8087,tcp://127.0.0.1:8088",
            _collectors,
            lambda text: _collectors(text.split()),
            repeatable=True,
        ),
    ] = (Endpoints(),)
    allow_remote_without_password: Annotated[
        bool,
        Setting(
            "listen on an address that other machines reach, although whoever reaches it sees"
            " everything: there is no password yet",
            None,
            "true or false",
            _bool,
            _bool_text,
        ),
    ] = False


SETTINGS: dict[str, Setting] = {
    name: next(a for a in get_args(hint) if isinstance(a, Setting))
    for name, hint in get_type_hints(Config, include_extras=True).items()
}
_DEFAULTS: dict[str, Any] = {field.name: field.default for field in fields(Config)}


@dataclass(slots=True, frozen=True)
class Loaded:
    """A configuration and, for each of its keys, where the value comes from."""

    config: Config
    sources: dict[str, str]

    def __str__(self) -> str:
        """One line per key as it would stand in the file, and where it comes from."""
        lines = [f"{key} = {_toml(getattr(self.config, key))}" for key in SETTINGS]
        width = max(map(len, lines))
        return "\n".join(
            f"{line:{width}}  # {self.sources[key]}"
            for key, line in zip(SETTINGS, lines, strict=True)
        )


def load(
    path: Path | None, environment: Mapping[str, str], flags: Mapping[str, Any] | None = None
) -> Loaded:
    """The configuration from file, environment and flags (already read: key to value).

    Raises:
        ConfigError: a value is not accepted, a key is unknown, the file cannot be read.
    """
    values, sources = dict(_DEFAULTS), dict.fromkeys(_DEFAULTS, "default")
    chosen = path or (DEFAULT_PATH if DEFAULT_PATH.is_file() else None)
    if chosen is not None:
        for key, value in _read(chosen).items():
            values[key] = _checked(SETTINGS[key].value, value, f"{chosen}: {key}", key)
            sources[key] = str(chosen)
    for variable, text in sorted(environment.items()):
        if not variable.startswith(ENVIRONMENT_PREFIX):
            continue
        key = variable.removeprefix(ENVIRONMENT_PREFIX).lower()
        if key not in SETTINGS:
            known = ", ".join(ENVIRONMENT_PREFIX + key.upper() for key in SETTINGS)
            raise ConfigError(f"{variable} in the environment is no setting; there are: {known}")
        values[key] = _checked(SETTINGS[key].text, text, variable, key)
        sources[key] = variable
    for key, value in (flags or {}).items():
        values[key] = value
        sources[key] = f"--{key.replace('_', '-')}"
    config = Config(**values)
    _check_exposure(config)
    return Loaded(config, sources)


def _read(path: Path) -> dict[str, Any]:
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not TOML: {error}") from None
    for key in found:
        if key not in SETTINGS:
            raise ConfigError(f"{path}: {key!r} is no key; there are: {', '.join(SETTINGS)}")
    return found


def _checked(read: Callable[[Any], Any], value: Any, where: str, key: str) -> Any:
    try:
        return read(value)
    except (ValueError, KeyError):
        raise ConfigError(f"{where} = {value!r}: expected {SETTINGS[key].accepts}") from None


def _check_exposure(config: Config) -> None:
    """Nobody else may see the page unless the configuration says so in as many words."""
    if config.allow_remote_without_password or is_loopback(config.host):
        return
    raise ConfigError(
        f"host = {config.host!r} can be reached from other machines, and there is no password:"
        " keep it at 127.0.0.1 (behind a reverse proxy that asks for one, for instance),"
        " or set allow_remote_without_password = true"
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a listener on that address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _toml(value: Any) -> str:
    if isinstance(value, tuple):
        return json.dumps([str(item) for item in value])
    return json.dumps(value)  # TOML writes text, numbers and booleans as JSON does


def example() -> str:
    """The documented example file: each setting with its help, what it accepts and its default."""
    parts = ["# health-webui: every setting with its default. Lines that begin with # do nothing."]
    for key, setting in SETTINGS.items():
        flag = f"--{key.replace('_', '-')}"
        parts.append(
            f"# {setting.help[0].upper()}{setting.help[1:]}.\n"
            f"# Accepts {setting.accepts}.\n"
            f"# Also {flag}{f' {setting.metavar}' if setting.metavar else ''}"
            f" and {ENVIRONMENT_PREFIX}{key.upper()}.\n"
            f"#{key} = {_toml(_DEFAULTS[key])}"
        )
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":  # writes the example file anew
    Path(__file__).with_name("config.example.toml").write_text(example(), encoding="utf-8")
