import errno
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from health_collectord.host import Host
from health_collectord.metrics.disk import (
    DiskOptions,
    DiskReader,
    DiskUsageUpdated,
    Mount,
    _statvfs,
)
from hypothesis import given
from hypothesis import strategies as st

from tests.running import wait_for

from .conftest import RecordedHost
from .silent_fuse import SilentFuse

Recorded = Callable[[str], RecordedHost]
ROOT = "28 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw"


def rows(sample: DiskUsageUpdated) -> dict[str, Mount]:
    return {row.key: row for row in sample.mounts}


def figures(
    blocks: int = 1000, bfree: int = 500, bavail: int = 400, files: int = 10, ffree: int = 5
) -> os.statvfs_result:
    # A block size of 9 stands in the place of f_bsize, which is not the unit.
    return os.statvfs_result((9, 4096, blocks, bfree, bavail, files, ffree, ffree, 0, 255))


def measure(host: RecordedHost, result: os.statvfs_result, *lines: str) -> dict[str, Mount]:
    host.write("proc/1/mountinfo", "\n".join(lines or (ROOT,)) + "\n")
    return rows(DiskReader(host.host, DiskOptions(), statvfs=lambda _: result).read(0.0))


def test_figures_as_df_has_them(recorded: Recorded) -> None:
    """What is kept for root counts neither as used nor as available."""
    row = measure(recorded(""), figures())["/"]
    assert row.total_bytes == 1000 * 4096
    assert row.used_bytes == 500 * 4096
    assert row.available_bytes == 400 * 4096
    assert row.used_percent == 55.6  # 500 / (500 + 400)
    assert row.inodes_used_percent == 50.0
    assert (row.status, row.reason, row.stuck) == ("ok", None, False)


def test_a_file_system_without_size_or_inodes_has_no_percentages(recorded: Recorded) -> None:
    row = measure(recorded(""), figures(0, 0, 0, 0, 0))["/"]
    assert (row.used_percent, row.inodes_used_percent, row.status) == (None, None, "ok")


def test_read_only_is_said_of_the_file_system_not_of_a_view(recorded: Recorded) -> None:
    """A sandboxed service sees most of the tree through read-only mounts."""
    got = measure(
        recorded(""),
        figures(),
        "28 1 8:1 / / ro,relatime shared:1 - ext4 /dev/sda1 rw",
        "29 28 8:2 / /data rw,relatime shared:1 - ext4 /dev/sdb1 ro,errors=remount-ro",
    )
    assert (got["/"].read_only, got["/data"].read_only) == (False, True)


def test_names_with_blanks_and_undecodable_bytes(recorded: Recorded) -> None:
    host = recorded("")
    host.write(
        "proc/1/mountinfo",
        b"28 1 8:1 / / rw - ext4 /dev/sda1 rw\n29 28 8:2 / /a\\040b\\134\xff rw - ext4 x rw\n",
    )
    asked = []

    def statvfs(path: str) -> os.statvfs_result:
        asked.append(os.fsencode(path))
        return figures()

    got = rows(DiskReader(host.host, DiskOptions(), statvfs=statvfs).read(0.0))
    assert list(got) == ["/", "/a b\\\\xff"]
    assert sorted(asked)[1].endswith(b"/1/root/a b\\\xff")


def test_hidden_mounts_are_not_touched(recorded: Recorded) -> None:
    host = recorded("")
    host.write("proc/1/mountinfo", f"{ROOT}\n29 28 8:2 / /mnt/x rw - ext4 /dev/sdb1 rw\n")
    asked = []

    def statvfs(path: str) -> os.statvfs_result:
        asked.append(path)
        return figures()

    reader = DiskReader(host.host, DiskOptions(hide=("/mnt/*",)), statvfs=statvfs)
    assert list(rows(reader.read(0.0))) == ["/"]
    assert len(asked) == 1


def test_a_mount_that_fails_says_why_and_the_others_go_on(recorded: Recorded) -> None:
    host = recorded("")
    host.write("proc/1/mountinfo", f"{ROOT}\n29 28 0:9 / /mnt rw - nfs a:/b rw\n")

    def statvfs(path: str) -> os.statvfs_result:
        if path.endswith("/mnt"):
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), path)
        return figures()

    got = rows(DiskReader(host.host, DiskOptions(), statvfs=statvfs).read(0.0))
    assert (got["/mnt"].status, got["/mnt"].reason) == ("failed", os.strerror(errno.ESTALE))
    assert (got["/mnt"].stuck, got["/mnt"].used_percent) == (False, None)
    assert got["/"].status == "ok"


def test_a_recorded_host_without_its_disks_says_so(recorded: Recorded) -> None:
    got = rows(DiskReader(recorded("pi4").host, DiskOptions()).read(0.0))
    assert {row.status for row in got.values()} == {"failed"}
    assert got["/"].reason == "a recorded host: its file systems are not here"
    assert got["/"].used_percent is None


def test_in_a_container_mounts_are_below_the_root_of_process_1(recorded: Recorded) -> None:
    host = recorded("")
    host.write("proc/1/mountinfo", f"{ROOT}\n29 28 8:2 / /gone rw - ext4 /dev/sdb1 rw\n")
    (host.folder / "proc/1/root").symlink_to("/")
    got = rows(DiskReader(host.host, DiskOptions()).read(0.0))
    assert got["/"].total_bytes == psutil.disk_usage("/").total
    assert got["/gone"].reason == os.strerror(errno.ENOENT)


def test_a_stuck_mount_is_asked_once_and_comes_back(recorded: Recorded) -> None:
    host = recorded("")
    host.write("proc/1/mountinfo", f"{ROOT}\n29 28 0:9 / /mnt rw - nfs a:/b rw\n")
    server, asked, answered = threading.Event(), [], threading.Event()

    def statvfs(path: str) -> os.statvfs_result:
        if path.endswith("/mnt"):
            asked.append(path)
            server.wait()
            answered.set()
        return figures()

    reader = DiskReader(host.host, DiskOptions(), statvfs=statvfs, deadline=0.05)
    for now in (0.0, 30.0, 60.0):
        got = rows(reader.read(now))
        stuck = got["/mnt"]
        assert (stuck.status, stuck.stuck, stuck.reason) == ("stuck", True, "does not answer")
        assert (stuck.total_bytes, stuck.used_percent, stuck.device) == (None, None, "a:/b")
        assert got["/"].used_percent == 55.6
    assert len(asked) == 1
    server.set()
    assert answered.wait(10)
    for thread in threading.enumerate():
        if thread.name == "statvfs /mnt":
            thread.join(10)
    assert rows(reader.read(90.0))["/mnt"].used_percent == 55.6
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("fstype", "status"),
    [("fuse.odd", "not applicable"), ("tmpfs", "not applicable"), ("ext4", "failed")],
)
def test_what_may_not_be_asked(recorded: Recorded, fstype: str, status: str) -> None:
    host = recorded("")
    host.write("proc/1/mountinfo", f"{ROOT}\n29 28 0:9 / /mnt rw - {fstype} /dev/x rw\n")

    def statvfs(path: str) -> os.statvfs_result:
        if path.endswith("/mnt"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return figures()

    row = rows(DiskReader(host.host, DiskOptions(), statvfs=statvfs).read(0.0))["/mnt"]
    assert (row.status, row.failed) == (status, status == "failed")


def test_a_file_is_no_folder_to_the_kernel_either(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        _statvfs(str(tmp_path / "file"))
    assert _statvfs(str(tmp_path)).f_blocks == os.statvfs(tmp_path).f_blocks


def test_120_dead_mounts_leave_the_root_measured(recorded: Recorded) -> None:
    host = recorded("")
    mounts = [
        f"{n} 28 0:{n} / /mnt/{n} rw - nfs4 nas{n % 40}:/{n} rw,hard" for n in range(100, 220)
    ]
    host.write("proc/1/mountinfo", "\n".join([ROOT, *mounts]))
    server, returned = threading.Event(), []

    def statvfs(path: str) -> os.statvfs_result:
        if "/mnt/" in path:
            server.wait(60)
            returned.append(path)
        return figures()

    before = threading.active_count()
    reader = DiskReader(host.host, DiskOptions(), statvfs=statvfs, deadline=1.0)
    for now in (0.0, 30.0, 60.0):
        got = rows(reader.read(now))
        assert got.pop("/").used_percent == 55.6
        assert len(got) == 120
        assert {(row.status, row.stuck) for row in got.values()} == {("stuck", True)}
        assert threading.active_count() - before <= 17
    server.set()
    wait_for(lambda: threading.active_count() <= before, "they have answered")
    assert len(returned) == 16
    assert {row.status for row in reader.read(90.0).mounts} == {"ok"}


def test_what_is_hidden_of_process_1_is_seen_of_our_own(recorded: Recorded) -> None:
    """Another host's procfs, mounted with hidepid."""
    host = recorded("")
    host.write("proc/self/mountinfo", f"{ROOT}\n")
    (host.folder / "proc/self/root").symlink_to("/")
    got = rows(DiskReader(host.host, DiskOptions()).read(0.0))
    assert got["/"].total_bytes == psutil.disk_usage("/").total


@pytest.mark.parametrize(
    "garbage", ["", "28 1 8:1 / /\n", "a b c d e f - g h\n", "no mounts today\n"]
)
def test_garbage_names_the_file(recorded: Recorded, garbage: str) -> None:
    host = recorded("")
    host.write("proc/1/mountinfo", garbage)
    with pytest.raises(ValueError, match="mountinfo"):
        DiskReader(host.host, DiskOptions()).read(0.0)


SIZE = st.integers(0, 2**63)


@given(SIZE, SIZE, SIZE, SIZE, SIZE)
def test_percentages_stay_within_0_and_100(
    tmp_path_factory: pytest.TempPathFactory,
    blocks: int,
    bfree: int,
    bavail: int,
    files: int,
    ffree: int,
) -> None:
    host = RecordedHost(tmp_path_factory.mktemp("host"))
    row = measure(host, figures(blocks, bfree, bavail, files, ffree))["/"]
    for percent in (row.used_percent, row.inodes_used_percent):
        assert percent is None or 0 <= percent <= 100


def test_agrees_with_psutil_on_this_machine() -> None:
    got = rows(DiskReader(Host(), DiskOptions()).read(0.0))
    theirs = psutil.disk_usage("/")
    assert got["/"].total_bytes == theirs.total
    assert got["/"].used_percent == pytest.approx(theirs.percent, abs=1)
    known = {os.stat(row.key).st_dev for row in got.values() if row.status == "ok"}
    for partition in psutil.disk_partitions(all=False):
        if partition.fstype not in ("squashfs", "iso9660", "erofs", "btrfs", "zfs"):
            assert os.stat(partition.mountpoint).st_dev in known, partition


@pytest.fixture
def silent_mount(tmp_path: Path) -> Iterator[SilentFuse]:
    """A real mount whose file system never answers, as a dead server's does not."""
    try:
        mount = SilentFuse(tmp_path / "silent")
    except OSError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"cannot mount FUSE here: {error}")
    with suppress(OSError):
        yield mount
    mount.close()


def test_a_mount_that_never_answers_holds_nobody_up(silent_mount: SilentFuse) -> None:
    reader = DiskReader(Host(), DiskOptions(), deadline=0.2)
    point = str(silent_mount.point)
    for now in (0.0, 30.0):
        got = rows(reader.read(now))
        assert got[point].status == "stuck"
        assert got[point].used_percent is None
        assert got["/"].status == "ok"
    (probe,) = (t for t in threading.enumerate() if t.name == f"statvfs {point}")
    silent_mount.close()
    probe.join(10)
    assert not probe.is_alive()
    assert point not in rows(reader.read(60.0))
