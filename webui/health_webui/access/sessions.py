"""The sessions that the password opens.

They are signed with a key made from the password's file, so that they outlive a restart and end
with the password.
"""

import hashlib
import logging
import secrets
import time
from collections.abc import Callable
from pathlib import Path

from health_wire.keys import InvalidKey, read_private, write_private
from itsdangerous import BadSignature, TimestampSigner

from health_webui.access.password import PasswordFile

SESSION_SECONDS = 30 * 86400
_MAX_ENDED = 1000
_LONGEST_FILE = 100 * _MAX_ENDED
_LOG = logging.getLogger(__name__)


class Ended:
    """Which sessions were ended by hand, until they would have ended by themselves.

    A line of the file is a session's name and when that is, in seconds since 1970. It is read at
    the start, and again before it is written: others may have ended theirs in it meanwhile.
    """

    def __init__(self, file: Path, clock: Callable[[], float] = time.time) -> None:
        self._file = file
        self._clock = clock
        self._until: dict[str, int] = {}
        self._take()

    def __contains__(self, name: str) -> bool:
        return name in self._until

    def add(self, name: str, until: int) -> None:
        """From now on, and after a restart too, where the file can be written."""
        self._take()
        self._until[name] = until
        now = self._clock()
        kept = sorted((u, n) for n, u in self._until.items() if u > now)[-_MAX_ENDED:]
        self._until = {n: u for u, n in kept}
        text = "".join(f"{n} {u}\n" for u, n in kept)
        try:
            write_private(self._file, text, replace=True)
        except InvalidKey as error:
            _LOG.error("a logout does not outlive a restart: %s", error)

    def _take(self) -> None:
        try:
            text = read_private(self._file, _LONGEST_FILE)
        except FileNotFoundError:
            return
        except InvalidKey as error:
            _LOG.error("logouts of before the start may be forgotten: %s", error)
            return
        for line in text.splitlines():
            name, _, until = line.partition(" ")
            if until.isascii() and until.isdecimal():
                self._until.setdefault(name, int(until))


class Sessions:
    """Cookies that the password has opened, and those of them that were ended."""

    def __init__(self, password: PasswordFile) -> None:
        self._password = password
        self._ended = Ended(password.path.with_name("ended-sessions"))

    def begin(self) -> str:
        """A new session's cookie."""
        signer = self._signer()
        assert signer is not None, "only a password opens a session"
        return signer.sign(secrets.token_hex(16)).decode()

    def valid(self, cookie: str | None) -> bool:
        """Whether the cookie is one of ours, not too old, and not ended."""
        return self._open(cookie) is not None

    def end(self, cookie: str) -> None:
        found = self._open(cookie)
        if found is not None:
            name, begun = found
            self._ended.add(name, begun + SESSION_SECONDS)

    def _open(self, cookie: str | None) -> tuple[str, int] | None:
        """What was signed, and when; a signature can be spelt in several ways, its text in one."""
        signer = self._signer()
        if not cookie or signer is None:
            return None
        try:
            signed, begun = signer.unsign(cookie, SESSION_SECONDS, return_timestamp=True)
        except BadSignature:
            return None
        name = signed.decode()
        return None if name in self._ended else (name, int(begun.timestamp()))

    def _signer(self) -> TimestampSigner | None:
        try:
            record = self._password.record()
        except InvalidKey:
            return None
        if record is None:
            return None
        key = hashlib.sha256(b"session " + record.encode()).digest()
        return TimestampSigner(key, salt="session", digest_method=hashlib.sha256)
