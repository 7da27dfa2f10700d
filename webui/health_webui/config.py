"""The web process's settings."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Self

from health_wire import protocol, settings
from health_wire.settings import BOOL, Kind, Loaded, Setting, SettingsError, number

PREFIX = "HEALTH_WEBUI"
DEFAULT_FILE = Path("/etc/health-webui/config.toml")


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
            raise ValueError(
                "expected a pair of ZeroMQ endpoints, such as "
                f"{protocol.EVENTS_ENDPOINT},{protocol.STATE_ENDPOINT}, got {text!r}"
            )
        return cls(events, state)


_ENDPOINT = re.compile(r"tcp://[^\s,/]+:[0-9]{1,5}|ipc://[^\s,]+")


def _address(value: Any) -> str:
    if not isinstance(value, str) or not value or any(c.isspace() for c in value):
        raise ValueError(f"expected an address or host name, such as 127.0.0.1, got {value!r}")
    return value


def _collectors(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(v, str) for v in value):
        raise ValueError(f'expected a list of texts ["EVENTS,STATE", ...], got {value!r}')
    found = [Endpoints.parse(text) for text in value]
    twice = [str(pair) for pair in found if found.count(pair) > 1]
    if twice:
        raise ValueError(f"{twice[0]} is given twice")
    return tuple(map(str, found))


ADDRESS = Kind("an address or host name", _address, str)
COLLECTORS = Kind(
    'list of texts "EVENTS,STATE"; in the environment with blanks between', _collectors, str.split
)

SETTINGS = (
    Setting("host", ADDRESS, "127.0.0.1", "address to listen on", "ADDRESS"),
    Setting(
        "port", number(0, 65535, whole=True), 8086,
        "port to listen on; 0 takes a free one, which the ready line then names",
        "PORT",
    ),
    Setting(
        "collector", COLLECTORS, (str(Endpoints()),),
        "collectors to follow, each by its events and its state endpoint",
    ),
    Setting(
        "allow_remote_without_password", BOOL, False,
        "allow an address that other machines reach: whoever reaches it sees everything", "",
    ),
)  # fmt: skip


@dataclass(slots=True, frozen=True, kw_only=True)
class Config:
    """The web process as configured; SETTINGS says what each means."""

    host: str
    port: int
    collector: tuple[Endpoints, ...]
    allow_remote_without_password: bool
    loaded: Loaded


def load(
    flags: Mapping[str, Any],
    environ: Mapping[str, str] = os.environ,
    default_file: Path = DEFAULT_FILE,
) -> Config:
    """The configuration in force.

    Raises:
        SettingsError: it cannot be used; the text says what and why.
    """
    loaded = settings.load(
        SETTINGS, prefix=PREFIX, environ=environ, flags=flags, default_file=default_file
    )
    values = {setting.key: loaded[setting.key] for setting in SETTINGS}
    values["collector"] = tuple(map(Endpoints.parse, loaded["collector"]))
    config = Config(**values, loaded=loaded)
    _check_exposure(config)
    return config


def _check_exposure(config: Config) -> None:
    """Nobody else may see the page unless the configuration says so in as many words."""
    if config.allow_remote_without_password or is_loopback(config.host):
        return
    raise SettingsError(
        f"{config.loaded.origins['host']}: host: {config.host} can be reached from other machines,"
        " and there is no password: keep it at 127.0.0.1 (behind a reverse proxy that asks for"
        " one, for instance), or set allow_remote_without_password = true"
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a listener on that address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def example() -> str:
    """The documented example file."""
    return settings.example(
        SETTINGS,
        "Configuration of health-webui.\n"
        f"It is read from {DEFAULT_FILE}, or from the file that --config names.\n"
        "Every key stands here with its default; take away the # in front of one to change it.\n"
        f"The environment ({PREFIX}_PORT=80) and flags (--port 80) go before this file.",
    )
