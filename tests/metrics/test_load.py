import os
from collections.abc import Callable
from contextlib import suppress

import psutil
import pytest
from health_collectord.host import Host
from health_collectord.metrics.load import LoadReader, LoadUpdated, _listed
from health_collectord.vocabulary import Options
from hypothesis import given
from hypothesis import strategies as st

from .conftest import RecordedHost
from .trees import case
from .verdict import judged

Recorded = Callable[[str], RecordedHost]
Tree = Callable[[str], RecordedHost]


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


def test_the_hosts_load_is_not_divided_by_a_containers_cpus(tree: Tree) -> None:
    said = judged(host := tree(case("container-of-lxcfs")), "load")
    got = sample(host)
    assert (got.load5, got.cores, got.load5_per_core) == (9.7, 2, None)
    assert (got.reason or "").startswith("not applicable")
    assert said.health["status"] == "healthy"
    assert said.health["checks"] == {"known": 0, "total": 0, "not_applicable": 1}


LXCFS = "=== proc/1/mountinfo\n8 1 0:45 /x /proc/stat rw - fuse.lxcfs lxcfs rw\n"
TWO_IN_STAT = "=== proc/stat\ncpu  9\ncpu0 4\ncpu1 5\nintr 0\n"


def cpus(**lists: str) -> str:
    """sysfs's lists of CPUs; one left out is not there."""
    told = [f"=== sys/devices/system/cpu/{name}\n{value}\n" for name, value in lists.items()]
    return "".join(["=== sys/devices/system/cpu/x\n", *told])


@pytest.mark.parametrize(
    ("differs", "cores", "per_core"),
    [
        # All CPUs are this machine's, whatever is offline among them.
        (cpus(online="0-3", present="0-3"), 4, 2.0),
        (cpus(online="0-3", present="0-3", offline=""), 4, 2.0),
        (cpus(online="0-2", present="0-3", offline="3"), 3, 2.67),
        (cpus(online="0,2", present="0-3", offline="1,3-63"), 2, 4.0),
        (cpus(online="0-1"), 2, 4.0),
        (cpus(online="0-1", present="lots"), 2, 4.0),
        # A container that has them all, or whose CPUs lxcfs shows in /proc/stat alone.
        (LXCFS + cpus(online="0-3", present="0-3"), 4, 2.0),
        (LXCFS + cpus(online="0-3", present="0-3") + TWO_IN_STAT, 4, 2.0),
        # A container that has some.
        (cpus(online="0-1", present="0-3"), 2, None),
        (cpus(online="0-1", present="0-3", offline=""), 2, None),
        (cpus(online="0-1", present="0-3", offline="3"), 2, None),
        (LXCFS + cpus(online="0-1", present="0-3"), 2, None),
        (LXCFS + cpus(online="0-1", present="0-3", offline="2-3"), 2, None),
        (LXCFS + cpus(online="1", present="0-1"), 1, None),
        (LXCFS + TWO_IN_STAT + "=== sys/devices/system/cpu/online\n\n", 2, None),
    ],
)
def test_load_and_cpus_of_one_machine(
    tree: Tree, differs: str, cores: int, per_core: float | None
) -> None:
    got = sample(tree("=== proc/loadavg\n8 8 8 1/9 9\n" + differs))
    assert (got.cores, got.load5_per_core) == (cores, per_core)
    assert (got.reason is None) == (per_core is not None)


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
    assert _listed(f"{text}\n".encode()) == cpus


@given(st.binary())
def test_any_bytes_count_or_are_a_value_error(content: bytes) -> None:
    with suppress(ValueError):
        assert _listed(content)


def test_agrees_with_psutil_on_this_machine() -> None:
    ours = LoadReader(Host(), Options()).read(0.0)
    assert (ours.load1, ours.load5, ours.load15) == pytest.approx(os.getloadavg(), abs=0.1)
    assert ours.cores == psutil.cpu_count()
