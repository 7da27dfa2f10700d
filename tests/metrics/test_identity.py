import os
import platform
import subprocess
import sys
from collections.abc import Callable

import psutil
import pytest
from health_collectord.host import Host
from health_collectord.metrics.identity import (
    IdentityOptions,
    IdentityReader,
    _says_nothing,
    _unquoted,
)
from health_collectord.vocabulary import fields_of
from hypothesis import given
from hypothesis import strategies as st

from .conftest import RecordedHost
from .trees import case

Recorded = Callable[[str], RecordedHost]


def test_the_serial_number_is_kept_back_unless_asked_for(recorded: Recorded) -> None:
    host = recorded("pi4").host
    assert IdentityReader(host, IdentityOptions()).read(0.0).serial is None
    asked = IdentityReader(host, IdentityOptions(serial=True)).read(0.0)
    assert asked.serial == "10000000a1b2c3d4"


def test_nothing_there_is_all_null(recorded: Recorded) -> None:
    got = IdentityReader(recorded("").host, IdentityOptions(serial=True)).read(0.0)
    assert {getattr(got, field.name) for field in fields_of(type(got))} == {None}


UNFILLED = [
    "To Be Filled By O.E.M.", "To be filled by O.E.M", "ToBeFilledByOEM", "O.E.M", "OEM",
    "System Product Name", "System Version", "Default string", "None", "N/A", "Not Specified",
    "Not Applicable", "not available", "Unknown", "UNKNOWN", "Undefined", "xxxx", "XXXXXXXX", "0",
    "...", "- - -", "????", "0123456789", "1234567890", "123456789", "Base Board Product Name",
    "Type2 - Board Product Name1", "Type1ProductConfigId", "<BAD INDEX>", "[Empty]", "(null)",
    "Product Name", "Model", "Default_string", "Fill By OEM", "", "System manufacturer",
]  # fmt: skip
NAMES = [
    "A320M-K", "ThinkPad X1", "System x3650 M5", "Standard PC (Q35 + ICH9, 2009)", "20AN006EGE",
    "OptiPlex 7050", "NUC8i5BEH", "Virtual Machine", "HVM domU", "2349", "ODROID-H2", "X11SSL-F",
    "Unknown Pleasures 9", "Default Gateway", "VMware7,1", "筆記本", "PowerEdge R740",
    "Z390 AORUS PRO", "XPS 13 9310", "T", "MS-7C02",
]  # fmt: skip


@pytest.mark.parametrize("text", UNFILLED)
def test_a_field_that_nobody_filled_in_is_no_model(recorded: Recorded, text: str) -> None:
    host = recorded("")
    for field in ("product_name", "product_serial"):
        host.write(f"sys/class/dmi/id/{field}", f"{text}\n")
    got = IdentityReader(host.host, IdentityOptions(serial=True)).read(0.0)
    assert (got.model, got.serial) == (None, None)


@pytest.mark.parametrize("text", NAMES)
def test_a_field_that_somebody_filled_in_is_one(recorded: Recorded, text: str) -> None:
    host = recorded("")
    host.write("sys/class/dmi/id/product_name", f" {text} \n")
    got = IdentityReader(host.host, IdentityOptions()).read(0.0)
    assert got.model == (text if len(text) > 1 else None)


def test_what_names_a_field_is_not_the_boards_name_either(tree: Recorded) -> None:
    """Some other thing's name is no better."""
    got = IdentityReader(tree(case("dmi-placeholder")).host, IdentityOptions()).read(0.0)
    assert got.model is None


@given(st.text(), st.sampled_from(["xX", "0", "-", "?.", " "]).flatmap(st.text))
def test_any_field_is_a_name_or_nothing(text: str, repeated: str) -> None:
    assert _says_nothing(repeated)
    assert _says_nothing(text) in (True, False)


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


def test_the_distribution_of_a_host_whose_links_are_absolute(tree: Recorded) -> None:
    """Seen from a container, whose own root they would lead into."""
    got = IdentityReader(tree(case("nixos-host")).host, IdentityOptions()).read(0.0)
    assert got.distribution == "NixOS 25.05 (Warbler)"


ADDRESSES = """
ip link add docker0 type veth peer name eth0
ip link add br-4f1c type veth peer name wlan0
ip addr add 172.17.0.1/16 dev docker0
ip addr add 172.18.0.1/16 dev br-4f1c
ip addr add 192.168.1.23/24 dev eth0
ip addr add 10.0.0.7/24 dev eth0 label eth0:1
exec "$@"
"""
ASK = """
import sys
from health_collectord.host import Host
from health_collectord.metrics.identity import IdentityOptions, IdentityReader
for options in (IdentityOptions(), IdentityOptions(hide_interfaces=("eth*", "br-*", "lo"))):
    print(IdentityReader(Host(), options).read(0.0).addresses)
"""


def test_the_addresses_of_what_is_hidden_are_hidden() -> None:
    try:
        told = subprocess.run(
            ["unshare", "--net", "sh", "-ec", ADDRESSES, "sh", sys.executable, "-c", ASK],
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
    except (OSError, subprocess.CalledProcessError) as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"cannot make a network here: {error}")
    assert told.splitlines() == ["10.0.0.7, 192.168.1.23", "172.17.0.1"]


def test_addresses_are_those_that_others_can_reach() -> None:
    said = IdentityReader(Host(), IdentityOptions()).read(0.0).addresses
    own = subprocess.run(["hostname", "-I"], capture_output=True, text=True, check=True).stdout
    expected = {a for a in own.split() if not a.startswith(("fe80:", "169.254."))}
    found = set((said or "").split(", ")) - {""}
    assert found <= expected
    for name, addresses in psutil.net_if_addrs().items():
        if not name.startswith(("docker", "br-", "veth", "virbr", "lo", "ifb")):
            ours = {a.address for a in addresses} & expected
            assert ours <= found
