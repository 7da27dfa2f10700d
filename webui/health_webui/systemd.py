"""Tells systemd how things stand (man 3 sd_notify); silent where there is no systemd."""

import logging
import os
import socket
import time
from collections.abc import Callable
from contextlib import suppress

_LOG = logging.getLogger(__name__)
_CALM_SECONDS = 5.0


def notifier() -> Callable[[str], None] | None:
    """What sends a state to systemd; None where nobody asked for it.

    It never waits: it is the loop's own sign of life.
    """
    place = os.environ.get("NOTIFY_SOCKET")
    if not place:
        return None
    address = f"\0{place[1:]}" if place.startswith("@") else place

    def notify(state: str) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd, suppress(OSError):
            systemd.setblocking(False)
            systemd.sendto(state.encode(), address)

    return notify


class StatusLine:
    """The line that ``systemctl status`` shows; in the log once it has held for some seconds."""

    def __init__(
        self, notify: Callable[[str], None] | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._notify = notify
        self._clock = clock
        self._text = self._logged = ""
        self._since = 0.0

    def tell(self, hosts: int, live: int) -> None:
        """How many hosts are followed, and how many of them are live; to be called each second."""
        if self._notify is None:
            return
        text = f"following {hosts} {'host' if hosts == 1 else 'hosts'}, {live} live"
        now = self._clock()
        if text != self._text:
            self._text, self._since = text, now
            self._notify(f"STATUS={text}")
        elif text != self._logged and now - self._since >= _CALM_SECONDS:
            self._logged = text
            _LOG.warning("%s", text)
