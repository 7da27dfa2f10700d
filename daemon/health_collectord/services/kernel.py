"""The service that passes on what the kernel warns of."""

import logging
import os
import select
from collections import deque
from pathlib import Path

from bussdcc import ContextProtocol, Event, Message, Service, message

from health_collectord.events import format_time
from health_collectord.host import Host
from health_collectord.kmsg import DEVICE, KernelLog, KernelRecord
from health_collectord.messages import KernelLogStatus, KernelMessage, KernelMessagesMissed

_log = logging.getLogger(__name__)
_WARNING = 4
_A_SECOND = 20
_MOST = 200  # that wait to be told; a boot has some dozens
_REST = 0.05  # seconds, so that a burst is read at once
_AGAIN = 60.0  # seconds until a log that could not be read is tried again
_SEEN = "kernel-log.seen"


class KernelService(Service):
    """Waits for the kernel to say something, and costs nothing meanwhile.

    Warnings and worse are events, at most 20 a second. What comes faster waits its turn; beyond
    200 that wait, the rest is counted and not told. What was seen before in this boot is not told
    again: how far that was is remembered in a file, ``BOOT_ID SEQUENCE``, which is of no use after
    another boot, so that nothing waits for the disk to have it.

    Args:
        host: the log is that of the machine that this runs on, so that of no other will do.
        device: the log's.
    """

    name = "kernel"
    interval = _REST
    types = (message.RuntimeShuttingDown,)

    def __init__(self, host: Host, device: Path = DEVICE) -> None:
        self._host = host
        self._device = device
        self._boot = host.text(host.procfs / "sys/kernel/random/boot_id") or ""
        self._wake = -1
        self._ending = False
        self._kernel: KernelLog | None = None
        self._poll = select.poll()
        self._waiting: deque[KernelRecord] = deque()
        self._suppressed = self._counted = 0  # the latter of those that were overwritten
        self._left, self._window = _A_SECOND, 0.0
        self._seen: int | None = None  # the sequence of the newest that was told, as kept
        self._warned = False
        self._status: tuple[str, str | None] | None = None

    def start(self, ctx: ContextProtocol) -> None:  # noqa: ARG002 the protocol's signature
        self._ending = False
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._poll.register(self._wake, select.POLLIN)

    def handle_event(self, ctx: ContextProtocol, evt: Event[Message]) -> None:  # noqa: ARG002
        """The only one of its `types`: whoever stops a service waits for its tick to end."""
        self._ending = True
        if self._wake >= 0:
            os.eventfd_write(self._wake, 1)

    def stop(self, ctx: ContextProtocol) -> None:  # noqa: ARG002 the protocol's signature
        self._close()
        os.close(self._wake)
        self._wake = -1

    def tick(self, ctx: ContextProtocol) -> None:
        if self._kernel is None and not self._open(ctx):
            return
        assert self._kernel is not None
        left = self._window + 1 - ctx.clock.monotonic()
        busy = self._waiting or self._suppressed or self._kernel.overwritten > self._counted
        self._poll.poll(max(left, 0) * 1000 if busy else None)
        if self._ending:
            self.interval = 1.0  # its stopping is under way
            return
        try:
            self._read(self._kernel)
        except OSError as error:
            self._close()
            self._say(ctx, "failing", f"{self._device}: {error.strerror or error}")
            return
        self._tell(ctx, self._kernel)

    def _read(self, log: KernelLog) -> None:
        while (record := log.read()) is not None:
            if record.priority <= _WARNING:
                if len(self._waiting) < _MOST:
                    self._waiting.append(record)
                else:
                    self._suppressed += 1

    def _tell(self, ctx: ContextProtocol, log: KernelLog) -> None:
        now = ctx.clock.monotonic()
        if now - self._window >= 1:
            self._window, self._left = now, _A_SECOND
            overwritten = log.overwritten - self._counted
            if self._suppressed or overwritten:
                self._counted = log.overwritten
                ctx.emit(KernelMessagesMissed(suppressed=self._suppressed, overwritten=overwritten))
                self._suppressed = 0
        told = False
        while self._waiting and self._left:
            record = self._waiting.popleft()
            self._left -= 1
            told = True
            ctx.emit(
                KernelMessage(
                    priority=record.priority,
                    facility=record.facility,
                    sequence=record.sequence,
                    boot_seconds=record.boot_seconds,
                    text=record.text,
                )
            )
        if told:
            self._keep(log)

    def _open(self, ctx: ContextProtocol) -> bool:
        if self._host.foreign:
            self._say(
                ctx, "denied",
                f"{self._host.procfs} is another machine's, and {self._device} is this one's; run a"
                " collector there",
            )  # fmt: skip
            return False
        try:
            self._kernel = KernelLog(self._device, self._remembered())
        except FileNotFoundError:
            self._say(ctx, "unavailable", f"there is no {self._device}, as in most containers")
            return False
        except PermissionError:
            self._say(
                ctx, "denied",
                f"{self._device} may not be read; have the service manager open it"
                f" (StandardInput=file:{self._device}), or grant CAP_SYSLOG",
            )  # fmt: skip
            return False
        except OSError as error:
            self._say(ctx, "failing", f"{self._device}: {error.strerror or error}")
            return False
        self._counted = 0
        self._poll.register(self._kernel.fd, select.POLLIN)
        self._say(ctx, "ok", None)
        return True

    def _say(self, ctx: ContextProtocol, status: str, reason: str | None) -> None:
        self.interval = _REST if status == "ok" else _AGAIN
        if (status, reason) != self._status:
            self._status = status, reason
            since = format_time(ctx.clock.now_utc())
            ctx.emit(KernelLogStatus(status=status, reason=reason, since=since))

    def _close(self) -> None:
        if self._kernel is not None:
            self._keep(self._kernel)
            self._poll.unregister(self._kernel.fd)
            self._kernel.close()
            self._kernel = None

    def _remembered(self) -> int | None:
        """The newest record that was told before in this boot; None: none was, or nobody knows."""
        if self._seen is None and self._host.memory is not None:
            said = (self._host.text(self._host.memory / _SEEN) or "").split()
            if len(said) == 2 and said[0] == self._boot and said[1].isdecimal():
                self._seen = int(said[1])
        return self._seen

    def _keep(self, log: KernelLog) -> None:
        """Remembers how far the log was told."""
        seen = self._waiting[0].sequence - 1 if self._waiting else log.position
        if seen == self._seen:
            return
        self._seen = seen
        if self._host.memory is None or not self._boot:
            return
        path = self._host.memory / _SEEN
        new = path.with_suffix(".new")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            new.write_text(f"{self._boot} {seen}\n", encoding="ascii", errors="replace")
            os.replace(new, path)
            self._warned = False
        except OSError as error:
            if not self._warned:
                self._warned = True
                _log.warning(
                    "%s: a restart may tell the kernel's messages again: %s", path, error.strerror
                )
