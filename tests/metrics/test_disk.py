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
    _parse_mountinfo,
    _select,
)
from hypothesis import given
from hypothesis import strategies as st

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


def selected(*lines: str) -> list[str]:
    content = "\n".join(lines).encode()
    return [entry.point for entry in _select(_parse_mountinfo(content, "mountinfo"))]


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


def test_pseudo_file_systems_and_images_are_left_out() -> None:
    assert selected(
        ROOT,
        "30 28 0:20 / /sys rw - sysfs sysfs rw",
        "31 28 0:21 / /run rw - tmpfs tmpfs rw",
        "32 28 0:5 / /dev rw - devtmpfs /dev rw",
        "33 28 0:30 / /var/lib/docker/overlay2/x/merged rw - overlay overlay rw",
        "34 28 7:0 / /snap/core/1 ro - squashfs /dev/loop0 ro",
        "35 28 11:0 / /media/cd ro - iso9660 /dev/sr0 ro",
        "36 28 0:40 / /run/user/1/doc rw - fuse.portal portal rw",
        "37 28 0:41 / /net rw - autofs systemd-1 rw",
    ) == ["/"]


def test_network_and_fuse_file_systems_count() -> None:
    assert selected(
        ROOT,
        "30 28 0:60 / /mnt/nfs rw - nfs4 server:/x rw",
        "31 28 0:61 / /mnt/cifs rw - cifs //server/x rw",
        "32 28 0:62 / /mnt/ssh rw - fuse.sshfs me@server: rw",
        "33 28 0:63 / /tank rw - zfs tank rw",
        "34 28 8:17 / /mnt/ntfs rw - fuseblk /dev/sdb1 rw",
    ) == ["/", "/mnt/cifs", "/mnt/nfs", "/mnt/ntfs", "/mnt/ssh", "/tank"]


@pytest.mark.parametrize(
    ("mounts", "kept"),
    [
        (["/@home /home", "/@ /", "/@var /var"], "/"),  # btrfs subvolumes
        (["/sub /x", "/ /srv/data"], "/srv/data"),  # a bind mount of a part
        (["/ /mnt/long", "/ /mnt/b", "/ /mnt/a"], "/mnt/a"),
    ],
)
def test_each_device_once(mounts: list[str], kept: str) -> None:
    lines = [f"{40 + i} 1 0:50 {m} rw - btrfs /dev/sdb rw" for i, m in enumerate(mounts)]
    root = [] if kept == "/" else [ROOT]
    assert kept in selected(*root, *lines)
    assert len(selected(*root, *lines)) == len(root) + 1


def test_root_is_always_there() -> None:
    overlay = "20 1 0:99 / / rw - overlay overlay rw"
    assert selected(overlay) == ["/"]
    assert selected("30 28 0:20 / /sys rw - sysfs sysfs rw") == ["/"]  # in a chroot


def test_a_mount_over_another_hides_it() -> None:
    lines = (
        ROOT,
        "30 28 8:2 / /data rw - ext4 /dev/sdb1 rw",
        "31 30 8:3 / /data rw - xfs /dev/sdc1 rw",
    )
    entries = _select(_parse_mountinfo("\n".join(lines).encode(), "mountinfo"))
    assert [e.device for e in entries] == ["/dev/sda1", "/dev/sdc1"]


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
    "garbage", ["", "28 1 8:1 / /\n", "a b c d e f - g h\n", "no mounts today\n"]
)
def test_garbage_names_the_file(recorded: Recorded, garbage: str) -> None:
    host = recorded("")
    host.write("proc/1/mountinfo", garbage)
    with pytest.raises(ValueError, match="mountinfo"):
        DiskReader(host.host, DiskOptions()).read(0.0)


WORD = st.binary(min_size=1, max_size=8).filter(
    lambda w: not set(w) & set(b" \n\r\x0b\x0c\x1c\x1d\x1e\x85")
)


@given(st.binary() | st.lists(st.lists(WORD, max_size=12).map(b" ".join)).map(b"\n".join))
def test_any_bytes_parse_or_are_a_value_error(content: bytes) -> None:
    try:
        entries = _parse_mountinfo(content, "mountinfo")
    except ValueError:
        return
    points = [e.point for e in _select(entries)]
    assert "/" in points
    assert len(set(points)) == len(points)
    "".join(points).encode()  # fit for JSON


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
