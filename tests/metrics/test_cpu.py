import os
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from health_collectord.host import Host
from health_collectord.metrics.cpu import (
    _COLUMNS,
    METRIC,
    CpuReader,
    CpuUsageUpdated,
    _delta,
    _parse_stat,
    _shares,
)
from health_collectord.vocabulary import Options, Unavailable
from hypothesis import given
from hypothesis import strategies as st

from .conftest import RecordedHost
from .trees import case
from .verdict import Judged

Recorded = Callable[[str], RecordedHost]
Tree = Callable[[str], RecordedHost]


def sample(host: RecordedHost, *contents: str) -> list[CpuUsageUpdated | None]:
    reader = CpuReader(host.host, Options())
    samples = []
    for i, content in enumerate(contents):
        host.write("proc/stat", content)
        samples.append(reader.read(float(i)))
    return samples


def test_no_shares_before_there_are_two_samples(recorded: Recorded) -> None:
    assert sample(recorded(""), "cpu  1 0 0 9 0 0 0 0 0 0\n") == [None]


def test_guest_is_in_user_already(recorded: Recorded) -> None:
    before = "cpu  0 0 0 0 0 0 0 0 0 0\n"
    after = "cpu  50 0 0 50 0 0 0 0 50 0\n"
    _, got = sample(recorded(""), before, after)
    assert got is not None
    assert (got.user, got.idle, got.used_percent) == (50.0, 50.0, 50.0)


def test_waiting_for_io_is_not_use(recorded: Recorded) -> None:
    _, got = sample(recorded(""), "cpu  0 0 0 0 0 0 0 0\n", "cpu  10 0 0 30 60 0 0 0\n")
    assert got is not None
    assert (got.iowait, got.used_percent) == (60.0, 10.0)


def test_idle_that_goes_back_counts_as_nothing(recorded: Recorded) -> None:
    _, got = sample(recorded(""), "cpu  0 0 0 900 50 0 0 0\n", "cpu  10 0 0 890 80 0 0 0\n")
    assert got is not None
    assert (got.user, got.idle, got.iowait) == (25.0, 0.0, 75.0)


def test_a_second_within_the_same_jiffy_waits_for_the_next(recorded: Recorded) -> None:
    same = "cpu  0 0 0 100 0 0 0 0\n"
    _, second, third = sample(recorded(""), same, same, "cpu  25 0 0 175 0 0 0 0\n")
    assert second is None
    assert third is not None
    assert third.user == 25.0


def test_cores_go_offline_and_come_back(recorded: Recorded) -> None:
    def stat(time: int, *cores: int) -> str:
        lines = [f"cpu{core} {time} 0 0 {time} 0 0 0 0 0 0\n" for core in cores]
        return f"cpu  {time * 9} 0 0 {time * 9} 0 0 0 0 0 0\n{''.join(lines)}intr 1 2 3\n"

    host = recorded("")
    got = sample(host, stat(1, 0, 1), stat(2, 0), stat(3, 0, 1), stat(4, 0, 1))
    keys = [[core.key for core in one.cores] for one in got if one]
    assert keys == [["0"], ["0"], ["0", "1"]]


def stat(whole: tuple[int, int], **cores: tuple[int, int]) -> str:
    """User and idle jiffies of the ``cpu`` line and of the CPUs' own."""
    lines = {"cpu": whole, **cores}.items()
    return "".join(f"{name} {user} 0 0 {idle} 0 0 0 0 0 0\n" for name, (user, idle) in lines)


@pytest.mark.parametrize("jump", [-300, -100, -10, 10, 100, 10_000_000])
def test_the_whole_follows_the_cpus_when_their_sum_jumps(recorded: Recorded, jump: int) -> None:
    """As when cpu1 goes offline: what it was idle is then counted in another way."""
    before = stat((100, 1900), cpu0=(50, 950), cpu1=(50, 950))
    after = stat((125, 1975 + jump), cpu0=(75, 1025))
    _, got = sample(recorded(""), before, after)
    assert got is not None
    assert (got.user, got.idle, got.used_percent) == (25.0, 75.0, 25.0)
    assert [core.key for core in got.cores] == ["0"]


@given(
    st.lists(st.tuples(*[st.integers(0, 200)] * 4), min_size=1, max_size=8),
    st.integers(-10_000, 10_000),
)
def test_the_whole_is_what_its_cpus_are_together(
    tmp_path_factory: pytest.TempPathFactory, cpus: list[tuple[int, ...]], jump: int
) -> None:
    befores = {f"cpu{i}": (user, idle) for i, (user, idle, _, _) in enumerate(cpus)}
    afters = {f"cpu{i}": (u + du, i_ + di) for i, (u, i_, du, di) in enumerate(cpus)}
    host = RecordedHost(tmp_path_factory.mktemp("host"))
    _, got = sample(host, stat((1, 1), **befores), stat((1, 1 + jump), **afters))
    busy, idle = (sum(cpu[column] for cpu in cpus) for column in (2, 3))
    if got is not None and busy + idle:
        assert got.used_percent == pytest.approx(100 * busy / (busy + idle), abs=0.06)


def test_a_stat_of_zeros_holds_no_figures(tree: Tree) -> None:
    said = Judged(tree(case("sandbox-of-zeros")), "cpu")
    for now in range(3):
        said.read(float(now))
    assert said.status == {}
    said.read(3.0)
    assert said.status == {"cpu": "unavailable"}
    assert "nothing but zeros" in (said.reason["cpu"] or "")
    assert said.health["status"] == "healthy"


def test_figures_come_where_zeros_were(recorded: Recorded) -> None:
    host = recorded("")
    reader = CpuReader(host.host, Options())
    host.write("proc/stat", "cpu  0 0 0 0 0 0 0 0\n")
    assert reader.read(0.0) is None
    with pytest.raises(Unavailable):
        reader.read(30.0)
    host.write("proc/stat", "cpu  25 0 0 75 0 0 0 0\n")
    got = reader.read(60.0)
    assert got is not None
    assert got.user == 25.0


@pytest.mark.parametrize(
    "garbage",
    ["", "cpu", "cpu  1 2 3\n", "cpu  a b c d e f g h\n", "intr 0\n", "cpu0 1 1 1 1 1 1 1 1"],
)
def test_garbage_names_the_file(recorded: Recorded, garbage: str) -> None:
    host = recorded("")
    with pytest.raises(ValueError, match="proc/stat"):
        sample(host, garbage)


@given(st.binary() | st.lists(st.integers(), max_size=12).map(lambda n: f"cpu {n}".encode()))
def test_any_bytes_parse_or_are_a_value_error(content: bytes) -> None:
    try:
        times = _parse_stat(content, "stat")
    except ValueError:
        return
    assert all(len(t) == len(_COLUMNS) for t in times.values())


Times = st.tuples(*[st.integers()] * len(_COLUMNS))


@given(Times, Times)
def test_shares_are_percentages_of_one_whole(
    before: tuple[int, ...], after: tuple[int, ...]
) -> None:
    delta = _delta(before, after)
    if delta is None:
        assert all(a <= b for a, b in zip(after, before, strict=True))
        return
    got = _shares(delta)
    assert all(0 <= value <= 100 for value in got.values())
    assert sum(got[name] for name in _COLUMNS) == pytest.approx(100, abs=0.5)
    used = 100 - got["idle"] - got["iowait"]
    assert got["used_percent"] == pytest.approx(used, abs=0.16)


def test_agrees_with_psutil_on_this_machine() -> None:
    """Both read the jiffies since boot; ours lie between two readings of psutil's."""
    before = psutil.cpu_times()
    ours = _parse_stat(Path("/proc/stat").read_bytes(), "/proc/stat")[b"cpu"]
    after = psutil.cpu_times()
    tick = os.sysconf("SC_CLK_TCK")
    for name, jiffies in zip(_COLUMNS, ours, strict=True):
        low, high = sorted((getattr(before, name), getattr(after, name)))
        assert low - 0.1 <= jiffies / tick <= high + 0.1, name


def test_reads_this_machine() -> None:
    reader = METRIC.reader(Host(), Options())
    assert reader.read(0.0) is None
    while (got := reader.read(1.0)) is None:  # until a jiffy has passed
        pass
    assert isinstance(got, CpuUsageUpdated)
    assert 0 <= got.used_percent <= 100
