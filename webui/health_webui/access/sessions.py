"""The sessions that the password opens.

They are signed with a key made from the password's file, so that they outlive a restart and end
with the password.
"""

import hashlib
import secrets
from collections import OrderedDict

from health_wire.keys import InvalidKey
from itsdangerous import BadSignature, TimestampSigner

from health_webui.access.password import PasswordFile

SESSION_SECONDS = 30 * 86400


class Sessions:
    """Cookies that the password has opened. Ended ones are remembered until a restart."""

    _MAX_ENDED = 1000

    def __init__(self, password: PasswordFile) -> None:
        self._password = password
        self._ended: OrderedDict[bytes, None] = OrderedDict()

    def begin(self) -> str:
        """A new session's cookie."""
        signer = self._signer()
        assert signer is not None, "only a password opens a session"
        return signer.sign(secrets.token_hex(16)).decode()

    def valid(self, cookie: str | None) -> bool:
        """Whether the cookie is one of ours, not too old, and not ended."""
        return self._name(cookie) is not None

    def end(self, cookie: str) -> None:
        name = self._name(cookie)
        if name is not None:
            self._ended[name] = None
            while len(self._ended) > self._MAX_ENDED:
                self._ended.popitem(last=False)

    def _name(self, cookie: str | None) -> bytes | None:
        """What was signed: one signature can be written in several ways (base64's spare bits)."""
        signer = self._signer()
        if not cookie or signer is None:
            return None
        try:
            name: bytes = signer.unsign(cookie, max_age=SESSION_SECONDS)
        except BadSignature:
            return None
        return None if name in self._ended else name

    def _signer(self) -> TimestampSigner | None:
        try:
            record = self._password.record()
        except InvalidKey:
            return None
        if record is None:
            return None
        key = hashlib.sha256(b"session " + record.encode()).digest()
        return TimestampSigner(key, salt="session", digest_method=hashlib.sha256)
