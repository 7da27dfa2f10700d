import os
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from health_collectord.host import Host
from health_collectord.metrics.network import (
    METRIC,
    Interface,
    NetworkOptions,
    NetworkReader,
    NetworkUsageUpdated,
    _Keys,
    _parse_dev,
    _rates,
)
from hypothesis import given
from hypothesis import strategies as st

from .conftest import RecordedHost
from .trees import case

Recorded = Callable[[str], RecordedHost]
HEADINGS = "Inter-|   Receive  |  Transmit\n face |bytes    packets|bytes    packets\n"


def dev(**interfaces: int | tuple[int, int]) -> str:
    """net/dev with bytes received (and sent); everything else is 0."""
    lines = []
    for name, counted in interfaces.items():
        rx, tx = counted if isinstance(counted, tuple) else (counted, 0)
        lines.append(f"{name:>6}: {rx} 0 0 0 0 0 0 0 {tx} 0 0 0 0 0 0 0\n")
    return HEADINGS + "".join(lines)


class Samples:
    def __init__(self, host: RecordedHost, **options: tuple[str, ...]) -> None:
        self.host = host
        self.reader = NetworkReader(host.host, NetworkOptions(**options))

    def __call__(self, now: float, content: str) -> NetworkUsageUpdated | None:
        self.host.write("proc/net/dev", content)
        return self.reader.read(now)

    def rows(self, now: float, content: str) -> dict[str, Interface]:
        got = self(now, content)
        assert got is not None
        return {row.key: row for row in got.interfaces}


def test_the_first_sample_is_absent(recorded: Recorded) -> None:
    assert Samples(recorded(""))(5.0, dev(eth0=100)) is None


def test_rates_are_per_second_of_the_monotonic_clock(recorded: Recorded) -> None:
    read = Samples(recorded(""))
    read(10.0, dev(eth0=(1000, 0)))
    row = read.rows(12.5, dev(eth0=(6000, 250)))["eth0"]
    assert (row.rx_bytes_per_second, row.tx_bytes_per_second) == (2000.0, 100.0)
    assert (row.rx_bytes, row.tx_bytes) == (6000, 250)


def test_without_traffic_it_is_0_and_stays(recorded: Recorded) -> None:
    read = Samples(recorded(""))
    read(1.0, dev(eth0=7))
    assert read.rows(2.0, dev(eth0=7))["eth0"].rx_bytes_per_second == 0.0


def test_counters_that_go_back_are_a_gap_of_one_sample(recorded: Recorded) -> None:
    """Each for itself: what was sent is known."""
    read = Samples(recorded(""))
    read(1.0, dev(eth0=(4294967000, 5)))
    row = read.rows(2.0, dev(eth0=(200, 9)))["eth0"]
    assert (row.rx_bytes_per_second, row.tx_bytes_per_second) == (None, 4.0)
    assert row.reason == "counters went back"
    row = read.rows(3.0, dev(eth0=(300, 9)))["eth0"]
    assert (row.rx_bytes_per_second, row.reason) == (100.0, None)


NEAR = 2**32 - 296


@pytest.mark.parametrize(
    ("architecture", "before", "after", "rate"),
    [
        ("armv7l", (NEAR, 7), (200, 7), 496.0),
        ("armv6l", (NEAR, 7), (200, 9), 496.0),
        ("arm", (NEAR, 7), (200, 9), 496.0),
        ("i686", (NEAR, 7), (200, 9), 496.0),
        ("armv7l", (NEAR, 7), (200, 2), None),  # made anew: its packets went back too
        ("armv7l", (2**40, 7), (200, 9), None),  # its driver counts in 64 bits
        ("aarch64", (NEAR, 7), (200, 9), None),
        ("armv8l", (NEAR, 7), (200, 9), None),  # a 64-bit kernel that was told to say so
        ("x86_64", (NEAR, 7), (200, 9), None),
        ("", (NEAR, 7), (200, 9), None),
    ],
)
def test_a_wrap_is_computed_where_the_width_of_the_counters_is_known(
    recorded: Recorded,
    architecture: str,
    before: tuple[int, int],
    after: tuple[int, int],
    rate: float | None,
) -> None:
    """Bytes and packets received."""
    host = recorded("")
    host.write("proc/sys/kernel/arch", f"{architecture}\n")
    read = Samples(host)
    line = "  eth0: {} {} 0 0 0 0 0 0 5 0 0 0 0 0 0 0\n"
    read(1.0, HEADINGS + line.format(*before))
    got = read(2.0, HEADINGS + line.format(*after))
    assert got is not None
    assert got.rx_bytes_per_second == got.interfaces[0].rx_bytes_per_second == rate
    assert got.interfaces[0].reason == (None if rate else "counters went back")
    assert got.tx_bytes_per_second == 0.0


@pytest.mark.parametrize(
    "after", [dev(eth0=(5, 0), eth1=(9, 9)), dev(eth1=(9, 9), eth0=(2000, 9), eth2=(9, 9))]
)
def test_a_total_with_an_unknown_part_is_null(recorded: Recorded, after: str) -> None:
    """One that went back, one that is new."""
    read = Samples(recorded(""))
    read(1.0, dev(eth0=(1000, 0), eth1=(0, 0)))
    got = read(2.0, after)
    assert got is not None
    assert got.rx_bytes_per_second is None


def test_interfaces_come_and_go(recorded: Recorded) -> None:
    read = Samples(recorded(""))
    read(1.0, dev(eth0=1))
    rows = read.rows(2.0, dev(eth0=1, usb0=500))
    assert (rows["usb0"].rx_bytes_per_second, rows["usb0"].reason) == (None, "first sample")
    assert read.rows(3.0, dev(eth0=1, usb0=600))["usb0"].rx_bytes_per_second == 100.0
    assert "usb0" not in read.rows(4.0, dev(eth0=1))
    assert read.rows(5.0, dev(eth0=1, usb0=700))["usb0"].reason == "first sample"


def test_a_clock_that_stands_still_gives_no_rate(recorded: Recorded) -> None:
    read = Samples(recorded(""))
    read(1.0, dev(eth0=0))
    assert read(1.0, dev(eth0=1000)) is None
    assert read.rows(2.0, dev(eth0=3000))["eth0"].rx_bytes_per_second == 3000.0


def test_hidden_interfaces(recorded: Recorded) -> None:
    everything = (
        dev(lo=1, eth0=1, veth12=1, docker0=1, virbr0=1) + dev(**{"br-1": 1})[len(HEADINGS) :]
    )
    read = Samples(recorded(""))
    read(1.0, everything)
    assert list(read.rows(2.0, everything)) == ["eth0"]
    read = Samples(recorded("lxc"), hide=())
    read(1.0, everything)
    assert set(read.rows(2.0, everything)) == {"lo", "eth0", "veth12", "docker0", "virbr0", "br-1"}


def test_a_byte_through_a_bridge_is_counted_once(recorded: Recorded) -> None:
    host = recorded("")
    host.write("sys/class/net/eth0/device/uevent", "")
    read = Samples(host)
    read(1.0, dev(eth0=0, br0=0))
    got = read(2.0, dev(eth0=1000, br0=1000))
    assert got is not None
    assert got.rx_bytes_per_second == 1000.0


def test_without_hardware_all_are_counted(recorded: Recorded) -> None:
    read = Samples(recorded(""))
    read(1.0, dev(eth0=0, eth1=0))
    got = read(2.0, dev(eth0=10, eth1=20))
    assert got is not None
    assert (got.rx_bytes_per_second, got.tx_bytes_per_second) == (30.0, 0.0)


@pytest.mark.parametrize(
    ("operstate", "speed", "up", "bits"),
    [
        ("up", "1000", True, 1_000_000_000),
        ("up", "-1", True, None),
        ("unknown", None, True, None),
        ("down", "fast", False, None),
        ("lowerlayerdown", "", False, None),
        (None, None, None, None),
        # What drivers make of ethtool's SPEED_UNKNOWN, and of none at all.
        ("up", "65535", True, None),
        ("up", "4294967295", True, None),
        ("up", "2147483647", True, None),
        ("up", "0", True, None),
        ("dormant", "-2", False, None),
        ("up", "100000", True, 100_000_000_000),
        ("up", "65536", True, 65_536_000_000),
    ],
)
def test_link(
    recorded: Recorded, operstate: str | None, speed: str | None, up: bool | None, bits: int | None
) -> None:
    host = recorded("")
    if operstate is not None:
        host.write("sys/class/net/eth0/operstate", f"{operstate}\n")
    if speed is not None:
        host.write("sys/class/net/eth0/speed", f"{speed}\n")
    read = Samples(host)
    read(1.0, dev(eth0=0))
    row = read.rows(2.0, dev(eth0=0))["eth0"]
    assert (row.operstate, row.up, row.speed_bits_per_second) == (operstate, up, bits)


def test_speed_is_read_again_when_the_link_changes(recorded: Recorded) -> None:
    host = recorded("")
    host.write("sys/class/net/eth0/operstate", "up\n")
    host.write("sys/class/net/eth0/speed", "1000\n")
    read = Samples(host)
    read(1.0, dev(eth0=0))
    assert read.rows(2.0, dev(eth0=0))["eth0"].speed_bits_per_second == 10**9
    host.write("sys/class/net/eth0/speed", "100\n")
    assert read.rows(3.0, dev(eth0=0))["eth0"].speed_bits_per_second == 10**9
    host.write("sys/class/net/eth0/operstate", "dormant\n")
    assert read.rows(4.0, dev(eth0=0))["eth0"].speed_bits_per_second == 10**8


def test_in_a_container_process_1_has_the_network_of_the_host(recorded: Recorded) -> None:
    host = recorded("")
    host.write("proc/1/net/dev", dev(eno1=0))
    read = Samples(host)
    read(1.0, dev(eth0=0))
    assert list(read.rows(2.0, dev(eth0=0))) == ["eno1"]


@pytest.mark.parametrize(
    "garbage",
    [
        "",
        "\n\n",
        HEADINGS + "eth0 1 2 3\n",
        HEADINGS + "eth0: 1 2 3\n",
        HEADINGS + "eth0: " + "x " * 16,
    ],
)
def test_garbage_names_the_file(recorded: Recorded, garbage: str) -> None:
    with pytest.raises(ValueError, match="net/dev"):
        Samples(recorded(""))(1.0, garbage)


SOUND = " 1000 10 0 0 0 0 0 0 500 5 0 0 0 0 0 0\n"


@pytest.mark.parametrize(
    ("odd", "key", "known"),
    [
        (f" eth0:1:{SOUND}", "eth0:1", True),
        (f" a::b:{SOUND}", "a::b", True),
        (f" wl\x1c\x85\u2028:{SOUND}", "wl\x1c\x85\u2028", True),
        (f" büro:{SOUND}", "büro", True),
        (f" ../../../etc:{SOUND}", "../../../etc", True),
        (f" a\0b:{SOUND}", "a\0b", True),
        (" eth1: 1 2 3\n", "eth1", False),
        (" eth1:\n", "eth1", False),
        (f" eth1:{SOUND.replace('500', 'x')}", "eth1", False),
        (f" eth1:{SOUND.replace('500', '-5')}", "eth1", False),
        (f" eth1:{SOUND.replace('500', '1' * 30)}", "eth1", False),
        (" eth1 has no colon\n", None, False),
        ("\r\x0b\n", None, False),
    ],
)
def test_an_odd_line_costs_its_own_row(
    recorded: Recorded, odd: str, key: str | None, known: bool
) -> None:
    content = f"{HEADINGS}  wlan0:{SOUND}{odd}  eth0:{SOUND}"
    read = Samples(recorded(""))
    read(1.0, content)
    rows = read.rows(2.0, content)
    assert set(rows) - {key} == {"wlan0", "eth0"}
    assert (rows["wlan0"].rx_bytes_per_second, rows["eth0"].rx_bytes) == (0.0, 1000)
    if key is not None:
        row = rows[key]
        assert (row.rx_bytes, row.rx_bytes_per_second) == ((1000, 0.0) if known else (None, None))
        assert (row.reason is None) == known


def test_an_interface_with_a_name_of_odd_bytes_has_its_link(recorded: Recorded) -> None:
    host = recorded("")
    folder = os.path.join(os.fsencode(host.folder), b"sys/class/net/b\xfcro")
    os.makedirs(folder)
    with open(os.path.join(folder, b"operstate"), "w", encoding="ascii") as file:
        file.write("up\n")
    content = (HEADINGS + f" NAME:{SOUND}").encode().replace(b"NAME", b"b\xfcro")
    host.write("proc/net/dev", content)
    reader = NetworkReader(host.host, NetworkOptions())
    reader.read(1.0)
    got = reader.read(2.0)
    assert got is not None
    assert (got.interfaces[0].key, got.interfaces[0].up) == ("b\\xfcro", True)


def test_one_bad_line_in_a_whole_host(tree: Recorded) -> None:
    host = tree(case("one-bad-interface-line"))
    read = Samples(host)
    content = (host.folder / "proc/net/dev").read_text()
    read(1.0, content)
    rows = read.rows(2.0, content)
    assert list(rows) == ["eth0", "eth0:1"]
    assert rows["eth0:1"].rx_bytes == 10


def test_unknown_speeds_in_a_whole_host(tree: Recorded) -> None:
    host = tree(case("speed-unknown"))
    read = Samples(host)
    content = (host.folder / "proc/net/dev").read_text()
    read(1.0, content)
    rows = read.rows(2.0, content)
    assert {row.speed_bits_per_second for row in rows.values()} == {None}
    assert [row.operstate for row in rows.values()] == ["up", "down"]


def test_a_switch_of_ports_is_counted_once(tree: Recorded) -> None:
    host = tree(case("dsa-switch"))
    read = Samples(host)
    content = (host.folder / "proc/net/dev").read_text()
    read(1.0, content)
    got = read(2.0, content.replace("5977325", "5977825").replace("1000000", "1000100"))
    assert got is not None
    assert [row.rx_bytes_per_second for row in got.interfaces] == [500.0, 500.0]
    assert (got.rx_bytes_per_second, got.tx_bytes_per_second) == (500.0, 100.0)


def test_what_is_hidden_of_process_1_is_seen_of_our_own(recorded: Recorded) -> None:
    """Another host's procfs, mounted with hidepid."""
    host = recorded("")
    host.write("proc/1/net/dev", dev(eno1=0))
    (host.folder / "proc/1").rename(host.folder / "proc/77")
    read = Samples(host)
    read(1.0, dev(eth0=0))
    assert list(read.rows(2.0, dev(eth0=0))) == ["eth0"]


NOTHING_HIDDEN = _Keys(())
SOMETHING = st.binary() | st.binary().map(lambda tail: HEADINGS.encode() + tail)


@given(SOMETHING)
def test_any_bytes_parse_or_are_a_value_error(content: bytes) -> None:
    try:
        found = _parse_dev(content, NOTHING_HIDDEN, "dev")
    except ValueError:
        return
    assert all(len(counters) >= 16 for counters in found.values() if counters)


Counters = st.tuples(*[st.integers(0, 2**64 - 1)] * 16)


@given(Counters, Counters, st.floats(1e-3, 1e6))
def test_rates_are_never_negative(
    before: tuple[int, ...], after: tuple[int, ...], seconds: float
) -> None:
    for wraps in (False, True):
        rates, reason = _rates(before, after, seconds, wraps)
        assert all(rate is None or rate >= 0 for rate in rates)
        assert (None in rates) == (reason is not None)


def test_agrees_with_psutil_on_this_machine() -> None:
    before = psutil.net_io_counters(pernic=True, nowrap=False)
    ours = _parse_dev(Path("/proc/net/dev").read_bytes(), NOTHING_HIDDEN, "/proc/net/dev")
    after = psutil.net_io_counters(pernic=True, nowrap=False)
    for name in before.keys() & after.keys():
        assert before[name].bytes_recv <= ours[name][0] <= after[name].bytes_recv
        assert before[name].bytes_sent <= ours[name][8] <= after[name].bytes_sent


def test_reads_this_machine() -> None:
    reader = METRIC.reader(Host(), NetworkOptions(hide=()))
    assert reader.read(1.0) is None
    got = reader.read(2.0)
    assert isinstance(got, NetworkUsageUpdated)
    assert "lo" in {row.key for row in got.interfaces}


@pytest.mark.slow
def test_a_kernel_file_of_many_pages_is_read_to_its_end() -> None:
    """One read of net/dev ends within the first page, after some thirty interfaces."""
    whole = Path("/proc/kallsyms").read_bytes()  # made the same way, and long on every machine
    file = Host().proc("kallsyms")
    assert len(whole) > 3 * 4096
    assert len(file.read()) == len(file.read()) == len(whole)
