import errno
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from health_collectord.host import Host
from health_collectord.metrics import throttling
from health_collectord.metrics.throttling import (
    METRIC,
    ThrottlingOptions,
    ThrottlingReader,
    ThrottlingUpdated,
    _from_word,
    _word,
)
from health_collectord.vocabulary import NotPermitted, Unavailable
from hypothesis import given
from hypothesis import strategies as st

from .conftest import RecordedHost
from .trees import case
from .verdict import judged

Recorded = Callable[[str], RecordedHost]
SYSFS = "sys/devices/platform/soc/soc:firmware/get_throttled"
DENIED = "Can't open device file: /dev/vcio\nTry creating a device file with: sudo mknod ..."


def pi(host: RecordedHost) -> RecordedHost:
    host.write("proc/device-tree/model", "Raspberry Pi 4 Model B Rev 1.4\0")
    return host


def vcgencmd(host: RecordedHost, says: str, status: int = 0) -> None:
    """A program that prints this, and counts in `runs` how often and with what it was run."""
    host.write("bin/says", says)
    script = (
        f'#!/bin/sh\necho "$@" >> {host.folder}/runs\ncat {host.folder}/bin/says\nexit {status}\n'
    )
    host.write("bin/vcgencmd", script)
    (host.folder / "bin/vcgencmd").chmod(0o755)


def runs(host: RecordedHost) -> list[str]:
    file = host.folder / "runs"
    return file.read_text().splitlines() if file.exists() else []


def rpi_volt(host: RecordedHost, alarm: str) -> None:
    host.write("sys/class/hwmon/hwmon0/name", "cpu_thermal\n")
    host.write("sys/class/hwmon/hwmon3/name", "rpi_volt\n")
    host.write("sys/class/hwmon/hwmon3/in0_lcrit_alarm", f"{alarm}\n")


def reader(host: RecordedHost) -> Any:
    return host.reader(METRIC)


def flags(sample: ThrottlingUpdated) -> dict[str, bool | None]:
    return {name: getattr(sample, name) for name in (*throttling._NOW, *throttling._SINCE_BOOT)}


def raised(sample: ThrottlingUpdated) -> set[str]:
    return {name for name, value in flags(sample).items() if value}


BITS = {
    0: "under_voltage_now",
    1: "frequency_capped_now",
    2: "throttled_now",
    3: "soft_temperature_limit_now",
    16: "under_voltage_since_boot",
    17: "frequency_capped_since_boot",
    18: "throttled_since_boot",
    19: "soft_temperature_limit_since_boot",
}


@pytest.mark.parametrize(("bit", "name"), BITS.items())
def test_each_bit_is_its_flag(bit: int, name: str) -> None:
    assert raised(_from_word(1 << bit, "vcgencmd", None)) == {name}


@given(st.integers(0, 2**32 - 1), st.booleans(), st.booleans())
def test_the_word_is_hexadecimal_with_and_without_prefix(
    word: int, prefix: bool, upper: bool
) -> None:
    text = f"{word:X}" if upper else f"{word:x}"
    assert _word(f"0x{text}" if prefix else text, "here") == word


@given(st.text())
def test_any_text_is_a_word_or_a_value_error(text: str) -> None:
    with suppress(ValueError):
        assert 0 <= _word(text, "here") < 2**32


def test_vcgencmd_knows_everything_and_is_given_no_argument(recorded: Recorded) -> None:
    host = pi(recorded(""))
    vcgencmd(host, "throttled=0x50005\n")
    got = reader(host).read(0.0)
    assert (got.source, got.raw, got.reason) == ("vcgencmd", "0x50005", None)
    assert raised(got) == {BITS[0], BITS[2], BITS[16], BITS[18]}
    assert None not in flags(got).values()
    assert runs(host) == ["get_throttled"]


def test_without_vcgencmd_the_driver_knows_under_voltage_only(recorded: Recorded) -> None:
    host = pi(recorded(""))
    rpi_volt(host, "0")
    host.write(SYSFS, "50005\n")
    read = reader(host).read
    got = read(0.0)
    assert (got.source, got.raw, got.under_voltage_now) == ("rpi_volt", None, False)
    assert "not installed" in (got.reason or "")
    assert {n for n, v in flags(got).items() if v is None} == set(BITS.values()) - {BITS[0]}
    rpi_volt(host, "1")
    assert raised(read(1.0)) == {BITS[0], BITS[16]}
    rpi_volt(host, "0")
    assert raised(read(2.0)) == {BITS[16]}  # it was seen


@pytest.mark.parametrize("content", ["80008", "0x80008"])
def test_the_old_sysfs_file_comes_last(recorded: Recorded, content: str) -> None:
    host = pi(recorded(""))
    host.write(SYSFS, f"{content}\n")
    got = reader(host).read(0.0)
    assert (got.source, got.raw) == ("sysfs", "0x80008")
    assert raised(got) == {BITS[3], BITS[19]}


@pytest.mark.parametrize(
    "says", [DENIED, "VCHI initialization failed\n", "/dev/vcio: Permission denied\n"]
)
def test_not_permitted_says_how_to_permit_it(recorded: Recorded, says: str) -> None:
    host = pi(recorded(""))
    vcgencmd(host, says, 255)
    read = reader(host).read
    for now in (0.0, 1.0):
        with pytest.raises(NotPermitted, match="add the service's user to group video"):
            read(now)
    assert len(runs(host)) == 1


def test_not_permitted_with_the_driver_keeps_under_voltage(recorded: Recorded) -> None:
    host = pi(recorded(""))
    vcgencmd(host, DENIED, 255)
    rpi_volt(host, "1")
    got = reader(host).read(0.0)
    assert (got.source, got.under_voltage_now) == ("rpi_volt", True)
    assert "group video" in (got.reason or "")


def test_a_program_that_may_not_be_run_is_denied(recorded: Recorded) -> None:
    host = pi(recorded(""))
    host.write("bin/vcgencmd", "not a program")
    (host.folder / "bin/vcgencmd").chmod(0o755)
    with pytest.raises(OSError, match="Exec format") as error:
        reader(host).read(0.0)
    assert error.value.errno == errno.ENOEXEC


@pytest.mark.parametrize(
    "says", ["", "throttled=", "throttled=x", 'error=1 error_msg="Command not registered"']
)
def test_anything_else_is_an_error(recorded: Recorded, says: str) -> None:
    host = pi(recorded(""))
    vcgencmd(host, says)
    with pytest.raises(ValueError, match="vcgencmd"):
        reader(host).read(0.0)


@pytest.mark.parametrize("content", ["nonsense", "-1", "", "2"])
def test_a_driver_that_says_something_else_is_an_error(recorded: Recorded, content: str) -> None:
    host = pi(recorded(""))
    rpi_volt(host, content)
    with pytest.raises(ValueError, match="neither 0 nor 1"):
        reader(host).read(0.0)


def test_what_is_told_again_and_again_does_not_grow(recorded: Recorded) -> None:
    host = pi(recorded(""))
    vcgencmd(host, "nonsense")
    read = reader(host).read
    depths = []
    for now in range(5):
        with pytest.raises(ValueError, match="vcgencmd says") as told:
            read(float(now))
        depths.append(len(told.traceback))
    assert depths[1:] == depths[1:2] * 4


def test_since_boot_is_what_was_seen_since_this_boot(recorded: Recorded) -> None:
    """The kernel's own driver clears the firmware's sticky bit."""
    host = pi(recorded(""))
    host.write("proc/sys/kernel/random/boot_id", "first\n")
    kept = Host(str(host.folder / "proc"), str(host.folder / "sys"), memory=host.folder / "data")
    options = ThrottlingOptions(devices=(), vcgencmd=str(host.folder / "bin/vcgencmd"))

    def sample() -> ThrottlingUpdated:
        """As a collector that has just started sees it."""
        return ThrottlingReader(kept, options).read(0.0)

    vcgencmd(host, "throttled=0x0\n")
    assert raised(sample()) == set()
    assert not (host.folder / "data").exists()
    vcgencmd(host, "throttled=0x20001\n")
    assert raised(sample()) == {BITS[0], BITS[16], BITS[17]}
    vcgencmd(host, "throttled=0x0\n")
    got = sample()
    assert (raised(got), got.raw) == ({BITS[16], BITS[17]}, "0x0")
    (host.folder / "bin/vcgencmd").unlink()
    rpi_volt(host, "0")
    got = sample()
    assert raised(got) == {BITS[16], BITS[17]}
    assert [got.throttled_since_boot, got.soft_temperature_limit_since_boot] == [None, None]
    host.write("proc/sys/kernel/random/boot_id", "second\n")
    assert raised(sample()) == set()


def test_a_line_of_others_does_not_hide_under_voltage(tree: Callable[[str], RecordedHost]) -> None:
    said = judged(tree(case("ld-so-complains")), "throttling")
    assert ("throttling", None, "under_voltage_now", "critical") in said.problems


@pytest.mark.parametrize(
    "says",
    ["a line of others\nthrottled=0x50005\n", "x=1 throttled=50005\n\n", " throttled=0X50005 "],
)
def test_the_answer_is_found_among_other_words(recorded: Recorded, says: str) -> None:
    host = pi(recorded(""))
    vcgencmd(host, says)
    assert reader(host).read(0.0).raw == "0x50005"


def test_a_source_that_failed_is_left_alone_for_a_while(recorded: Recorded) -> None:
    host = pi(recorded(""))
    vcgencmd(host, DENIED, 255)
    rpi_volt(host, "0")
    read = reader(host).read
    for now in (0.0, 1.0, 29.0):
        assert read(now).source == "rpi_volt"
    assert len(runs(host)) == 1
    vcgencmd(host, "throttled=0x0\n")  # someone added the user to the group
    assert read(30.0).source == "vcgencmd"
    assert read(31.0).reason is None
    assert len(runs(host)) == 3


@pytest.mark.parametrize("folder", ["proc/device-tree", "sys/firmware/devicetree/base"])
def test_another_board_is_no_raspberry_pi(recorded: Recorded, folder: str) -> None:
    host = recorded("")
    host.write(f"{folder}/model", "Pine64 RockPro64\0")
    vcgencmd(host, "throttled=0x0\n")
    with pytest.raises(Unavailable, match="not a Raspberry Pi"):
        reader(host).read(0.0)
    assert runs(host) == []


def test_a_pc_is_no_raspberry_pi(recorded: Recorded) -> None:
    with pytest.raises(Unavailable, match="not a Raspberry Pi"):
        reader(recorded("")).read(0.0)


def test_a_container_that_hides_the_model_may_still_ask(recorded: Recorded) -> None:
    host = recorded("")
    vcgencmd(host, "throttled=0x0\n")
    assert reader(host).read(0.0).source == "vcgencmd"


def test_a_pi_without_any_source_says_which_is_missing(recorded: Recorded) -> None:
    with pytest.raises(Unavailable, match="vcgencmd is not installed"):
        reader(pi(recorded(""))).read(0.0)
