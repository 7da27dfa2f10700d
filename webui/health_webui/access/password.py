"""The password, whose file holds its scrypt hash (RFC 7914), and how often it may be tried."""

import hashlib
import hmac
import secrets
import time
import unicodedata
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv6Address
from pathlib import Path

from health_wire.keys import InvalidKey, make_private_directory, read_private, write_private

from health_webui.config import address as parsed_address

MAX_PASSWORD = 256
_COST, _BLOCK, _PARALLEL = 2**14, 8, 1  # 16 MiB, some 50 ms on a PC and 300 ms on a Pi


class PasswordFile:
    """The file with the password's hash; read anew when it has changed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read: tuple[object, str] | None = None

    def set(self, password: str) -> None:
        """Writes the file, mode 0600, whole or not at all.

        Raises:
            InvalidKey: it cannot be written.
        """
        salt = secrets.token_bytes(16)
        digest = _scrypt(password, salt, _COST, _BLOCK, _PARALLEL)
        if not self.path.parent.exists():
            make_private_directory(self.path.parent)
        text = f"scrypt:{_COST}:{_BLOCK}:{_PARALLEL}:{salt.hex()}:{digest.hex()}\n"
        write_private(self.path, text, replace=True)

    def record(self) -> str | None:
        """The file's text; None where there is no password.

        Raises:
            InvalidKey: it cannot be read, or others can read it.
        """
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise InvalidKey(f"{self.path}: {error.strerror}") from None
        version = (found.st_ino, found.st_mtime_ns, found.st_mode)
        if self._read is None or self._read[0] != version:
            try:
                self._read = version, read_private(self.path)
            except FileNotFoundError:
                return None
        return self._read[1]

    def matches(self, password: str) -> bool:
        """Whether this is the password. Takes its time, and 16 MiB, by design."""
        record = self.record()
        if record is None or len(password) > MAX_PASSWORD:
            return False
        try:
            kind, cost, block, parallel, salt, digest = record.strip().split(":")
            if kind != "scrypt":
                return False
            made = _scrypt(password, bytes.fromhex(salt), int(cost), int(block), int(parallel))
        except ValueError:
            return False
        return hmac.compare_digest(made.hex(), digest)


def _scrypt(password: str, salt: bytes, cost: int, block: int, parallel: int) -> bytes:
    text = unicodedata.normalize("NFKC", password).encode(errors="surrogatepass")
    return hashlib.scrypt(text, salt=salt, n=cost, r=block, p=parallel, dklen=32)


class Throttle:
    """How often one address may try: a few times at once, then once in a while.

    A whole /64 of IPv6 counts as one address: that much one machine has for the asking.
    """

    BURST = 5
    REFILL_SECONDS = 20.0
    _MAX_ADDRESSES = 10_000

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, address: str) -> float:
        """Takes one try; the seconds to wait where there is none left, else 0."""
        key, now = _network(address), self._clock()
        left = self._tries_left(key, now)
        wait = self._wait(left)
        self._left.pop(key, None)
        self._left[key] = (left if wait else left - 1.0, now)
        while len(self._left) > self._MAX_ADDRESSES:
            self._left.popitem(last=False)
        return wait

    def wait(self, address: str) -> float:
        """The seconds until that address may try, without taking a try."""
        return self._wait(self._tries_left(_network(address), self._clock()))

    def _tries_left(self, key: str, now: float) -> float:
        left, since = self._left.get(key, (float(self.BURST), now))
        return min(left + (now - since) / self.REFILL_SECONDS, float(self.BURST))

    def _wait(self, left: float) -> float:
        return 0.0 if left >= 1.0 else (1.0 - left) * self.REFILL_SECONDS

    def forget(self, address: str) -> None:
        """The password was right: that address starts anew."""
        self._left.pop(_network(address), None)

    def __len__(self) -> int:
        return len(self._left)


def _network(address: str) -> str:
    try:
        parsed = parsed_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        return str(IPv6Address(int(parsed) >> 64 << 64))
    return str(parsed)
