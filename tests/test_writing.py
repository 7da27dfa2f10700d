"""What stopped being written is told from what was never meant to be."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from health_collectord.host import Host
from health_collectord.mounts import disks, parse
from health_collectord.writing import Writing, Written

from tests.running import wait_for

BOOT = 1_767_261_600


class Watched:
    """A host whose `/` is what the test says, looked at again and again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.write("proc/stat", f"cpu 1 2 3 4\nbtime {BOOT}\n")
        self.writing = Writing(Host(str(folder / "proc"), str(folder / "sys")))

    def write(self, path: str, content: str) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)

    def errors(self, count: int | str, last: int | None = None, name: str = "mmcblk0p2") -> None:
        self.write(f"sys/fs/ext4/{name}/errors_count", f"{count}\n")
        if last is not None:
            self.write(f"sys/fs/ext4/{name}/last_error_time", f"{last}\n")

    def __call__(self, line: str, number: str = "179:2") -> Written:
        [root] = disks(parse(f"28 1 {number} / / {line}\n".encode(), "mountinfo"))
        found = self.writing.judge(root)
        self.writing.forget_all_but([root])
        return found


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(tmp_path)


@pytest.mark.parametrize(
    ("line", "turned"),
    [
        ("rw,noatime - ext4 /dev/mmcblk0p2 rw", False),
        # Somebody meant it so.
        ("ro,noatime - ext4 /dev/mmcblk0p2 ro", False),
        ("ro,noatime - vfat /dev/mmcblk0p1 ro,errors=remount-ro", False),
        ("ro - xfs /dev/sda1 ro", False),
        ("ro - btrfs /dev/sda1 ro", False),
        ("ro - squashfs /dev/mmcblk0p2 ro", False),
        # A view of it, such as a sandboxed service has.
        ("ro,noatime - ext4 /dev/mmcblk0p2 rw", False),
        # The kernel did it: nobody mounts the one read-only and not the other.
        ("rw,noatime - ext4 /dev/mmcblk0p2 ro", True),
        ("rw - vfat /dev/mmcblk0p1 ro,errors=remount-ro", True),
        ("rw - exfat /dev/sda1 ro", True),
        # It was to be written, by whoever asked for this.
        ("ro,noatime - ext4 /dev/mmcblk0p2 ro,errors=remount-ro", True),
        ("rw,relatime - ext4 /dev/sda1 rw,errors=remount-ro,emergency_ro", True),
        ("rw,relatime - ext4 /dev/sda1 rw,shutdown", True),
        ("ro,relatime - ext4 /dev/sda1 ro,emergency_ro", True),
    ],
)
def test_at_first_sight(watched: Watched, line: str, turned: bool) -> None:
    found = watched(line)
    assert found.turned_read_only == turned
    assert found.read_only == (turned or line.endswith(" ro") or " ro," in line)
    assert not found.new_errors


def test_a_data_set_that_is_set_read_only_is_meant_so(watched: Watched) -> None:
    """ZFS sets the file system read-only and not its mount."""
    assert not watched("rw - zfs tank ro", "0:50").turned_read_only


def test_fstab_says_what_was_meant(watched: Watched) -> None:
    line = "ro,noatime - ext4 /dev/mmcblk0p2 ro,errors=remount-ro"
    fstab = "# <file system>\nPARTUUID=1-02 / ext4 noatime,errors=remount-ro{} 0 1\n"
    watched.write("proc/1/root/etc/fstab", fstab.format(""))
    assert watched(line).turned_read_only
    other = Watched(watched.folder)
    other.write("proc/1/root/etc/fstab", fstab.format(",ro"))
    assert not other(line).turned_read_only


RW = "rw,noatime - {} /dev/sda1 rw"
RO = "ro,noatime - {} /dev/sda1 ro"


@pytest.mark.parametrize("fstype", ["ext4", "vfat", "xfs", "f2fs", "btrfs", "exfat", "overlay"])
def test_turned_while_it_was_watched(watched: Watched, fstype: str) -> None:
    rw, ro = RW.format(fstype), RO.format(fstype)
    if fstype == "overlay":
        rw, ro = f"{rw},upperdir=/u", f"{ro},upperdir=/u"
    assert not watched(rw).turned_read_only
    assert watched(ro).turned_read_only
    assert watched(ro).status == "read-only"
    assert not watched(rw).turned_read_only


def test_written_for_a_while_and_then_as_it_was(watched: Watched) -> None:
    """A read-only system that was upgraded."""
    for line in (RO, RW, RO):
        assert not watched(line.format("ext4")).turned_read_only


def test_another_drive_in_its_place_begins_anew(watched: Watched) -> None:
    assert not watched(RW.format("ext4")).turned_read_only
    assert not watched("ro - ext4 /dev/sdb1 ro", "8:17").turned_read_only
    assert not watched(RO.format("ext4")).turned_read_only


def test_a_read_only_device_is_always_full(watched: Watched) -> None:
    """A verified image of ext4; not a stick that turned so."""
    watched.write("sys/dev/block/179:2/ro", "1\n")
    assert watched("ro - ext4 /dev/dm-0 ro").by_nature
    assert not watched(RW.format("ext4")).by_nature
    assert watched(RO.format("ext4")).turned_read_only


PLAIN = "rw,noatime - ext4 /dev/mmcblk0p2 rw"
STOPS = "rw,noatime - ext4 /dev/mmcblk0p2 rw,errors=remount-ro"


def test_errors_count_as_they_rise(watched: Watched) -> None:
    watched.errors(3, BOOT - 5)
    assert watched(PLAIN) == Written(read_only=False, errors=3)
    watched.errors(4, BOOT + 5)
    found = watched(PLAIN)
    assert (found.new_errors, found.errors, found.status) == (True, 4, "errors")
    assert watched(PLAIN).new_errors  # until fsck
    watched.errors(0)
    assert not watched(PLAIN).new_errors
    watched.errors(1)
    assert watched(PLAIN).new_errors


@pytest.mark.parametrize(("last", "new"), [(BOOT + 9, True), (BOOT - 9, False), (None, True)])
def test_errors_of_this_boot_are_news(watched: Watched, last: int | None, new: bool) -> None:
    watched.errors(2, last)
    assert watched(PLAIN).new_errors == new


def test_between_6_12_and_6_15_only_the_count_tells(watched: Watched) -> None:
    watched.errors(0)
    assert watched(STOPS) == Written(read_only=False, errors=0)
    watched.errors(1, BOOT + 60)
    found = watched(STOPS)
    assert (found.read_only, found.turned_read_only, found.new_errors) == (True, True, False)


def test_read_only_without_errors_was_meant_so(watched: Watched) -> None:
    line = "ro,noatime - ext4 /dev/mmcblk0p2 ro,errors=remount-ro"
    watched.errors(0)
    assert not watched(line).turned_read_only
    other = Watched(watched.folder)
    other.errors(1, BOOT + 60)
    assert other(line).turned_read_only


def test_the_kernels_name_of_the_device(watched: Watched) -> None:
    link = watched.folder / "sys/dev/block/253:0"
    link.parent.mkdir(parents=True)
    link.symlink_to("../../devices/virtual/block/dm-0")
    watched.errors(5, BOOT - 1, name="dm-0")
    assert watched("rw - ext4 /dev/mapper/vg-root rw", "253:0").errors == 5


@pytest.mark.parametrize("garbage", ["", "many", "-"])
def test_a_count_of_garbage_is_none(watched: Watched, garbage: str) -> None:
    watched.errors(garbage)
    assert watched(PLAIN) == Written(read_only=False)


@pytest.fixture
def loop(tmp_path: Path) -> Iterator[Path]:
    """A real ext4 that stops being written at its first error."""
    image, point = tmp_path / "image", tmp_path / "point"
    point.mkdir()
    try:
        with image.open("wb") as file:
            file.truncate(4 << 20)
        subprocess.run(["mkfs.ext4", "-q", image], check=True, capture_output=True)
        subprocess.run(
            ["mount", "-o", "loop,errors=remount-ro", image, point], check=True, capture_output=True
        )
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"cannot mount ext4 here: {error}")
    yield point
    subprocess.run(["umount", point], check=True)


def test_a_real_error(loop: Path) -> None:
    """Whatever way this kernel says it."""
    writing = Writing(Host())

    def judge() -> Written:
        content = Path("/proc/self/mountinfo").read_bytes()
        [mounted] = [m for m in parse(content, "mountinfo") if m.point == str(loop)]
        return writing.judge(mounted)

    assert judge() == Written(read_only=False, errors=0)
    name = os.path.basename(os.path.realpath(f"/sys/dev/block/{_number(loop)}"))
    Path(f"/sys/fs/ext4/{name}/trigger_fs_error").write_text("a test\n")
    wait_for(lambda: judge().turned_read_only, "the error is known")
    assert judge().read_only
    assert Writing(Host()).judge(_mounted(loop)).turned_read_only  # after a restart, too


def _number(point: Path) -> str:
    device = os.stat(point).st_dev
    return f"{os.major(device)}:{os.minor(device)}"


def _mounted(point: Path):  # type: ignore[no-untyped-def]
    content = Path("/proc/self/mountinfo").read_bytes()
    return next(m for m in parse(content, "mountinfo") if m.point == str(point))
