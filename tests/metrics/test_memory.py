from collections.abc import Callable

import psutil
import pytest
from health_collectord.host import Host
from health_collectord.metrics.memory import MemoryReader, MemoryUsageUpdated, _kib
from health_collectord.vocabulary import Options
from hypothesis import given
from hypothesis import strategies as st

from .conftest import RecordedHost
from .trees import case
from .verdict import judged

Recorded = Callable[[str], RecordedHost]
Tree = Callable[[str], RecordedHost]


def sample(host: RecordedHost, **kib: object) -> MemoryUsageUpdated:
    host.write("proc/meminfo", "".join(f"{k}: {v} kB\n" for k, v in kib.items()))
    return MemoryReader(host.host, Options()).read(0.0)


def test_figures_are_bytes(recorded: Recorded) -> None:
    got = sample(recorded(""), MemTotal=1000, MemFree=100, MemAvailable=250)
    assert (got.total_bytes, got.available_bytes, got.used_percent) == (1024000, 256000, 75.0)


@pytest.mark.parametrize("says_nothing", [None, 0, 1001, 2**40, "", "lots"])
def test_a_memavailable_that_says_nothing_is_memfree_as_in_procps(
    recorded: Recorded, says_nothing: int | str | None
) -> None:
    """Before Linux 3.14, and in containers of several kinds."""
    told = {} if says_nothing is None else {"MemAvailable": says_nothing}
    got = sample(recorded(""), MemTotal=1000, MemFree=100, Buffers=50, Cached=250, **told)
    assert (got.available_bytes, got.used_percent) == (100 << 10, 90.0)


def test_available_never_exceeds_the_whole(recorded: Recorded) -> None:
    got = sample(recorded(""), MemTotal=1000, MemFree=2000, MemAvailable=2000)
    assert (got.available_bytes, got.used_percent) == (1000 << 10, 0.0)


def test_without_swap_its_percentage_is_null(recorded: Recorded) -> None:
    got = sample(recorded(""), MemTotal=1000, MemFree=100, SwapTotal=0, SwapFree=0)
    assert (got.swap_used_bytes, got.swap_used_percent) == (0, None)


ARCSTATS = "proc/spl/kstat/zfs/arcstats"


def arcstats(size: object, least: object) -> str:
    return f"9 1 0x01 3 816 7 8\nname type data\nhits 4 12\nc_min 4 {least}\nsize 4 {size}\n"


def test_what_zfs_gives_back_is_available(tree: Tree) -> None:
    said = judged(host := tree(case("zfs-cache")), "memory")
    got = MemoryReader(host.host, Options()).read(0.0)
    assert (got.used_percent, got.zfs_arc_bytes) == (13.8, 58_000_000_000)
    assert said.health["status"] == "healthy"


def test_zfs_keeps_its_least_size(recorded: Recorded) -> None:
    host = recorded("")
    for size, least, available in (
        (500 << 10, 200 << 10, 600),  # of 500, all but 200
        (500 << 10, 500 << 10, 300),
        (500 << 10, 600 << 10, 300),  # below its least size there is nothing to give
    ):
        host.write(ARCSTATS, arcstats(size, least))
        got = sample(host, MemTotal=1000, MemFree=100, MemAvailable=300)
        assert (got.available_bytes, got.zfs_arc_bytes) == (available << 10, size)


def test_a_cache_larger_than_what_is_in_use_is_another_machines(recorded: Recorded) -> None:
    """A container sees the arcstats of its host."""
    host = recorded("")
    host.write(ARCSTATS, arcstats(901 << 10, 0))
    got = sample(host, MemTotal=1000, MemFree=100, MemAvailable=300)
    assert (got.available_bytes, got.zfs_arc_bytes) == (300 << 10, None)


@pytest.mark.parametrize(
    "garbage",
    [
        "",
        "name type data\nsize 4\n",
        "name type data\nsize\n",
        "size 4 4096\n",  # no head: not arcstats
        arcstats("x", 0),
        arcstats(-1, 0),
        arcstats("4096 1", 0),
        "\nsize 4 \xff\n",
    ],
)
def test_garbled_arcstats_cost_their_own_figure(recorded: Recorded, garbage: str) -> None:
    host = recorded("")
    host.write(ARCSTATS, garbage)
    got = sample(host, MemTotal=1000, MemFree=100, MemAvailable=300)
    assert (got.available_bytes, got.zfs_arc_bytes) == (300 << 10, None)


def test_a_cache_of_unknown_least_size_gives_nothing_back(recorded: Recorded) -> None:
    host = recorded("")
    host.write(ARCSTATS, arcstats(4096, "none"))
    got = sample(host, MemTotal=1000, MemFree=100, MemAvailable=300)
    assert (got.available_bytes, got.zfs_arc_bytes) == (300 << 10, 4096)


def test_the_zfs_module_comes_and_goes(recorded: Recorded) -> None:
    host = recorded("")
    host.write("proc/meminfo", "MemTotal: 1000 kB\nMemFree: 100 kB\n")
    reader = MemoryReader(host.host, Options())
    seen = []
    for now in (0.0, 1.0, 30.0, 31.0, 32.0, 33.0):
        if now == 1.0:
            host.write(ARCSTATS, arcstats(4096, 0))
        if now == 32.0:
            (host.folder / ARCSTATS).unlink()
        seen.append(reader.read(now).zfs_arc_bytes)
    assert seen == [None, None, 4096, 4096, None, None]  # it is looked for each half minute


def test_arcstats_that_cannot_be_read_cost_their_own_figure(recorded: Recorded) -> None:
    host = recorded("")
    (host.folder / ARCSTATS).mkdir(parents=True)
    assert sample(host, MemTotal=1000, MemFree=100).zfs_arc_bytes is None


def test_static_huge_pages_are_told_apart(tree: Tree) -> None:
    said = judged(host := tree(case("static-huge-pages")), "memory")
    got = MemoryReader(host.host, Options()).read(0.0)
    assert (got.hugepages_bytes, got.used_percent) == (115_343_360 << 10, 49.1)
    assert said.health["status"] == "healthy"


@pytest.mark.parametrize(
    ("lines", "huge", "used"),
    [
        ({"HugePages_Total": 2, "Hugepagesize": 250}, None, 70.0),  # no number of pages: in kB
        ({"Hugetlb": 500}, 500, 40.0),  # 200 of the other 500 kB
        ({"Hugetlb": 500, "HugePages_Total": 1, "Hugepagesize": 1}, 500, 40.0),  # all sizes
        ({"Hugetlb": 0}, None, 70.0),
        ({"Hugetlb": 901}, None, 70.0),  # another machine's: more than is in use
        ({"Hugetlb": "x"}, None, 70.0),
    ],
)
def test_programs_have_what_huge_pages_leave(
    recorded: Recorded, lines: dict[str, int], huge: int | None, used: float
) -> None:
    got = sample(recorded(""), MemTotal=1000, MemFree=100, MemAvailable=300, **lines)
    assert got.hugepages_bytes == (huge and huge << 10)
    assert got.used_percent == used


def test_huge_pages_before_linux_said_what_they_are_together(recorded: Recorded) -> None:
    host = recorded("")
    host.write(
        "proc/meminfo",
        "MemTotal: 1000 kB\nMemFree: 100 kB\nMemAvailable: 300 kB\n"
        "HugePages_Total:     250\nHugePages_Free:      250\nHugepagesize:       2 kB\n",
    )
    got = MemoryReader(host.host, Options()).read(0.0)
    assert (got.hugepages_bytes, got.used_percent) == (500 << 10, 40.0)


def test_a_garbled_line_costs_its_own_figure(recorded: Recorded) -> None:
    host = recorded("")
    host.write(
        "proc/meminfo",
        "MemTotal: 1000 kB\nMemFree: 100 kB\nBuffers: x kB\nCached:\nSwapTotal: 5\n",
    )
    got = MemoryReader(host.host, Options()).read(0.0)
    assert (got.buffers_bytes, got.cached_bytes, got.swap_total_bytes) == (None, None, None)
    assert (got.swap_used_bytes, got.swap_used_percent, got.used_percent) == (None, None, 90.0)


def test_a_name_that_ends_another_is_not_taken_for_it(recorded: Recorded) -> None:
    got = sample(recorded(""), MemTotal=1000, MemFree=0, SwapCached=5, Cached=3, SReclaimable=4)
    assert got.cached_bytes == 7 << 10


@pytest.mark.parametrize(
    "content",
    [
        "",
        "MemTotal: x kB\n",
        "MemTotal:\n",
        "MemTotal: 0 kB\n",
        "MemTotal: 1\nMemFree: 1 kB\n",
        "MemTotal: 1 kB\nMemFree: 1",
        "MemTotal: 1 kB\nSwapFree: 1 kB\n",
    ],
)
def test_garbage_is_a_value_error(recorded: Recorded, content: str) -> None:
    host = recorded("")
    host.write("proc/meminfo", content)
    with pytest.raises(ValueError, match="meminfo"):
        MemoryReader(host.host, Options()).read(0.0)


@given(st.binary())
def test_any_bytes_are_a_number_or_none(content: bytes) -> None:
    kib = _kib(b"\nMemTotal:" + content, b"\nMemTotal:")
    assert kib is None or kib >= 0


NAMES = ("MemTotal", "MemFree", "MemAvailable", "Buffers", "Cached", "SReclaimable", "SwapTotal",
         "SwapFree", "HugePages_Total", "Hugepagesize", "Hugetlb")  # fmt: skip
ODD = st.integers(-1, 1 << 40) | st.sampled_from(["", "x", "1 kB 2", "\r"])


@given(
    st.dictionaries(st.sampled_from(NAMES), st.integers(0, 4000) | ODD),
    st.none() | st.tuples(st.integers(0, 1 << 50) | ODD, st.integers(0, 1 << 50) | ODD),
)
def test_whatever_meminfo_says_the_figures_agree(
    tmp_path_factory: pytest.TempPathFactory, kib: dict[str, object], arc: object
) -> None:
    host = RecordedHost(tmp_path_factory.mktemp("host"))
    if isinstance(arc, tuple):
        host.write(ARCSTATS, arcstats(*arc))
    try:
        got = sample(host, **kib)
    except ValueError:
        assert "MemTotal" not in kib or "MemFree" not in kib or not kib["MemTotal"] or any(
            not isinstance(kib[name], int) or kib[name] == -1 for name in ("MemTotal", "MemFree")
        )  # fmt: skip
        return
    assert 0 <= got.available_bytes <= got.total_bytes
    assert 0 <= got.used_percent <= 100
    assert got.hugepages_bytes is None or 0 < got.hugepages_bytes <= got.total_bytes
    assert got.swap_used_percent is None or 0 <= got.swap_used_percent <= 100
    assert got.zfs_arc_bytes is None or 0 <= got.zfs_arc_bytes <= got.total_bytes


def test_agrees_with_psutil_on_this_machine() -> None:
    ours = MemoryReader(Host(), Options()).read(0.0)
    theirs = psutil.virtual_memory()
    assert ours.total_bytes == theirs.total
    assert ours.used_percent == pytest.approx(theirs.percent, abs=2)
