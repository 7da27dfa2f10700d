import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from health_collectord.vcgencmd import Vcgencmd
from health_collectord.vocabulary import NotPermitted, Unavailable

from tests.running import wait_for

Program = Callable[[str], Path]
DENIED = "Can't open device file: /dev/vcio\nTry creating a device file with: sudo mknod"
LD_SO = "ERROR: ld.so: object 'x' from /etc/ld.so.preload cannot be preloaded: ignored."


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """Makes a vcgencmd of a shell script, which may note its arguments in the file ``runs``."""

    def make(script: str) -> Path:
        path = tmp_path / "vcgencmd"
        path.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/runs\n{script}\n')
        path.chmod(0o755)
        return path

    return make


def test_a_command_is_given_as_its_words(program: Program, tmp_path: Path) -> None:
    path = program("echo 'frequency(48)=600000000'")
    assert Vcgencmd(str(path)).ask("measure_clock arm") == "frequency(48)=600000000\n"
    assert (tmp_path / "runs").read_text() == "measure_clock arm\n"


def test_it_is_found_on_path(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = program("echo throttled=0x0").parent
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    assert Vcgencmd().ask("get_throttled") == "throttled=0x0\n"


def test_what_others_write_to_standard_error_hides_no_answer(program: Program) -> None:
    script = f'echo "{LD_SO}" >&2; echo "may not: Permission denied" >&2; echo throttled=0x50005'
    assert Vcgencmd(str(program(script))).ask("get_throttled") == "throttled=0x50005\n"


@pytest.mark.parametrize(
    "says",
    [
        f'echo "{DENIED}"',
        "echo VCHI initialization failed",
        "echo /dev/vcio: Permission denied >&2",
    ],
)
@pytest.mark.parametrize("status", [255, 0])
def test_not_permitted_says_how_to_permit_it(program: Program, says: str, status: int) -> None:
    path = program(f"{says}; exit {status}")
    with pytest.raises(NotPermitted, match="add the service's user to group video"):
        Vcgencmd(str(path)).ask("get_throttled")


def test_it_may_be_missing(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="nothing is not installed"):
        Vcgencmd(str(tmp_path / "nothing")).ask("get_throttled")


def test_it_may_be_no_program(program: Program) -> None:
    path = program("")
    path.write_text("not a program")
    with pytest.raises(OSError, match="Exec format") as error:
        Vcgencmd(str(path)).ask("get_throttled")
    assert error.value.errno == errno.ENOEXEC


def test_silence_is_an_error_that_tells_what_was_said_instead(program: Program) -> None:
    with pytest.raises(ValueError, match="vcgencmd says 'out of luck'"):
        Vcgencmd(str(program("echo out of luck >&2"))).ask("get_throttled")


def test_one_that_hangs_is_killed_and_not_waited_for(program: Program) -> None:
    vcgencmd = Vcgencmd(str(program("exec cat /dev/zero")), timeout=0.05)  # and fills its pipe
    with pytest.raises(TimeoutError, match="does not answer within"):
        vcgencmd.ask("get_throttled")
    process = vcgencmd._overdue
    assert process is not None
    assert process.wait(10) < 0
    program("echo throttled=0x0")
    vcgencmd._timeout = 10.0
    assert vcgencmd.ask("get_throttled") == "throttled=0x0\n"


def test_one_that_cannot_even_be_killed_is_not_started_again(
    program: Program, tmp_path: Path
) -> None:
    vcgencmd = Vcgencmd(str(program("trap '' TERM; while :; do sleep 0.01; done")), timeout=0.05)
    with pytest.raises(TimeoutError):
        vcgencmd.ask("get_throttled")
    process = vcgencmd._overdue
    assert process is not None
    process.poll = lambda: None  # type: ignore[method-assign] as if the kernel held it
    program("echo throttled=0x0")
    for _ in range(2):
        with pytest.raises(TimeoutError):
            vcgencmd.ask("get_throttled")
    del process.poll
    assert (tmp_path / "runs").read_text().count("\n") <= 1
    wait_for(lambda: process.poll() is not None)


def test_what_it_leaves_running_holds_up_nothing(program: Program, tmp_path: Path) -> None:
    """A child of its keeps the other end of its pipes open."""
    path = program(f"mkfifo {tmp_path}/end; cat {tmp_path}/end & echo throttled=0x1")
    assert Vcgencmd(str(path)).ask("get_throttled") == "throttled=0x1\n"
    (tmp_path / "end").write_text("")
