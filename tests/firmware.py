"""A Raspberry Pi's firmware, played to real programs at their calls of open and ioctl.

tests/firmware.c says how. What the devices do may be changed while the program runs.
"""

import os
import shutil
import subprocess
from pathlib import Path

ACCEPTED = 0x80000000


def build(folder: Path) -> Path | None:
    """The library to preload, or None where there is no compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    library = folder / "firmware.so"
    source = Path(__file__).with_name("firmware.c")
    flags = ("-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror")
    subprocess.run([compiler, *flags, "-o", library, source], check=True)
    return library


class PlayedFirmware:
    """What programs with this `environment` find in place of /dev/vcio_gencmd and /dev/vcio."""

    def __init__(self, library: Path, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self.environment = {"LD_PRELOAD": str(library), "FIRMWARE": str(folder)}

    def device(
        self,
        name: str,
        text: str | bytes = "throttled=0x0",
        *,
        refuses: int = 0,
        fails: int = 0,
        milliseconds: int = 0,
        status: int = ACCEPTED,
        code: int = 0,
    ) -> None:
        """A device, or what comes of one from now on.

        Args:
            text: its answer.
            refuses, fails: the errno of opening it, of asking it.
            milliseconds: how long that takes; -1: until it is told otherwise.
            status, code: words 1 and 5 of the answer.
        """
        content = text.encode() if isinstance(text, str) else text
        new = self.folder / f"{name}.new"
        new.write_bytes(b"%d %d %d %d %d " % (refuses, fails, milliseconds, status, code) + content)
        os.replace(new, self.folder / name)

    def remove(self, name: str) -> None:
        (self.folder / name).unlink()

    @property
    def asked(self) -> list[str]:
        """Each open (``open vcio``) and each question (``vcio get_throttled``) so far."""
        file = self.folder / "asked"
        return file.read_text().splitlines() if file.exists() else []
