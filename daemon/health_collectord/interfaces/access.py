"""Who may listen: the keys in their files, and the gate that lets clients in by them.

    DIR/server.key      the collector's secret key
    DIR/clients/NAME    a client's public key and since when it is allowed

Nothing else says who is allowed: a file that is made or removed counts at once, by whatever
process. PROTOCOL.md, "Access", says what a client sees of it.
"""

import json
import logging
import os
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import zmq
from health_wire.keys import (
    InvalidKey,
    KeyPair,
    check_key,
    check_name,
    make_private_directory,
    read_private,
    write_private,
)
from zmq.utils import z85

from health_collectord.events import format_time

_log = logging.getLogger(__name__)
_ZAP = "inproc://zeromq.zap.01"  # rfc.zeromq.org/spec/27
_DOMAIN = b"health"
_ITSELF = "(collector)"  # no client has such a name
_SETTLED_SECONDS = 2.0
_LOG_SECONDS = 10.0


@dataclass(slots=True, frozen=True, kw_only=True)
class Client:
    """A client that is allowed; `connected` is when it last came, in seconds since 1970."""

    name: str
    key: str
    since: str
    connected: float | None


class KeyFiles:
    """The keys of a collector in a directory; every method may raise InvalidKey."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._server = directory / "server.key"
        self._clients = directory / "clients"

    def server(self) -> KeyPair:
        """The collector's own keys; made where there are none yet."""
        make_private_directory(self.directory)
        make_private_directory(self._clients)
        while True:
            try:
                return KeyPair.of_secret(read_private(self._server))
            except FileNotFoundError:
                write_private(self._server, KeyPair.generate().secret, replace=False)

    def existing_server(self) -> KeyPair:
        """The collector's own keys, for whoever asks a collector that runs."""
        try:
            return KeyPair.of_secret(read_private(self._server))
        except FileNotFoundError:
            raise InvalidKey(f"{self._server}: no such file; has the collector started?") from None

    def clients(self) -> list[Client]:
        """The clients that are allowed, by name."""
        found, faults = self.sound_clients()
        if faults:
            raise InvalidKey("; ".join(faults))
        return found

    def sound_clients(self) -> tuple[list[Client], list[str]]:
        """The clients whose files can be used, and what is wrong with the others."""
        found, faults = [], []
        for path in self._paths():
            try:
                found.append(_client(path))
            except FileNotFoundError:
                continue  # revoked just now
            except InvalidKey as error:
                faults.append(str(error))
        return found, faults

    def _paths(self) -> list[Path]:
        try:
            return sorted(p for p in self._clients.iterdir() if not p.name.startswith("."))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise _unreadable(self._clients, error) from None

    def allow(self, name: str, key: str, *, replace: bool = False) -> bool:
        """Allows a client; without `replace`, returns False where the name is taken."""
        check_name(name)
        self.server()  # which makes the directories
        since = format_time(datetime.now(UTC))
        text = json.dumps({"key": check_key(key), "since": since}) + "\n"
        path = self._clients / name
        if not write_private(path, text, replace=replace):
            return False
        os.utime(path, (0, 0))  # it has not connected yet
        return True

    def revoke(self, name: str) -> bool:
        """Allows a client no longer; returns False where there is none of that name."""
        try:
            (self._clients / check_name(name)).unlink()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise _unreadable(self._clients, error) from None
        return True

    def rotate(self) -> None:
        """Gives the collector new keys of its own."""
        self.server()
        write_private(self._server, KeyPair.generate().secret, replace=True)

    def note_connected(self, name: str) -> None:
        """A client has come."""
        try:
            os.utime(self._clients / name)
        except OSError as error:
            _log.debug("cannot note that %s has connected: %s", name, error)

    def stamp(self) -> tuple[int, ...]:
        """Times of change, others whenever a file is made, replaced, removed, edited or opened up.

        A change of a file's mode, or of its content in its place, is one of the file alone
        (st_ctime, man 7 inode).
        """
        try:
            folders = self.directory.stat().st_mtime_ns, self._clients.stat().st_mtime_ns
            files = [self._server.stat().st_ctime_ns]
            for path in self._paths():
                with suppress(FileNotFoundError):
                    files.append(path.lstat().st_ctime_ns)
        except OSError as error:
            raise _unreadable(self.directory, error) from None
        return *folders, *files


def _unreadable(path: Path, error: OSError) -> InvalidKey:
    return InvalidKey(f"{path}: {error.strerror}; run this as root or its owner")


def _client(path: Path) -> Client:
    text = read_private(path)
    connected = path.stat().st_mtime
    try:
        found = json.loads(text)
        return Client(
            name=check_name(path.name),
            key=check_key(found["key"]),
            since=str(found["since"]),
            connected=connected or None,
        )
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InvalidKey(f"{path} is damaged ({error}); revoke it and invite it again") from None


class Gate:
    """Lets in who has an allowed key, on every socket that it guards.

    The answers to ZeroMQ's questions (ZAP) are given by whoever polls `socket` and calls
    `answer`. Until that is done nobody comes in, and libzmq lets nobody pass without an answer.

    Args:
        everywhere: ask for keys on loopback endpoints and Unix sockets as well.

    Attributes:
        generation: rises when somebody who was allowed is not any more. libzmq never ends a
            connection that it let in, so sockets of an older generation have to be closed.
        refused: how often somebody was turned away.
    """

    def __init__(self, files: KeyFiles, *, everywhere: bool = False) -> None:
        self.everywhere = everywhere
        self._files = files
        self._changing = threading.Lock()
        self._keys = KeyPair("", "")
        self._names: dict[str, str] = {}
        self._stamp: tuple[int, ...] | None = None
        self._faults: list[str] = []
        self._fault: str | None = None
        self._log_at = 0.0
        self.socket: zmq.Socket[bytes] | None = None
        self.generation = 0
        self.refused = 0

    def guard(self, socket: zmq.Socket[bytes]) -> None:
        """Makes a socket that is not bound yet ask for keys.

        Raises:
            InvalidKey: the key files cannot be used.
        """
        with self._changing:
            if self.socket is None:
                self._read()
            secret = self._keys.secret
        if self.socket is None:
            zap: zmq.Socket[bytes] = socket.context.socket(zmq.ROUTER)
            zap.linger = 0
            zap.bind(_ZAP)
            self.socket = zap
        socket.curve_server = True
        socket.curve_secretkey = secret.encode()
        socket.setsockopt(zmq.ZAP_DOMAIN, _DOMAIN)
        socket.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 1)

    def look(self) -> None:
        """Takes notice of changed files. While they cannot be used, nobody is let in."""
        with self._changing:
            try:
                stamp = self._files.stamp()
                # A time stamp is as coarse as the kernel's tick: another change may share it.
                settled = abs(time.time() - max(stamp) / 1e9) > _SETTLED_SECONDS
                if stamp != self._stamp or not settled:
                    self._read()
                    self._stamp, self._fault = stamp, None
            except InvalidKey as error:
                if self._fault != str(error):
                    self._fault = str(error)
                    self.generation += 1
                    _log.error("no client is let in: %s", error)
                self._names, self._stamp = {}, None

    def _read(self) -> None:
        keys = self._files.server()
        clients, faults = self._files.sound_clients()
        if faults != self._faults:
            self._faults = faults
            for fault in faults:
                _log.error("a client is not let in: %s", fault)
        names = {client.key: client.name for client in clients}
        names[keys.public] = _ITSELF  # who holds the collector's own key, such as `status`
        if keys != self._keys or not names.items() >= self._names.items():
            self.generation += 1
        self._keys, self._names = keys, names

    def answer(self) -> None:
        """Answers one question of ZeroMQ's, which has to have come."""
        assert self.socket is not None
        peer, _, version, request, *rest = self.socket.recv_multipart()
        self.look()
        name = None
        if len(rest) == 5 and rest[0] == _DOMAIN and rest[3] == b"CURVE":
            with self._changing:
                name = self._names.get(z85.encode(rest[4]).decode())
        if name is None:
            self.refused += 1
            self._tell_refused(rest[1:2])
            verdict = [b"400", b"not allowed", b"", b""]
        else:
            if name != _ITSELF:
                self._files.note_connected(name)
            verdict = [b"200", b"", name.encode(), b""]
        self.socket.send_multipart([peer, b"", version, request, *verdict])

    def _tell_refused(self, address: list[bytes]) -> None:
        if time.monotonic() >= self._log_at:  # strangers shall not fill the log
            self._log_at = time.monotonic() + _LOG_SECONDS
            where = b"".join(address).decode("ascii", "replace")
            _log.warning(
                "refused a client at %s: its key is not allowed (%d refused so far)",
                where, self.refused,
            )  # fmt: skip

    def close(self) -> None:
        """Nobody comes in any more. To be called by whoever polls `socket`."""
        if self.socket is not None:
            self.socket.close(linger=0)
            self.socket = None
