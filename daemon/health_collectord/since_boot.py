"""What was seen since this boot, remembered across the collector's own restarts."""

import logging
import os
import threading
from collections.abc import Set
from pathlib import Path

from health_collectord.host import Host

_log = logging.getLogger(__name__)
_PATIENCE = 1.0  # seconds for a disk that should take a line within milliseconds


class SinceBoot:
    """Names that are true from when they are first seen until the machine boots again.

    They are kept in one line, ``BOOT_ID NAME NAME``, in a file that is written when there is one
    more, and ignored after a boot. It need not survive a power cut, so nothing waits for the disk
    to have it. A file that cannot be used costs this memory and nothing else, and is told once.

    Args:
        host: whose boot it is (``/proc/sys/kernel/random/boot_id``), and where to remember.
        topic: names the file.
        names: all that can be seen.
    """

    def __init__(self, host: Host, topic: str, names: Set[str]) -> None:
        boot = host.text(host.procfs / "sys/kernel/random/boot_id") or ""
        self._boot = boot if len(boot.split()) == 1 else ""
        self._path = host.memory / f"{topic}.since-boot" if host.memory and self._boot else None
        self._lock = threading.Lock()
        self._told = False
        self.seen: Set[str] = frozenset()
        if self._path is not None:
            try:
                self.seen = self._read(self._path, names)
            except FileNotFoundError:
                pass
            except (OSError, ValueError) as problem:
                self._tell(self._path, problem)

    def add(self, names: Set[str]) -> None:
        """Remembers these, too."""
        if names <= self.seen:
            return
        self.seen = self.seen | names
        if self._path is not None:
            # A disk may take for ever.
            writer = threading.Thread(
                target=self._keep, args=(self._path,), name="since boot", daemon=True
            )
            writer.start()
            writer.join(_PATIENCE)

    def _read(self, path: Path, names: Set[str]) -> frozenset[str]:
        with path.open(encoding="utf-8") as file:
            line = file.read(4096)
        boot, *seen = line.split() or [""]
        if not boot or not line.endswith("\n") or not set(seen) <= names:
            raise ValueError(f"not what was written there: {line[:60]!r}")
        return frozenset(seen) if boot == self._boot else frozenset()

    def _keep(self, path: Path) -> None:
        with self._lock:  # whoever comes last writes all
            new = path.with_suffix(".new")
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                new.write_text(f"{' '.join((self._boot, *sorted(self.seen)))}\n", encoding="utf-8")
                os.replace(new, path)
            except OSError as problem:
                self._tell(path, problem)

    def _tell(self, path: Path, problem: Exception) -> None:
        if not self._told:
            self._told = True
            why = getattr(problem, "strerror", None) or problem
            _log.warning("%s: a restart may forget what was seen since boot: %s", path, why)
