"""Tells systemd how things stand (man 3 sd_notify); silent where there is no systemd."""

import os
import time


class Notifier:
    """Sends states to systemd, if it started this process and asked for them.

    Attributes:
        active: whether anybody listens.
        watchdog_seconds: within what time systemd wants a sign of life; half a minute where it
            wants none, which is how often the status line is then renewed.
    """

    def __init__(self) -> None:
        self._notify = None
        self.active = "NOTIFY_SOCKET" in os.environ
        self.watchdog_seconds = _seconds(os.environ.get("WATCHDOG_USEC", "")) or 30.0
        if self.active:
            import sdnotify  # not needed, and so not loaded, outside systemd

            self._notify = sdnotify.SystemdNotifier().notify

    def ready(self) -> None:
        self._send("READY=1")

    def alive(self) -> None:
        self._send("WATCHDOG=1")

    def status(self, text: str) -> None:
        self._send(f"STATUS={text}")

    def reloading(self) -> None:
        """To be followed by `ready`; the stamp is what Type=notify-reload asks for."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        self._send("STOPPING=1")

    def _send(self, state: str) -> None:
        if self._notify is not None:
            self._notify(state)


def _seconds(microseconds: str) -> float:
    return int(microseconds) / 1e6 if microseconds.isdigit() else 0.0
