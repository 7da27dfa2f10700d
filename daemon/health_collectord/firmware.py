"""Asks the Raspberry Pi's firmware, as ``vcgencmd`` does, without starting a program.

One ioctl on a character device carries one message of 32-bit words (raspberrypi/firmware wiki,
"Mailbox property interface"; raspberrypi/utils, vcgencmd.c; drivers/char/broadcom/vcio.c):
its size in bytes, 0, the tag GET_GENCMD_RESULT, 1024, 0, 0, the command with a NUL in 1024 bytes,
and 0. It comes back with 0x80000000 in word 1, the firmware's error code in word 5, and the
answer where the command was. Tried with programs that play the firmware, not on hardware.
"""

import errno
import os
import struct
import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue

from health_collectord.vocabulary import NotPermitted, Unavailable

# The first, of 2026, carries commands only and belongs to group video. The second carries every
# message; it belonged to that group before there was the first, and is root's alone since.
DEVICES = ("/dev/vcio_gencmd", "/dev/vcio")

_TIMEOUT = 1.5  # seconds; the kernel gives up after one (drivers/firmware/raspberrypi.c)
_TAG = 0x00030080  # GET_GENCMD_RESULT
_DONE = 0x80000000
_TEXT = 1024
_HEAD = struct.Struct("=6I")
_SIZE = _HEAD.size + _TEXT + 4


class FirmwareError(ValueError):
    """The firmware's answer is an error, such as that of a command that it does not know."""


def request_code(pointer: int = struct.calcsize("P")) -> int:
    """``_IOWR(100, 0, char *)`` of a program whose pointers have that many bytes."""
    return 3 << 30 | pointer << 16 | 100 << 8


class Firmware:
    """The firmware's answers to commands; may be asked from any thread, one at a time.

    The device is opened by the first question and stays open until one fails.

    Args:
        devices: the device nodes, in the order in which they are tried.
        timeout: seconds that an answer may take.

    Attributes:
        device: the node that gave the last answer.
    """

    def __init__(self, devices: tuple[str, ...] = DEVICES, timeout: float = _TIMEOUT) -> None:
        self.device: str | None = None
        self._devices = devices
        self._timeout = timeout
        self._lock = threading.Lock()
        self._line: _Line | None = None
        self._overdue = False

    def ask(self, command: str) -> str:
        """The answer to a command such as ``get_throttled``: ``throttled=0x0``.

        Raises:
            Unavailable: there is none of the devices.
            NotPermitted: none that there is may be used.
            TimeoutError: no answer in time, to this question or yet to the one before.
            OSError: the device fails.
            FirmwareError: the firmware answers with an error.
            ValueError: what comes back is no answer, or this is no command, or a device no path.
        """
        message = _message(command)
        with self._lock:
            if self._overdue and self._line is not None:
                try:
                    self._line.answers.get_nowait()  # to a question of whoever has gone since
                except Empty:
                    raise self._too_late() from None
            if self._line is None or not self._line.open():
                self._line = _Line(self._devices)
            self._line.questions.put(message)
            try:
                device, answer = self._line.answers.get(timeout=self._timeout)
                self._overdue = False
            except Empty:
                self._overdue = True
                raise self._too_late() from None
        if isinstance(answer, Exception):
            raise answer
        self.device = device
        return _text(answer, command)

    def close(self) -> None:
        """Closes the device; the next question opens it again."""
        if self._line is not None:
            self._line.questions.put(None)
            self._line = None

    def __del__(self) -> None:
        self.close()

    def _too_late(self) -> TimeoutError:
        return TimeoutError(f"the firmware does not answer within {self._timeout:g} s")


_Answer = tuple[str, bytes | Exception]


class _Line:
    """One open device, in a thread of its own: whoever asks need not wait until it answers.

    The thread ends with the first question that fails, so a machine without firmware has none.
    A daemon thread: the process can end although the kernel never returns.
    """

    def __init__(self, devices: tuple[str, ...]) -> None:
        self.questions: SimpleQueue[bytes | None] = SimpleQueue()
        self.answers: SimpleQueue[_Answer] = SimpleQueue()
        self._devices = devices
        self._device = ""
        self._fd = -1
        self._ended = False
        threading.Thread(target=self._run, name="firmware", daemon=True).start()

    def open(self) -> bool:
        """Whether it takes another question, once it has answered the last one."""
        return not self._ended

    def _run(self) -> None:
        ioctl = _libc_ioctl()
        while (message := self.questions.get()) is not None:
            try:
                answer: bytes | Exception = self._exchange(ioctl, message)
            except (OSError, ValueError, Unavailable) as problem:  # ValueError: no path at all
                answer = problem
                self._ended = True
            self.answers.put((self._device, answer))
            if self._ended:
                break
        self._close()

    def _exchange(self, ioctl: "_Ioctl", message: bytes) -> bytes:
        if self._fd >= 0:
            try:
                return ioctl(self._fd, message)
            except OSError:  # its driver may have gone and come again
                self._close()
        problems: list[OSError] = []
        for device in self._devices:
            try:
                self._fd = os.open(device, os.O_RDONLY | os.O_CLOEXEC)
                self._device = device
                return ioctl(self._fd, message)
            except OSError as problem:
                self._close()
                problems.append(OSError(problem.errno, problem.strerror, device))
        raise _worst(problems, self._devices)

    def _close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _worst(problems: list[OSError], devices: tuple[str, ...]) -> Exception:
    """What to say of devices of which none answers: the one that is there counts."""
    there = [p for p in problems if p.errno not in (errno.ENOENT, errno.ENXIO, errno.ENODEV)]
    if not there:
        return Unavailable(f"there is no {' and no '.join(devices) or 'device to ask'}")
    failed = [p for p in there if not isinstance(p, PermissionError)]
    if failed:
        return failed[0]
    return NotPermitted(
        f"not permitted: {' and '.join(str(p.filename) for p in there)}:"
        " add the service's user to group video, and let its sandbox see the device"
    )


_Ioctl = Callable[[int, bytes], bytes]


def _libc_ioctl() -> _Ioctl:
    """The ioctl, by way of ctypes: it lets other threads run meanwhile.

    ``fcntl.ioctl`` holds the interpreter's lock for as long as a buffer of more than 1024 bytes
    is with the kernel (Python up to 3.13), and this one has 1052: a firmware that does not answer
    would stop the whole collector.
    """
    import ctypes  # most machines have no such firmware

    function = ctypes.CDLL(None, use_errno=True).ioctl
    function.argtypes = (ctypes.c_int, ctypes.c_ulong, ctypes.c_char_p)
    code = request_code()

    def ioctl(fd: int, message: bytes) -> bytes:
        buffer = ctypes.create_string_buffer(message, _SIZE)
        while function(fd, code, buffer) < 0:
            number = ctypes.get_errno()
            if number != errno.EINTR:
                raise OSError(number, os.strerror(number))
        return buffer.raw

    return ioctl


def _message(command: str) -> bytes:
    text = command.encode()
    if not text or len(text) >= _TEXT or b"\0" in text:
        raise ValueError(f"not a command to the firmware: {command[:40]!r}")
    return _HEAD.pack(_SIZE, 0, _TAG, _TEXT, 0, 0) + text.ljust(_TEXT + 4, b"\0")


def _text(answer: bytes, command: str) -> str:
    """The text of a message that came back.

    Raises:
        FirmwareError, ValueError: see `Firmware.ask`.
    """
    _, status, _, _, _, code = _HEAD.unpack_from(answer)
    said = answer[_HEAD.size : _HEAD.size + _TEXT].partition(b"\0")[0]
    text = said.decode("utf-8", "replace").strip()
    if status != _DONE:
        raise ValueError(f"the firmware has not taken up {command}: status {status:#x}")
    if code or text.startswith("error="):
        raise FirmwareError(f"the firmware answers {command} with error {code}: {text[:100]!r}")
    return text
