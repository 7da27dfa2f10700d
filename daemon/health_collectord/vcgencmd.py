"""Asks the Raspberry Pi's firmware through the program vcgencmd, where no device answers.

raspberrypi/utils, vcgencmd.c: the answer is on standard output, and so are its own errors.
"""

import os
import subprocess

from health_collectord.vocabulary import NotPermitted, Unavailable

_TIMEOUT = 1.0  # seconds; it answers in milliseconds
_MUCH = 1 << 16  # bytes: what a pipe holds


class Vcgencmd:
    """The program's answers to commands; each costs a process.

    Args:
        program: its name on PATH, or its path.
        timeout: seconds that it may take.
    """

    def __init__(self, program: str = "vcgencmd", timeout: float = _TIMEOUT) -> None:
        self._program = program
        self._timeout = timeout
        self._overdue: subprocess.Popen[bytes] | None = None

    def ask(self, command: str) -> str:
        """What it says on standard output, of which other lines than the answer's may be part.

        Raises:
            Unavailable: there is no such program.
            NotPermitted: it may not open its device.
            OSError: it cannot be run, or does not answer.
            ValueError: it says nothing that is an answer.
        """
        if self._overdue is not None and self._overdue.poll() is None:
            raise self._too_late()
        from shutil import which  # with bzip2 and LZMA, for a program that few machines have

        path = which(self._program)
        if path is None:
            raise Unavailable(f"{self._program} is not installed")
        said, complaint = self._run(path, *command.split())
        if "=" in said:  # throttled=0x0, frequency(48)=600000000, volt=0.85V
            return said
        told = f"{said}\n{complaint}"
        if "open device file" in told or "VCHI init" in told or "ermission denied" in told:
            raise NotPermitted(
                f"not permitted: {self._program} may not open the firmware's device:"
                " add the service's user to group video, and let its sandbox see the device"
            )
        raise ValueError(f"{self._program} says {told.strip()[:100]!r}")

    def _run(self, *command: str) -> tuple[str, str]:
        """Its standard output and standard error, of each as much as a pipe holds.

        They are kept apart: others write to standard error, too, such as ld.so.
        """
        self._overdue = process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert process.stdout is not None
        assert process.stderr is not None
        with process.stdout as output, process.stderr as complaint:
            try:
                process.wait(self._timeout)
            except subprocess.TimeoutExpired:
                # It may not even die, while the firmware does not answer the kernel: do not wait.
                process.kill()
                raise self._too_late() from None
            self._overdue = None
            return _content(output.fileno()), _content(complaint.fileno())

    def _too_late(self) -> TimeoutError:
        return TimeoutError(f"{self._program} does not answer within {self._timeout:g} s")


def _content(fd: int) -> str:
    """What a pipe holds, although something may still have its other end open."""
    os.set_blocking(fd, False)
    try:
        return os.read(fd, _MUCH).decode("utf-8", "replace")
    except BlockingIOError:
        return ""
