"""Tells systemd how things stand (man 3 sd_notify); silent where there is no systemd."""

import os


class Notifier:
    """Sends states to systemd, if it started this process and asked for them."""

    def __init__(self) -> None:
        self._notify = None
        if "NOTIFY_SOCKET" in os.environ:
            import sdnotify  # not needed, and so not loaded, outside systemd

            self._notify = sdnotify.SystemdNotifier().notify

    def ready(self, status: str) -> None:
        self._send(f"READY=1\nSTATUS={status}")

    def stopping(self) -> None:
        self._send("STOPPING=1")

    def _send(self, state: str) -> None:
        if self._notify is not None:
            self._notify(state)
