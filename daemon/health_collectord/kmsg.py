"""The kernel's log, record by record (Documentation/ABI/testing/dev-kmsg)."""

import errno
import os
import re
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

DEVICE = Path("/dev/kmsg")
_NUMBER = os.makedev(1, 11)  # Documentation/admin-guide/devices.txt
_RECORD = 1 << 14  # the kernel's longest is half of that
_ESCAPE = re.compile(rb"\\x([0-9a-f]{2})")
# RFC 5424, 6.2.1; 12 to 15 have no name that is everybody's.
_FACILITIES = (
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv",
    "ftp",
)  # fmt: skip


@dataclass(slots=True, frozen=True)
class KernelRecord:
    """A record of the kernel's log.

    Attributes:
        priority: 0 (emergency) to 7 (debug); 4 is a warning.
        facility: ``kern`` is the kernel itself, which nobody else can claim to be; others, such as
            ``daemon``, were written there by programs.
        sequence: rises by one from record to record, from the machine's start on.
        boot_seconds: when it was, by the kernel's clock of its log.
        text: as it was given: escapes are undone, and what is not UTF-8 stays escaped.
    """

    priority: int
    facility: str
    sequence: int
    boot_seconds: float
    text: str


def parse(record: bytes) -> KernelRecord:
    """What one ``read`` gives: ``4,1234,5678901,-;text``, then lines about the device.

    Raises:
        ValueError: it is none.
    """
    head, _, rest = record.partition(b";")
    prefix, sequence, microseconds = (int(part) for part in head.split(b",")[:3])
    if min(prefix, sequence, microseconds) < 0:
        raise ValueError("a number below 0")
    facility = prefix >> 3
    named = _FACILITIES[facility] if facility < len(_FACILITIES) else f"facility {facility}"
    text = _ESCAPE.sub(lambda found: bytes((int(found[1], 16),)), rest.partition(b"\n")[0])
    return KernelRecord(
        prefix & 7, named, sequence, microseconds / 1e6, text.decode("utf-8", "backslashreplace")
    )


class KernelLog:
    """The log from its oldest record on, or from the one after `after`.

    Where the service manager has opened the device as standard input that is read: this needs no
    rights at all. It does not block: wait for `fd` (man 2 poll).

    Args:
        device: its path.
        after: the sequence of a record that was seen in this boot; None: all are new.

    Attributes:
        fd: readable when there is more.
        overwritten: records, of any priority, that were overwritten before they were read.

    Raises:
        OSError: it cannot be opened.
    """

    def __init__(self, device: Path = DEVICE, after: int | None = None) -> None:
        self.overwritten = 0
        self._after = after
        if device == DEVICE and _is_handed():
            self.fd = os.dup(0)
            os.set_blocking(self.fd, False)
            os.lseek(self.fd, 0, os.SEEK_SET)
        else:
            self.fd = os.open(device, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)

    def read(self) -> KernelRecord | None:
        """The next record; None where there is none yet. What is none is passed over.

        Raises:
            OSError: the device failed.
        """
        while True:
            try:
                record = os.read(self.fd, _RECORD)
            except BlockingIOError:
                return None
            except BrokenPipeError:  # overwritten; what comes next says how many
                continue
            if not record:
                raise OSError(errno.EIO, "it has ended")
            with suppress(ValueError):
                found = parse(record)
                if self._after is None or found.sequence > self._after:
                    if self._after is not None:
                        self.overwritten += found.sequence - self._after - 1
                    self._after = found.sequence
                    return found

    @property
    def position(self) -> int | None:
        """The sequence of the newest record that was read."""
        return self._after

    def close(self) -> None:
        os.close(self.fd)


def _is_handed() -> bool:
    with suppress(OSError):
        found = os.fstat(0)
        return stat.S_ISCHR(found.st_mode) and found.st_rdev == _NUMBER
    return False
