from collections.abc import Callable

import psutil
import pytest
from health_collectord.host import Host
from health_collectord.metrics.memory import MemoryReader, MemoryUsageUpdated, _kib
from health_collectord.vocabulary import Options
from hypothesis import given
from hypothesis import strategies as st

from .conftest import RecordedHost

Recorded = Callable[[str], RecordedHost]


def sample(host: RecordedHost, **kib: int) -> MemoryUsageUpdated:
    host.write("proc/meminfo", "".join(f"{k}: {v} kB\n" for k, v in kib.items()))
    return MemoryReader(host.host, Options()).read(0.0)


def test_figures_are_bytes(recorded: Recorded) -> None:
    got = sample(recorded(""), MemTotal=1000, MemFree=100, MemAvailable=250)
    assert (got.total_bytes, got.available_bytes, got.used_percent) == (1024000, 256000, 75.0)


def test_without_memavailable_free_and_caches_stand_in(recorded: Recorded) -> None:
    """Linux before 3.14."""
    got = sample(recorded(""), MemTotal=1000, MemFree=100, Buffers=50, Cached=250)
    assert got.available_bytes == 400 << 10


def test_available_never_exceeds_the_whole(recorded: Recorded) -> None:
    got = sample(recorded(""), MemTotal=1000, MemFree=100, MemAvailable=2000)
    assert (got.available_bytes, got.used_percent) == (1000 << 10, 0.0)


def test_without_swap_its_percentage_is_null(recorded: Recorded) -> None:
    got = sample(recorded(""), MemTotal=1000, MemFree=100, SwapTotal=0, SwapFree=0)
    assert (got.swap_used_bytes, got.swap_used_percent) == (0, None)


def test_zfs_cache_is_given_apart(recorded: Recorded) -> None:
    host = recorded("")
    host.write("proc/spl/kstat/zfs/arcstats", "name type data\nhits 4 12\nsize 4 4096\n")
    assert sample(host, MemTotal=1000, MemFree=100).zfs_arc_bytes == 4096


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
def test_any_bytes_parse_or_are_a_value_error(content: bytes) -> None:
    try:
        kib = _kib(b"\nMemTotal:" + content, b"MemTotal")
    except ValueError:
        return
    assert isinstance(kib, int)


def test_agrees_with_psutil_on_this_machine() -> None:
    ours = MemoryReader(Host(), Options()).read(0.0)
    theirs = psutil.virtual_memory()
    assert ours.total_bytes == theirs.total
    assert ours.used_percent == pytest.approx(theirs.percent, abs=2)
