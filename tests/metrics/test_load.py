import os
from collections.abc import Callable
from contextlib import suppress

import psutil
import pytest
from health_collectord.host import Host
from health_collectord.metrics.load import LoadReader, LoadUpdated, _count
from health_collectord.vocabulary import Options
from hypothesis import given
from hypothesis import strategies as st

from .conftest import RecordedHost

Recorded = Callable[[str], RecordedHost]


def sample(host: RecordedHost) -> LoadUpdated:
    return LoadReader(host.host, Options()).read(0.0)


def test_load_for_each_core(recorded: Recorded) -> None:
    host = recorded("")
    host.write("proc/loadavg", "1.00 6.00 3.50 4/321 999\n")
    host.write("sys/devices/system/cpu/online", "0-2,5\n")
    got = sample(host)
    assert (got.load1, got.load5, got.load15) == (1.0, 6.0, 3.5)
    assert (got.cores, got.load5_per_core) == (4, 1.5)
    assert (got.tasks_running, got.tasks_total) == (4, 321)


@pytest.mark.parametrize("online", [None, "", "none\n", "3-1\n"])
def test_cores_are_counted_in_stat_where_sysfs_does_not_say(
    recorded: Recorded, online: str | None
) -> None:
    host = recorded("")
    host.write("proc/loadavg", "1.00 6.00 3.50 4/321 999\n")
    host.write("proc/stat", "cpu  9\ncpu0 4\ncpu1 5\nintr 0\n")
    if online is not None:
        host.write("sys/devices/system/cpu/online", online)
    assert sample(host).cores == 2


def test_without_a_count_the_load_of_each_core_is_null(recorded: Recorded) -> None:
    host = recorded("")
    host.write("proc/loadavg", "1.00 6.00 3.50 4/321 999\n")
    got = sample(host)
    assert (got.load5, got.cores, got.load5_per_core) == (6.0, None, None)


def test_cores_that_go_offline_are_counted_again(recorded: Recorded) -> None:
    host = recorded("")
    host.write("proc/loadavg", "1.00 6.00 3.50 4/321 999\n")
    host.write("sys/devices/system/cpu/online", "0-3\n")
    reader = LoadReader(host.host, Options())
    assert reader.read(0.0).cores == 4
    host.write("sys/devices/system/cpu/online", "0-1\n")
    assert reader.read(29.0).cores == 4
    assert reader.read(30.0).cores == 2


@pytest.mark.parametrize(
    "garbage",
    ["", "1 2 3", "a b c 1/2 3", "nan 1 1 1/2 3", "1 1 1 12 3", "-1 0 0 1/2 3", "1 1 inf 1/2 3"],
)
def test_garbage_names_the_file(recorded: Recorded, garbage: str) -> None:
    host = recorded("")
    host.write("proc/loadavg", garbage)
    with pytest.raises(ValueError, match="proc/loadavg"):
        sample(host)


@given(st.sets(st.integers(0, 300), min_size=1))
def test_a_list_of_cpus_is_counted(cpus: set[int]) -> None:
    ranges: list[list[int]] = []
    for cpu in sorted(cpus):
        if ranges and ranges[-1][1] == cpu - 1:
            ranges[-1][1] = cpu
        else:
            ranges.append([cpu, cpu])
    text = ",".join(f"{a}" if a == b else f"{a}-{b}" for a, b in ranges)
    assert _count(f"{text}\n".encode()) == len(cpus)


@given(st.binary())
def test_any_bytes_count_or_are_a_value_error(content: bytes) -> None:
    with suppress(ValueError):
        assert _count(content) > 0


def test_agrees_with_psutil_on_this_machine() -> None:
    ours = LoadReader(Host(), Options()).read(0.0)
    assert (ours.load1, ours.load5, ours.load15) == pytest.approx(os.getloadavg(), abs=0.1)
    assert ours.cores == psutil.cpu_count()
