"""The collectors to follow: those in the configuration, and those that were added.

What `health-webui add` was given stands below DATA_DIR/collectors, a file for each with mode 0600:
the invitation as it was pasted has the key in it.
"""

import logging
import re
import socket
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from health_wire.keys import (
    ClientKeys,
    InvalidKey,
    Invitation,
    check_name,
    make_private_directory,
    read_private,
    write_private,
)

from health_webui.config import Config, Endpoints, address, is_loopback

_SUFFIX = ".collector"
_LOG = logging.getLogger(__name__)


@dataclass(slots=True, frozen=True)
class Source:
    """A collector to follow. `label` is its name here, empty where it stands in the configuration.

    Without `keys` it is followed in plain text. `others` are further places where the same one may
    be had. `local`: it is this host's own, which nobody has asked for.
    """

    endpoints: Endpoints
    keys: ClientKeys | None = None
    label: str = ""
    others: tuple[Endpoints, ...] = ()
    local: bool = False

    @property
    def places(self) -> tuple[Endpoints, ...]:
        """Where it may be had, in the order in which to try."""
        return (self.endpoints, *self.others)

    @property
    def identity(self) -> str:
        """Tells it from others: its key where it has one, wherever it listens; else the place."""
        return self.keys.server_public if self.keys else str(self.endpoints)

    @property
    def plaintext(self) -> bool:
        """Whether what it says crosses a network that others may read and write on."""
        return self.keys is None and not all(
            endpoint.startswith("ipc:") or is_loopback(host_of(endpoint))
            for endpoint in (self.endpoints.events, self.endpoints.state)
        )


class Store:
    """The added collectors."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def version(self) -> int:
        """Changes when anything is added or removed."""
        try:
            return self._directory.stat().st_mtime_ns
        except OSError:
            return 0

    def names(self) -> list[str]:
        """The names of all, those that cannot be used included."""
        try:
            files = list(self._directory.iterdir())
        except FileNotFoundError:
            return []
        except OSError as error:
            remedy = "; run this as root or its owner" if isinstance(error, PermissionError) else ""
            raise InvalidKey(f"{self._directory}: {error.strerror}{remedy}") from None
        return sorted(f.stem for f in files if f.suffix == _SUFFIX and f.name[0] != ".")

    def read(self, name: str) -> Source:
        """One of them.

        Raises:
            InvalidKey: its file cannot be used.
        """
        file = self._file(name)
        try:
            return replace(parse(read_private(file)), label=name)
        except FileNotFoundError:
            raise InvalidKey(f"no collector of the name {name!r} was added") from None

    def all(self) -> list[Source]:
        """Every one that can be used; of the others the log says why they cannot."""
        found = []
        try:
            for name in self.names():
                try:
                    found.append(self.read(name))
                except InvalidKey as error:
                    _LOG.warning("%s", error)
        except InvalidKey as error:
            _LOG.warning("%s", error)
        return found

    def add(self, text: str, name: str | None) -> Source:
        """Stores an invitation, or ``EVENTS,STATE``, in place of an older one of that collector.

        It is the same one if its key is, or, where it has none or a new one, its name and place.

        Raises:
            InvalidKey: it is none, or the name is another collector's.
        """
        parsed = parse(text)
        known = {other: self._read_or_none(other) for other in self.names()}
        older = [n for n, s in known.items() if s and s.identity == parsed.identity]
        label = check_name(name) if name else older[0] if older else _name_for(text, parsed)
        there = known.get(label)
        if there and label not in older and there.endpoints != parsed.endpoints:
            raise InvalidKey(f"{label!r} is another collector's name here: choose one with --name")
        for other, source in known.items():
            taken = source and source.endpoints == parsed.endpoints
            if taken and other != label and other not in older:
                raise InvalidKey(f"that collector is followed already, as {other!r}")
        make_private_directory(self._directory)
        write_private(self._file(label), f"{text.strip()}\n", replace=True)
        for other in older:
            if other != label:
                self.remove(other)
        return replace(parsed, label=label)

    def _read_or_none(self, name: str) -> Source | None:
        """What cannot be used is in nobody's way."""
        try:
            return self.read(name)
        except InvalidKey:
            return None

    def remove(self, name: str) -> None:
        """Forgets one, with its key.

        Raises:
            InvalidKey: there is none of that name.
        """
        try:
            self._file(name).unlink()
        except FileNotFoundError:
            raise InvalidKey(f"no collector of the name {name!r} was added") from None
        except OSError as error:
            raise InvalidKey(f"{self._file(name)}: {error.strerror}") from None

    def _file(self, name: str) -> Path:
        return self._directory / f"{check_name(name)}{_SUFFIX}"


def parse(text: str) -> Source:
    """What an invitation, or ``EVENTS,STATE``, leads to.

    Raises:
        InvalidKey: it is neither.
    """
    if "," in text:
        try:
            return Source(Endpoints.parse(text.strip()))
        except ValueError as error:
            raise InvalidKey(str(error)) from None
    invitation = Invitation.decode(text)
    first, *others = (Endpoints(*place) for place in invitation.places)
    return Source(first, invitation.keys, others=tuple(others))


def led_by(text: str, place: Endpoints) -> str:
    """The same text with the place where the collector was found in front."""
    if "," in text:
        return text
    return Invitation.decode(text).led_by((place.events, place.state)).encode()


def _name_for(text: str, source: Source) -> str:
    given = host_of(source.endpoints.events) or "local"
    if source.keys is not None:
        given = Invitation.decode(text).name
    return check_name(re.sub(r"[^A-Za-z0-9._-]+", "-", given).lstrip("._-")[:63] or "collector")


def store(config: Config) -> Store:
    return Store(config.data_dir / "collectors")


def to_follow(config: Config) -> list[Source]:
    """All collectors to follow, each once: configured, added, and this host's own."""
    added = {source.identity: source for source in store(config).all()}
    taken = {place for source in added.values() for place in source.places}
    configured = [Source(place) for place in config.collector if place not in taken]
    found = [*configured, *added.values()]
    if config.local and not any(_is_own(place) for source in found for place in source.places):
        found.append(Source(Endpoints(), local=True))
    return found


def _is_own(place: Endpoints) -> bool:
    """Whether that is where this host's own collector listens if nobody has changed its ports."""
    default = Endpoints()
    return all(
        given.rpartition(":")[2] == own.rpartition(":")[2] and _is_this_host(host_of(given))
        for given, own in ((place.events, default.events), (place.state, default.state))
    )


def host_of(endpoint: str) -> str:
    """The name or address in it, empty where it has none."""
    return urlsplit(endpoint).hostname or ""


def _is_this_host(name: str) -> bool:
    """Whether that leads here; asks nobody else for it."""
    own = socket.gethostname().lower()
    if is_loopback(name) or name in (own, f"{own}.local"):
        return True
    try:
        family = socket.AF_INET6 if address(name).version == 6 else socket.AF_INET
        with closing(socket.socket(family, socket.SOCK_DGRAM)) as probe:
            probe.bind((name, 0))  # which works for addresses of this host alone
    except (OSError, ValueError):
        return False
    return True
