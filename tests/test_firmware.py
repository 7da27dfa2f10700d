import errno
import json
import select
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from health_collectord import firmware as module
from health_collectord.firmware import _SIZE, Firmware, _text, request_code
from hypothesis import given
from hypothesis import strategies as st

from tests.firmware import PlayedFirmware
from tests.running import environment, wait_for

# Asks one question a line, and says what came of it and what it cost.
PROGRAM = """
import json, os, sys, threading
from health_collectord.firmware import Firmware
firmware = Firmware(timeout=float(sys.argv[1]))
for line in sys.stdin:
    try:
        said = [firmware.ask(json.loads(line)), firmware.device]
    except Exception as problem:
        said = [type(problem).__name__, str(problem)]
    threads = [each.name for each in threading.enumerate()].count("firmware")
    print(json.dumps([said, threads]), flush=True)
"""


class Asker:
    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process
        self.threads = 0

    def __call__(self, command: str = "get_throttled") -> list[str]:
        """The answer and its device, or the kind and the words of what went wrong."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(command).encode() + b"\n")
        self._process.stdin.flush()
        assert select.select([self._process.stdout], [], [], 20)[0], "its asker hangs with it"
        said: list[str]
        said, self.threads = json.loads(self._process.stdout.readline())
        return said


@contextmanager
def asker(played: PlayedFirmware, timeout: float = 10.0) -> Iterator[Asker]:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(timeout)],
        env=environment(played.environment),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with process:
        try:
            yield Asker(process)
        finally:
            process.kill()


@pytest.fixture
def ask(played: PlayedFirmware) -> Iterator[Asker]:
    with asker(played) as ask:
        yield ask


ANSWERED = ["throttled=0x50005", "/dev/vcio_gencmd"]


@pytest.mark.slow
def test_one_open_file_serves_all_commands(played: PlayedFirmware, ask: Asker) -> None:
    played.device("vcio_gencmd", "throttled=0x50005")
    played.device("vcio", "another")
    assert ask() == ANSWERED
    for command, answer in {
        "measure_clock arm": "frequency(48)=1000000000\n",
        "measure_volts core": "volt=0.8563V",
        "get_rsts": "get_rsts=1020",
        "pmic_read_adc": "   3V7_WL_SW_A current(0)=0.00A\n       EXT5V_V volt(24)=5.11V\n",
    }.items():
        played.device("vcio_gencmd", answer)
        assert ask(command) == [answer.strip(), "/dev/vcio_gencmd"]
    assert played.asked[:3] == [
        "open vcio_gencmd", "vcio_gencmd get_throttled", "vcio_gencmd measure_clock arm",
    ]  # fmt: skip
    assert [line for line in played.asked if line.startswith("open")] == ["open vcio_gencmd"]
    assert ask.threads == 1


@pytest.mark.slow
def test_where_there_is_no_device_there_is_nothing_to_have(
    played: PlayedFirmware, ask: Asker
) -> None:
    kind, why = ask()
    assert (kind, why) == ("Unavailable", "there is no /dev/vcio_gencmd and no /dev/vcio")
    assert ask.threads == 0
    played.device("vcio", "throttled=0x0")  # an older kernel
    assert ask() == ["throttled=0x0", "/dev/vcio"]
    played.device("vcio_gencmd", refuses=errno.ENXIO)  # a node that nobody stands behind
    assert ask() == ["throttled=0x0", "/dev/vcio"]


@pytest.mark.slow
@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM])
def test_what_is_not_permitted_says_how_to_permit_it(
    played: PlayedFirmware, ask: Asker, number: int
) -> None:
    played.device("vcio", refuses=number)
    kind, why = ask()
    assert kind == "NotPermitted"
    assert why.startswith("not permitted: /dev/vcio: add the service's user to group video")
    played.device("vcio_gencmd", fails=number)
    kind, why = ask()
    assert (kind, "/dev/vcio_gencmd and /dev/vcio:" in why) == ("NotPermitted", True)
    assert ask.threads == 0
    played.device("vcio", "throttled=0x0")  # the one that is refused keeps nobody from the other
    assert ask() == ["throttled=0x0", "/dev/vcio"]


@pytest.mark.slow
def test_a_device_that_fails_is_opened_again(played: PlayedFirmware, ask: Asker) -> None:
    played.device("vcio_gencmd", "throttled=0x50005")
    assert ask() == ANSWERED
    played.device("vcio_gencmd", fails=errno.EIO)
    assert ask() == ["OSError", f"[Errno {errno.EIO}] Input/output error: '/dev/vcio_gencmd'"]
    assert ask.threads == 0
    played.device("vcio_gencmd", fails=errno.ETIMEDOUT)
    assert ask()[0] == "TimeoutError"
    played.device("vcio_gencmd", "throttled=0x50005")
    assert ask() == ANSWERED
    played.remove("vcio_gencmd")
    played.device("vcio", "throttled=0x1")
    assert ask() == ["throttled=0x1", "/dev/vcio"]  # the same question finds the other


@pytest.mark.slow
def test_what_is_no_answer_is_an_error(played: PlayedFirmware, ask: Asker) -> None:
    played.device("vcio", "Command not registered", code=1)
    assert ask() == [
        "FirmwareError",
        "the firmware answers get_throttled with error 1: 'Command not registered'",
    ]
    played.device("vcio", 'error=2 error_msg="Invalid arguments"')
    assert ask("nonsense")[0] == "FirmwareError"
    played.device("vcio", status=0x80000001)
    assert ask() == ["ValueError", "the firmware has not taken up get_throttled: status 0x80000001"]
    played.device("vcio", b"\xff" * 2000)
    assert ask() == ["�" * 1024, "/dev/vcio"]
    for command in ("", "x" * 1024, "get_throttled\0"):
        assert ask(command)[0] == "ValueError"
    assert played.asked.count("open vcio") == 1, "the device has not failed"


@pytest.mark.slow
def test_a_firmware_that_hangs_keeps_nobody_waiting(played: PlayedFirmware) -> None:
    played.device("vcio", "throttled=0x1", milliseconds=-1)
    with asker(played, 0.2) as ask:
        for _ in range(3):
            assert ask() == ["TimeoutError", "the firmware does not answer within 0.2 s"]
        assert ask.threads == 1
        assert played.asked.count("vcio get_throttled") == 1, "one question hangs, not three"
        played.device("vcio", "throttled=0x2")
        while (said := ask()) != ["throttled=0x2", "/dev/vcio"]:
            assert said[0] == "TimeoutError"  # it takes a moment to see that it need not hang
        assert played.asked.count("open vcio") == 1


@pytest.mark.slow
def test_a_slow_answer_is_an_answer(played: PlayedFirmware, ask: Asker) -> None:
    played.device("vcio", "throttled=0x1", milliseconds=50)
    assert ask() == ["throttled=0x1", "/dev/vcio"]


def test_an_answer_that_comes_too_late_is_given_to_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """And what was asked for afterwards is; the device stays open until it is closed."""
    gate, opened = threading.Event(), []

    def echo(fd: int, message: bytes) -> bytes:
        opened.append(fd)
        assert gate.wait(20)
        return message[:4] + struct.pack("=I", 0x80000000) + message[8:]

    monkeypatch.setattr(module, "_libc_ioctl", lambda: echo)
    firmware = Firmware(("/dev/null",), timeout=0.01)
    with pytest.raises(TimeoutError):
        firmware.ask("one")
    gate.set()
    line = firmware._line
    assert line is not None
    wait_for(lambda: not line.answers.empty())
    firmware._timeout = 20.0
    assert [firmware.ask("two"), firmware.ask("three")] == ["two", "three"]
    assert len(set(opened)) == 1
    firmware.close()
    wait_for(lambda: line._fd < 0)


def test_what_is_no_device_is_an_error(tmp_path: Path) -> None:
    """Of this machine's kernel, which knows nothing of such a request."""
    for device, kind in (("/dev/null", OSError), (str(tmp_path), OSError), ("/\0", ValueError)):
        firmware = Firmware((device, str(tmp_path / "nothing")))
        for _ in range(2):
            with pytest.raises(kind, match=r"Inappropriate ioctl|embedded null"):
                firmware.ask("get_throttled")


@pytest.mark.parametrize(("pointer", "code"), [(8, 0xC0086400), (4, 0xC0046400)])
def test_the_request_has_the_size_of_a_pointer(pointer: int, code: int) -> None:
    assert request_code(pointer) == code
    assert request_code() == request_code(struct.calcsize("P"))


@given(st.binary(min_size=_SIZE, max_size=_SIZE))
def test_any_answer_is_a_text_or_a_value_error(answer: bytes) -> None:
    said = None
    with suppress(ValueError):
        said = _text(answer, "get_throttled")
    answered: Callable[[bytes], Any] = struct.Struct("=6I").unpack_from
    assert said is None or answered(answer)[1] == 0x80000000
    accepted = answer[:4] + struct.pack("=I", 0x80000000) + answer[8:20] + bytes(4) + answer[24:]
    with suppress(ValueError):
        assert "\0" not in _text(accepted, "get_throttled")
