"""The web process's settings."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from health_wire import protocol, settings
from health_wire.endpoints import connectable, is_host
from health_wire.settings import (
    BOOL,
    TEXT,
    Kind,
    Loaded,
    Setting,
    SettingsError,
    choice,
    number,
)

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
        if not comma or "," in state:
            raise ValueError(
                "expected a pair of ZeroMQ endpoints, such as "
                f"{protocol.EVENTS_ENDPOINT},{protocol.STATE_ENDPOINT}, got {text!r}"
            )
        if events == state:
            raise ValueError(f"the events and the state endpoint are the same, {events!r}")
        return cls(connectable(events), connectable(state))


_MAPPED_BITS = 96  # of ::ffff:0:0/96, RFC 4291


def _address(value: Any) -> str:
    if not isinstance(value, str) or not is_host(value):
        raise ValueError(
            "expected an address or a host's name alone, such as 127.0.0.1 (the port is a key of "
            f"its own), got {value!r}"
        )
    return value


def _collectors(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(v, str) for v in value):
        raise ValueError(f'expected a list of texts ["EVENTS,STATE", ...], got {value!r}')
    found = [Endpoints.parse(text) for text in value]
    twice = [str(pair) for pair in found if found.count(pair) > 1]
    if twice:
        raise ValueError(f"{twice[0]} is given twice")
    return tuple(map(str, found))


def _networks(value: Any) -> tuple[str, ...]:
    for text in _names(value):
        try:
            ip_network(text)
        except ValueError as error:
            raise ValueError(
                f"expected addresses such as 192.168.1.2 or 10.0.0.0/24: {error}"
            ) from None
    return tuple(value)


def _names(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(v, str) for v in value):
        raise ValueError(f'expected a list of texts such as ["a", "b"], got {value!r}')
    for text in value:
        if not re.fullmatch(r"[A-Za-z0-9.:_/-]+", text):
            raise ValueError(f"expected names or addresses without a port, got {text!r}")
    return tuple(value)


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


ADDRESS = Kind("an address or host name", _address, str)
COLLECTORS = Kind(
    'list of texts "EVENTS,STATE"; in the environment with blanks between', _collectors, str.split
)
NAMES = Kind("list of host names or addresses", _names, _split)
NETWORKS = Kind("list of addresses or networks, such as 10.0.0.0/24", _networks, _split)

SETTINGS = (
    Setting("host", ADDRESS, "127.0.0.1", "address to listen on", "ADDRESS"),
    Setting(
        "port", number(0, 65535, whole=True), 8086,
        "port to listen on; 0 takes a free one, which the ready line then names",
        "PORT",
    ),
    Setting(
        "collector", COLLECTORS, (),
        "collectors to follow, each by its events and its state endpoint, besides those that"
        " health-webui add has stored and this host's own",
    ),
    Setting(
        "local", BOOL, True,
        "follow this host's own collector too, at its default endpoints; beside others it is shown"
        " once it has answered",
        "",
    ),
    Setting(
        "data_dir", TEXT, "data/webui",
        "directory for the password and the keys of collectors that were added", "DIR",
    ),
    Setting(
        "auth", choice("password", "none", "proxy"), "password",
        "who may see the page where other machines reach it: who knows the password, everyone,"
        " or who comes through the trusted proxies, which then ask for one",
        "WAY",
    ),
    Setting(
        "allowed_hosts", NAMES, (),
        "names by which browsers may ask for this page, besides its address and this host's name",
    ),
    Setting(
        "trusted_proxies", NETWORKS, (),
        "reverse proxies whose X-Forwarded-For, -Proto, -Host and -Prefix are believed",
    ),
    Setting(
        "tls_certificate", TEXT, "",
        "file with the certificate chain, in PEM: serve HTTPS; empty: HTTP", "FILE",
    ),
    Setting("tls_key", TEXT, "", "file with the certificate's key, in PEM", "FILE"),
)  # fmt: skip


RELOADED = ("collector", "local")  # what SIGHUP applies; the rest needs a restart


@dataclass(slots=True, frozen=True, kw_only=True)
class Config:
    """The web process as configured; SETTINGS says what each means."""

    host: str
    port: int
    collector: tuple[Endpoints, ...]
    local: bool
    data_dir: Path
    auth: str
    allowed_hosts: tuple[str, ...]
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...]
    tls_certificate: str
    tls_key: str
    loaded: Loaded

    @property
    def password_file(self) -> Path:
        return self.data_dir / "password"

    @property
    def exposed(self) -> bool:
        """Whether others than this machine's own users can reach the page.

        A name or a proxy that is configured means that they are expected, whatever the address.
        """
        names = (self.host, *self.allowed_hosts)
        return bool(self.trusted_proxies) or not all(map(is_loopback, names))


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
    values["data_dir"] = Path(loaded["data_dir"])
    for pair in values["collector"]:
        for endpoint in (pair.events, pair.state):
            _refuse_own_port(endpoint, loaded)
    values["trusted_proxies"] = tuple(map(_network, loaded["trusted_proxies"]))
    return Config(**values, loaded=loaded)


def address(text: str) -> IPv4Address | IPv6Address:
    """The address; one of IPv4 also where it is mapped into IPv6, as sockets on ``::`` see it.

    >>> address("::ffff:192.0.2.1")
    IPv4Address('192.0.2.1')

    Raises:
        ValueError: it is none.
    """
    found = ip_address(text)
    return (isinstance(found, IPv6Address) and found.ipv4_mapped) or found


def _network(text: str) -> IPv4Network | IPv6Network:
    """As `address`."""
    found = ip_network(text)
    mapped = isinstance(found, IPv6Network) and found.network_address.ipv4_mapped
    if mapped and found.prefixlen >= _MAPPED_BITS:
        return IPv4Network((mapped, found.prefixlen - _MAPPED_BITS))
    return found


def _refuse_own_port(endpoint: str, loaded: Loaded) -> None:
    """The page and a collector of this machine cannot have one port."""
    found = urlsplit(endpoint)
    if found.scheme == "tcp" and found.port == loaded["port"] and is_loopback(found.hostname or ""):
        where = loaded.origins["collector"]
        raise SettingsError(
            f"{where}: collector: {endpoint} is the page's own port; give one of them another"
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a listener on that address."""
    try:
        return address(host).is_loopback
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
