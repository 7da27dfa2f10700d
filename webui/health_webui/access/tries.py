"""Tries of the password: a few from each address, and one at a time.

Each takes 16 MiB and a core for a moment. A program that gives the password with every request
(HTTP Basic, RFC 7617) pays that once: what was right is known again by a digest under a key that
only this process has, until the password changes.
"""

import base64
import hmac
import logging
import secrets

import gevent
from gevent.lock import BoundedSemaphore
from health_wire.keys import InvalidKey

from health_webui.access.password import PasswordFile, Throttle

_MAX_WAITING = 8
_LOG = logging.getLogger(__name__)


class TooManyTries(Exception):
    """Nothing was compared.

    Attributes:
        seconds: after which it may be tried again.
    """

    def __init__(self, wait: float) -> None:
        super().__init__(f"Too many tries. Try again in {max(wait, 1):.0f} s.")
        self.seconds = max(round(wait), 1)


class Tries:
    """Compares passwords, from whatever address they come."""

    def __init__(self, password: PasswordFile) -> None:
        self._password = password
        self._throttle = Throttle()
        self._turn, self._waiting = BoundedSemaphore(), BoundedSemaphore(_MAX_WAITING)
        self._key = secrets.token_bytes(32)
        self._known = b""

    def right(self, address: str, password: str) -> bool:
        """Whether this is the password.

        Raises:
            TooManyTries: that address has to wait, or too many others do.
        """
        wait = self._throttle.take(address)
        if wait or not self._waiting.acquire(blocking=False):
            raise TooManyTries(wait)
        try:
            with self._turn:  # in a thread: it holds the processor, and others are served meanwhile
                pool = gevent.get_hub().threadpool
                right = bool(pool.apply(self._password.matches, (password,)))
        except InvalidKey as error:
            _LOG.error("nobody can log in: %s", error)
            return False
        finally:
            self._waiting.release()
        if right:
            self._throttle.forget(address)
        else:
            _LOG.warning("wrong password from %s", address)
        return right

    def right_again(self, address: str, password: str) -> bool:
        """The same for who gives it with every request: only a wrong one takes a try.

        Raises:
            TooManyTries: as above.
        """
        wait = self._throttle.wait(address)
        if wait:  # else each digest compared would be a try that nobody counts
            raise TooManyTries(wait)
        digest = self._digest(password)
        if hmac.compare_digest(digest, self._known):
            return True
        right = self.right(address, password)
        if right:
            self._known = digest
        return right

    def _digest(self, password: str) -> bytes:
        """Differs for every password and every one that was set; useless outside this process."""
        try:
            record = self._password.record()
        except InvalidKey:
            record = None
        text = f"{record}\0{password}".encode(errors="surrogatepass")
        return hmac.digest(self._key, text, "sha256")


def basic_password(header: str) -> str | None:
    """The password in an Authorization header, whatever the user's name; None where there is none.

    >>> basic_password("Basic bWU6c2VjcmV0")
    'secret'
    """
    scheme, _, given = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        _, colon, password = base64.b64decode(given.strip(), validate=True).decode().partition(":")
    except ValueError:
        return None
    return password if colon else None
