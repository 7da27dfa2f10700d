"""Which mounts are disks: each real file system once, whatever else mountinfo holds."""

import re

import pytest
from health_collectord.mounts import disks, idle_seconds, parse
from hypothesis import given
from hypothesis import strategies as st

ROOT = "28 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw"


def selected(*lines: str) -> list[str]:
    content = "\n".join(lines).encode()
    return [entry.point for entry in disks(parse(content, "mountinfo"))]


def test_pseudo_file_systems_and_images_are_left_out() -> None:
    assert selected(
        ROOT,
        "30 28 0:20 / /sys rw - sysfs sysfs rw",
        "31 28 0:21 / /run/credentials/x ro - tmpfs tmpfs rw,size=1024k",
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
    entries = disks(parse("\n".join(lines).encode(), "mountinfo"))
    assert [e.device for e in entries] == ["/dev/sda1", "/dev/sdc1"]


WORD = st.binary(min_size=1, max_size=8).filter(
    lambda w: not set(w) & set(b" \n\r\x0b\x0c\x1c\x1d\x1e\x85")
)


@given(st.binary() | st.lists(st.lists(WORD, max_size=12).map(b" ".join)).map(b"\n".join))
def test_any_bytes_parse_or_are_a_value_error(content: bytes) -> None:
    try:
        entries = parse(content, "mountinfo")
    except ValueError:
        return
    assert idle_seconds(entries).keys() <= {e.id for e in entries}
    assert all(e.server and e.is_local in (True, False) for e in entries)
    points = [e.point for e in disks(entries)]
    assert "/" in points
    assert len(set(points)) == len(points)
    "".join(points).encode()  # fit for JSON


def test_a_tmpfs_is_a_disk_unless_it_is_a_fitting() -> None:
    """Not what containers, pods and units have for themselves."""
    points = [
        "/run", "/tmp", "/run/user/1000", "/dev/shm", "/var/log", "/run/lock",
        "/dev", "/sys/fs/cgroup", "/proc/acpi", "/run/credentials/a.service",
        "/var/lib/docker/containers/4f/mounts/shm", "/var/lib/kubelet/pods/1/volumes/token",
    ]  # fmt: skip
    lines = [f"{40 + i} 28 0:{40 + i} / {p} rw - tmpfs t rw" for i, p in enumerate(points)]
    assert set(selected(ROOT, *lines)) == {"/", *points[:6]}
    of_podman = "40 28 0:40 / /home/u/.local/share/containers/x/shm rw - tmpfs shm rw"
    assert selected(ROOT, of_podman) == ["/"]
    assert selected(ROOT, "40 28 0:40 / /srv ro - tmpfs tmpfs ro,size=4k") == ["/"]


@pytest.mark.parametrize("odd", ["\r", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028"])
@pytest.mark.parametrize("place", ["point", "device", "root"])
def test_only_a_newline_ends_a_line(odd: str, place: str) -> None:
    """The kernel writes every other separator as it is."""
    words = {"point": "/srv/x", "device": "/dev/sdb1", "root": "/"} | {place: f"/a{odd}b"}
    line = "64 28 8:2 {root} {point} rw - ext4 {device} rw,relatime".format(**words)
    entries = disks(parse(f"{ROOT}\n{line}\n".encode(), "mountinfo"))
    assert [getattr(entries[1], place)] == [f"/a{odd}b"]
    assert len(entries) == 2


@pytest.mark.parametrize(
    "odd",
    [
        "",
        "garbage",
        "64 28 8:2 / /x rw",
        "64 28 x:y / /x rw - ext4 d rw",
        "\0\0",
        "a b c d e f - g h",
    ],
)
def test_a_line_that_cannot_be_understood_costs_its_own_row(odd: str) -> None:
    other = "65 28 8:3 / /y rw - ext4 /dev/sdc1 rw"
    assert selected(odd, ROOT, odd, other, odd) == ["/", "/y"]
    with pytest.raises(ValueError, match="mountinfo"):
        parse(odd.encode(), "mountinfo")


@pytest.mark.parametrize(
    ("line", "image"),
    [
        ("rw - squashfs /dev/loop0 ro", True),
        ("ro - erofs /dev/dm-0 ro", True),
        ("ro - iso9660 /dev/sr0 ro", True),
        ("ro - udf /dev/sr0 ro", True),
        ("rw - udf /dev/sdb1 rw", False),
        ("ro - overlay composefs ro,lowerdir+=/a,datadir+=/b", True),
        ("ro - overlay live ro,lowerdir=/a:/b", True),
        ("ro - overlay overlay ro,lowerdir=/a,upperdir=/b", False),
        ("ro - overlay overlay rw,lowerdir=/a,upperdir=/b", False),
        ("ro - composefs composefs ro", True),
        ("ro - fuse.Some-1.2.AppImage Some ro,user_id=1000", True),
        ("ro - ext4 /dev/sda1 ro", False),
        ("ro - tmpfs tmpfs ro", False),
    ],
)
def test_what_is_read_only_by_nature(line: str, image: bool) -> None:
    [root] = disks(parse(f"28 1 0:9 / / {line}\n".encode(), "mountinfo"))
    assert root.is_image == image


@pytest.mark.parametrize(
    ("line", "private"),
    [
        ("fuse.sshfs a:/b rw,user_id=4711,group_id=4711", True),
        ("fuse.rclone a rw,user_id=4711", True),
        ("fuse.sshfs a:/b rw,user_id=4711,allow_other", False),
        ("fuse.sshfs a:/b rw,user_id=0", False),
        ("fuseblk /dev/sda1 rw,user_id=0,allow_other", False),
        ("fuse.odd odd rw", False),
        ("nfs4 nas:/x rw,user_id=4711", False),
    ],
)
def test_whose_fuse_mount_it_is(line: str, private: bool) -> None:
    [mount] = parse(f"28 1 0:9 / /x rw - {line}\n".encode(), "mountinfo")
    assert mount.is_private == private


def test_files_bound_into_a_container_are_no_disks() -> None:
    bound = [
        f"{40 + i} 28 8:2 /c/{name} /etc/{name} rw - ext4 /dev/sdb2 rw"
        for i, name in enumerate(("hosts", "hostname", "resolv.conf"))
    ]
    assert selected(ROOT, *bound) == ["/"]
    folder = "50 28 8:2 /srv/data /var/lib/the/data rw - ext4 /dev/sdb2 rw"
    assert selected(ROOT, *bound, folder) == ["/", "/var/lib/the/data"]
    other = "51 28 8:2 /c/app.conf /app.conf rw - ext4 /dev/sdb2 rw"
    entries = parse("\n".join([ROOT, *bound, folder, other]).encode(), "mountinfo")
    assert [e.point for e in disks(entries)] == ["/", "/app.conf"]
    assert [e.point for e in disks(entries, no_folders={("8:2", "/app.conf")})] == [
        "/", "/var/lib/the/data",
    ]  # fmt: skip


def test_what_is_hidden_shows_the_same_elsewhere() -> None:
    lines = [ROOT, "40 28 8:2 / /a rw - ext4 d rw", "41 28 8:2 / /long rw - ext4 d rw"]
    entries = parse("\n".join(lines).encode(), "mountinfo")
    assert [e.point for e in disks(entries, re.compile("/a$"))] == ["/", "/long"]


def test_a_share_that_is_mounted_twice_is_one() -> None:
    assert selected(
        ROOT,
        "40 28 0:40 / /mnt/a rw - cifs //nas/x rw",
        "41 28 0:41 / /mnt/bb rw - cifs //nas/x rw",
        "42 28 0:42 / /mnt/c rw - cifs //nas/y rw",
        "43 28 0:43 / /srv rw - 9p host rw,trans=virtio",
    ) == ["/", "/mnt/a", "/mnt/c", "/srv"]


def test_what_an_idle_timeout_is_for() -> None:
    text = """
1 0 8:1 / / rw - ext4 d rw
2 1 0:2 / /misc rw - autofs automount rw,fd=5,timeout=300,indirect
3 2 0:3 / /misc/a rw - nfs4 nas:/a rw
4 3 0:4 / /misc/a/b rw - nfs4 nas:/b rw
5 1 0:5 / /always rw - autofs systemd-1 rw,timeout=0,direct
6 5 0:6 / /always rw - nfs4 nas:/c rw
7 2 0:7 / /misc/deep rw - autofs automount rw,timeout=60
8 7 0:8 / /misc/deep/x rw - nfs4 nas:/d rw
9 9 0:9 / /self rw - nfs4 nas:/e rw
10 11 0:10 / /m rw - nfs4 nas:/f rw
11 10 0:11 / /n rw - nfs4 nas:/g rw
"""
    assert idle_seconds(parse(text.encode(), "mountinfo")) == {"3": 300, "4": 300, "8": 60}


@pytest.mark.parametrize(
    ("line", "server"),
    [
        ("nfs4 nas:/home/1 rw", "nas"),
        ("nfs [fd00::1]:/x rw", "[fd00::1]"),
        ("cifs //nas/x rw", "nas"),
        ("fuse.sshfs me@nas:/x rw", "me@nas"),
        ("ceph a,b:/ rw", "a,b"),
        ("fuse.odd odd rw", "fuse.odd odd 0:9"),
    ],
)
def test_who_has_to_answer(line: str, server: str) -> None:
    [mount] = parse(f"28 1 0:9 / /x rw - {line}\n".encode(), "mountinfo")
    assert (mount.server, mount.is_local) == (server, False)
    for local in (
        "ext4 /dev/sda1",
        "tmpfs tmpfs",
        "btrfs /dev/sda",
        "zfs tank",
        "fuseblk /dev/sdb",
    ):
        [mount] = parse(f"28 1 0:9 / /x rw - {local} rw\n".encode(), "mountinfo")
        assert mount.is_local
