"""Keys: CURVE pairs, files that nobody else can read, and the invitation that pairs two hosts.

Keys are 32 bytes, written in Z85 as ZeroMQ takes them (40 characters, rfc.zeromq.org/spec/32).
PROTOCOL.md says under "Access" what they are for.
"""

import base64
import binascii
import json
import os
import re
import stat
import struct
import zlib
from contextlib import suppress
from dataclasses import dataclass, field, replace
from ipaddress import IPv6Address
from pathlib import Path
from typing import Any, Self

import zmq
from zmq.utils import z85

from health_wire.endpoints import connectable

_PREFIX = "hc1-"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_NAME_OF_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}")
_MAX_TOKEN = 4096
MAX_ADDRESSES = 16


class InvalidKey(ValueError):
    """A key, a key's file or an invitation cannot be used; the text is a line with the remedy."""


@dataclass(slots=True, frozen=True)
class KeyPair:
    """One side's pair. Its representation does not show the secret."""

    public: str
    secret: str = field(repr=False)

    @classmethod
    def generate(cls) -> Self:
        public, secret = zmq.curve_keypair()
        return cls(public.decode(), secret.decode())

    @classmethod
    def of_secret(cls, secret: str) -> Self:
        """The pair that a secret key belongs to.

        Raises:
            InvalidKey: it is no key.
        """
        return cls(zmq.curve_public(check_key(secret).encode()).decode(), secret)


@dataclass(slots=True, frozen=True)
class ClientKeys:
    """What a client needs where keys are asked for: the server's public key and a pair."""

    server_public: str
    public: str
    secret: str = field(repr=False)

    def apply(self, socket: zmq.Socket[Any]) -> None:
        """Makes the connections of a socket that is not connected yet use these keys."""
        socket.curve_serverkey = self.server_public.encode()
        socket.curve_publickey = self.public.encode()
        socket.curve_secretkey = self.secret.encode()


@dataclass(slots=True, frozen=True, kw_only=True)
class Invitation:
    """All that a client needs to follow a collector, in one text that can be copied and pasted.

    `name` is the collector's host id, `events` and `state` are endpoints, `addresses` what else the
    host there is called: the same ports may be had at each of them. Who holds the text may listen
    until the client is revoked: it is a secret.
    """

    name: str
    events: str
    state: str
    server_key: str
    client_secret: str = field(repr=False)
    addresses: tuple[str, ...] = ()

    @property
    def places(self) -> list[tuple[str, str]]:
        """Events and state endpoint at each address, in the order in which to try them."""
        others = [(_moved(self.events, to), _moved(self.state, to)) for to in self.addresses]
        return [(self.events, self.state), *others]

    def led_by(self, place: tuple[str, str]) -> Self:
        """The same with one of its places in front of the others."""
        at = self.places.index(place)
        hosts = [_host(self.events), *self.addresses]
        others = tuple(host for n, host in enumerate(hosts) if n != at)
        return replace(self, events=place[0], state=place[1], addresses=others)

    @property
    def keys(self) -> ClientKeys:
        pair = KeyPair.of_secret(self.client_secret)
        return ClientKeys(self.server_key, pair.public, pair.secret)

    def encode(self) -> str:
        """One word of letters, digits, ``-`` and ``_``."""
        parts: list[Any]
        parts = [self.name, self.events, self.state, self.server_key, self.client_secret]
        if self.addresses:
            parts.append(self.addresses)
        body = json.dumps(parts, ensure_ascii=False, separators=(",", ":")).encode()
        sealed = body + zlib.crc32(body).to_bytes(4, "big")  # a letter lost in copying shows
        return _PREFIX + base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()

    @classmethod
    def decode(cls, text: str) -> Self:
        """The invitation in a text; white space in and around it, as mail puts it, is no matter.

        Raises:
            InvalidKey: it is none, or not whole.
        """
        word = "".join(text.split())
        if not word.startswith(_PREFIX):
            raise InvalidKey(f"not an invitation: it begins with {_PREFIX!r}; `invite` prints it")
        if len(word) > _MAX_TOKEN:
            raise InvalidKey("not an invitation: it is too long")
        sealed = _unpack(word.removeprefix(_PREFIX))
        body = sealed[:-4]
        if zlib.crc32(body).to_bytes(4, "big") != sealed[-4:]:
            raise InvalidKey("the invitation is damaged: copy the whole of what `invite` printed")
        try:
            name, events, state, server_key, client_secret, *more = json.loads(body)
        except (ValueError, TypeError, RecursionError):
            raise InvalidKey("not an invitation of this version") from None
        for part in (name, events, state):
            if not isinstance(part, str) or not part or not part.isprintable():
                raise InvalidKey("not an invitation: a part of it is no text")
        for endpoint in (events, state):
            try:
                connectable(endpoint)
            except ValueError as error:
                raise InvalidKey(f"not an invitation: {error}") from None
        addresses = more[0] if more else []
        if not isinstance(addresses, list) or len(addresses) > MAX_ADDRESSES:
            raise InvalidKey("not an invitation: its addresses are no list")
        for address in addresses:
            if not isinstance(address, str) or not _is_address(address):
                raise InvalidKey(f"not an invitation: {address!r} is no address")
        return cls(
            name=name,
            events=events,
            state=state,
            server_key=check_key(server_key),
            client_secret=check_key(client_secret),
            addresses=tuple(addresses),
        )


def _is_address(text: str) -> bool:
    """Whether it is a host's name or address, one of IPv6 in brackets."""
    if not (text.startswith("[") and text.endswith("]")):
        return _NAME_OF_HOST.fullmatch(text) is not None
    try:
        return IPv6Address(text[1:-1]).scope_id is None
    except ValueError:
        return False


def _host(endpoint: str) -> str:
    return endpoint.partition("://")[2].rpartition(":")[0]


def _moved(endpoint: str, host: str) -> str:
    """The endpoint's port at another host; a socket's file has neither."""
    if not endpoint.startswith("tcp://"):
        return endpoint
    return f"tcp://{host}:{endpoint.rpartition(':')[2]}"


def _unpack(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise InvalidKey(
            "the invitation is damaged: copy the whole of what `invite` printed"
        ) from None


def check_key(text: Any) -> str:
    """The key, if it is one.

    Raises:
        InvalidKey: it is not.
    """
    try:
        if isinstance(text, str) and len(text) == 40 and len(z85.decode(text)) == 32:
            return text
    except (ValueError, KeyError, OverflowError, struct.error):
        pass
    raise InvalidKey("a key is 40 characters of Z85")


def check_name(text: str) -> str:
    """The name of a client, if it is one: it is the name of its file as well.

    Raises:
        InvalidKey: it is not.
    """
    if not _NAME.fullmatch(text):
        raise InvalidKey(
            f"{text!r} is no name: up to 63 letters, digits, '.', '_' and '-', no sign in front"
        )
    return text


def make_private_directory(path: Path) -> None:
    """The directory, with mode 0700, owned as the directory that it is made in.

    So root can make it for a service's user.

    Raises:
        InvalidKey: it cannot be made, or others can read what is there.
    """
    try:
        if not path.parent.exists():
            make_private_directory(path.parent)
        with suppress(FileExistsError):
            path.mkdir(mode=0o700)
            _own_as_parent(path)
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError as error:
        raise _unusable(path, error) from None
    if mode & 0o077:
        raise InvalidKey(f"{path} is open to others (mode {mode:04o}): chmod 700 {path}")


def write_private(path: Path, text: str, *, replace: bool) -> bool:
    """Writes a file with mode 0600, whole or not at all, owned as its directory is.

    Returns:
        Whether it was written: without `replace`, one that is there stays as it is.

    Raises:
        InvalidKey: it cannot be written.
    """
    draft = path.with_name(f".{path.name}.{os.urandom(8).hex()}")
    try:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(handle)
            _own_as_parent(draft)
            if replace:
                draft.replace(path)
            else:
                os.link(draft, path)
        finally:
            draft.unlink(missing_ok=True)
    except FileExistsError:
        return False
    except OSError as error:
        raise _unusable(path, error) from None
    return True


def read_private(path: Path, limit: int = _MAX_TOKEN) -> str:
    """The text, up to a length, of a file that nobody but its owner can read or write.

    Raises:
        FileNotFoundError: there is none.
        InvalidKey: it cannot be read, or others can read it.
    """
    try:
        # Without waiting: a pipe that somebody has put there would keep us for ever.
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with open(fd, encoding="utf-8") as file:
            kind = os.fstat(fd).st_mode
            if not stat.S_ISREG(kind):
                raise InvalidKey(f"{path} is no file of its own kind: remove it")
            mode = stat.S_IMODE(kind)
            if mode & 0o077:
                raise InvalidKey(
                    f"{path} can be read by others (mode {mode:04o}), so it may be no secret any "
                    f"more: make new keys, or if nobody has read it, chmod 600 {path}"
                )
            return file.read(limit)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _unusable(path, error) from None
    except UnicodeDecodeError:
        raise InvalidKey(f"{path} is damaged: it is not UTF-8") from None


def _unusable(path: Path, error: OSError) -> InvalidKey:
    remedy = "; run this as root or its owner" if isinstance(error, PermissionError) else ""
    return InvalidKey(f"{path}: {error.strerror}{remedy}")


def _own_as_parent(path: Path) -> None:
    """What root makes in a service's directory is the service's."""
    if os.geteuid() == 0:
        owner = path.parent.stat()
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
