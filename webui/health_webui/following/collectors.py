"""The collectors to follow: those in the configuration, and those that were added.

What `health-webui add` was given stands below DATA_DIR/collectors, a file for each with mode 0600:
the invitation as it was pasted has the key in it.
"""

import logging
import re
from dataclasses import dataclass
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

from health_webui.config import Config, Endpoints, is_loopback

_SUFFIX = ".collector"
_LOG = logging.getLogger(__name__)


@dataclass(slots=True, frozen=True)
class Source:
    """A collector to follow. `label` is its name here, empty where it stands in the configuration.

    Without `keys` it is followed in plain text.
    """

    endpoints: Endpoints
    keys: ClientKeys | None = None
    label: str = ""

    @property
    def plaintext(self) -> bool:
        """Whether what it says crosses a network that others may read and write on."""
        found = map(urlsplit, (self.endpoints.events, self.endpoints.state))
        return self.keys is None and not all(
            part.scheme == "ipc" or is_loopback(part.hostname or "") for part in found
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
            return _parse(read_private(file), name)
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
        """Stores an invitation, or ``EVENTS,STATE``; one of the same name and place is replaced.

        Raises:
            InvalidKey: it is none, or the name is another collector's.
        """
        parsed = _parse(text, "")
        label = check_name(name) if name else _name_for(text, parsed)
        if label in self.names() and self.read(label).endpoints != parsed.endpoints:
            raise InvalidKey(f"{label!r} is another collector's name here: choose one with --name")
        for other in self.names():
            if other != label and self.read(other).endpoints == parsed.endpoints:
                raise InvalidKey(f"that collector is followed already, as {other!r}")
        make_private_directory(self._directory)
        write_private(self._file(label), f"{text.strip()}\n", replace=True)
        return _parse(text, label)

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


def _parse(text: str, label: str) -> Source:
    if "," in text:
        try:
            return Source(Endpoints.parse(text.strip()), None, label)
        except ValueError as error:
            raise InvalidKey(str(error)) from None
    invitation = Invitation.decode(text)
    return Source(Endpoints(invitation.events, invitation.state), invitation.keys, label)


def _name_for(text: str, source: Source) -> str:
    given = urlsplit(source.endpoints.events).hostname or "local"
    if source.keys is not None:
        given = Invitation.decode(text).name
    return check_name(re.sub(r"[^A-Za-z0-9._-]+", "-", given).lstrip("._-")[:63] or "collector")


def store(config: Config) -> Store:
    return Store(config.data_dir / "collectors")


def to_follow(config: Config) -> list[Source]:
    """All collectors to follow; this host's own where nothing says otherwise."""
    added = {source.endpoints: source for source in store(config).all()}
    configured = {endpoints: Source(endpoints) for endpoints in config.collector}
    return list((configured | added).values()) or [Source(Endpoints())]
