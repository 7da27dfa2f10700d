import os
import platform
import subprocess
from collections.abc import Callable

import psutil
import pytest
from health_collectord.host import Host
from health_collectord.metrics.identity import IdentityOptions, IdentityReader, _unquoted
from health_collectord.vocabulary import fields_of
from hypothesis import given
from hypothesis import strategies as st

from .conftest import RecordedHost

Recorded = Callable[[str], RecordedHost]


def test_the_serial_number_is_kept_back_unless_asked_for(recorded: Recorded) -> None:
    host = recorded("pi4").host
    assert IdentityReader(host, IdentityOptions()).read(0.0).serial is None
    asked = IdentityReader(host, IdentityOptions(serial=True)).read(0.0)
    assert asked.serial == "10000000a1b2c3d4"


def test_nothing_there_is_all_null(recorded: Recorded) -> None:
    got = IdentityReader(recorded("").host, IdentityOptions(serial=True)).read(0.0)
    assert {getattr(got, field.name) for field in fields_of(type(got))} == {None}


@pytest.mark.parametrize(
    "name", ["To Be Filled By O.E.M.", "System Product Name", "", "Default string"]
)
def test_a_field_that_nobody_filled_in_is_no_model(recorded: Recorded, name: str) -> None:
    host = recorded("")
    host.write("sys/class/dmi/id/product_name", f"{name}\n")
    assert IdentityReader(host.host, IdentityOptions()).read(0.0).model is None


def test_the_device_tree_in_sysfs(recorded: Recorded) -> None:
    host = recorded("")
    host.write("sys/firmware/devicetree/base/model", "Raspberry Pi 5 Model B Rev 1.0\0")
    got = IdentityReader(host.host, IdentityOptions()).read(0.0)
    assert got.model == "Raspberry Pi 5 Model B Rev 1.0"


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ('PRETTY_NAME="Debian GNU/Linux 13 (trixie)"', "Debian GNU/Linux 13 (trixie)"),
        ("PRETTY_NAME='Alpine Linux v3.22'", "Alpine Linux v3.22"),
        ("PRETTY_NAME=Void", "Void"),
        ('PRETTY_NAME="unfinished', None),
        ("NAME=Other", None),
    ],
)
def test_the_distribution(recorded: Recorded, line: str, name: str | None) -> None:
    host = recorded("")
    host.write("proc/1/root/usr/lib/os-release", f"ID=x\n{line}\n")
    assert IdentityReader(host.host, IdentityOptions()).read(0.0).distribution == name


@given(st.text())
def test_any_quoting_is_a_name_or_nothing(value: str) -> None:
    assert _unquoted(value) != ""


@given(btime=st.text(alphabet="0123456789 x-\n", max_size=30))
def test_any_boot_time_is_an_instant_or_null(
    tmp_path_factory: pytest.TempPathFactory, btime: str
) -> None:
    host = RecordedHost(tmp_path_factory.mktemp("host"))
    host.write("proc/stat", f"cpu0 1\nbtime {btime}")
    got = IdentityReader(host.host, IdentityOptions()).read(0.0)
    assert got.boot_time is None or got.boot_time.endswith("Z")


def test_a_wall_clock_that_was_set_changes_only_the_boot_time(recorded: Recorded) -> None:
    host = recorded("pi4")
    reader = IdentityReader(host.host, IdentityOptions())
    before = reader.read(0.0)
    assert reader.read(60.0) == before
    stat = (host.folder / "proc/stat").read_text()
    host.write("proc/stat", stat.replace("btime 1767261600", "btime 1767261700"))
    after = reader.read(120.0)
    assert (before.boot_time, after.boot_time) == ("2026-01-01T10:00:00Z", "2026-01-01T10:01:40Z")
    assert after.boot_id == before.boot_id


def test_agrees_with_others_on_this_machine() -> None:
    got = IdentityReader(Host(), IdentityOptions()).read(0.0)
    assert got.hostname == os.uname().nodename
    assert got.kernel == os.uname().release
    assert got.architecture == platform.machine()
    assert got.cores == psutil.cpu_count()
    assert got.memory_bytes == psutil.virtual_memory().total


def test_addresses_are_those_that_others_can_reach() -> None:
    said = IdentityReader(Host(), IdentityOptions()).read(0.0).addresses
    own = subprocess.run(["hostname", "-I"], capture_output=True, text=True, check=True).stdout
    expected = {a for a in own.split() if not a.startswith(("fe80:", "169.254."))}
    assert set((said or "").split(", ")) - {""} == expected
