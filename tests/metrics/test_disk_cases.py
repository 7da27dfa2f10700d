"""Whole hosts whose disks are odd, each with what is right to say of it."""

import errno
import os
import threading
from collections.abc import Callable

import pytest
from health_collectord.metrics.disk import DiskOptions, DiskReader

from .conftest import RecordedHost
from .test_disk import figures, rows
from .trees import case
from .verdict import Judged, judged

Tree = Callable[[str], RecordedHost]


def test_a_lazy_mount_is_asked_so_rarely_that_it_expires(tree: Tree) -> None:
    """Being asked is what keeps it mounted."""
    host = tree(case("automounted"))
    asked: list[tuple[float, str]] = []

    def statvfs(path: str) -> os.statvfs_result:
        asked.append((now, path.rpartition("/mnt/")[2]))
        return host.statvfs(path)

    reader = DiskReader(host.host, DiskOptions(), statvfs=statvfs)
    reasons = {}
    for tick in range(41):
        now = 30.0 * tick
        got = rows(reader.read(now))
        assert got["/mnt/nas"].used_percent == got["/mnt/nas/inner"].used_percent == 50.0
        reasons[now] = got["/mnt/nas"].reason
    assert [at for at, name in asked if name == "nas"] == [0.0, 600.0, 1200.0]
    assert [at for at, name in asked if name == "nas/inner"] == [0.0, 600.0, 1200.0]
    assert len([at for at, name in asked if name == "always"]) == 41
    assert reasons[0.0] is None
    assert reasons[330.0] == "automounted, so asked rarely: 330 s ago"
    assert rows(reader.read(1230.0))["/mnt/always"].reason is None


def test_a_lazy_mount_that_could_not_be_asked_is_asked_the_next_time(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    host = tree(case("automounted"))
    reader = DiskReader(host.host, DiskOptions(), statvfs=host.statvfs)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        assert {row.status for row in reader.read(0.0).mounts} == {"stuck"}
    assert {row.status for row in reader.read(30.0).mounts} == {"ok"}


def test_another_users_private_mount_is_not_asked(tree: Tree) -> None:
    host = tree(case("mount-with-escapes"))
    asked = []

    def statvfs(path: str) -> os.statvfs_result:
        asked.append(path)
        return figures()

    got = DiskReader(host.host, DiskOptions(), statvfs=statvfs).read(0.0).mounts
    assert len(asked) == 1
    assert got[1].key == "/home/u/x\n\x1b[2J\x1b[H\x1b]0;FORGED\x07Healthy: all checks passed"
    assert (got[1].status, got[1].reason) == ("not applicable", "another user's private mount")
    assert (got[1].failed, got[1].stuck) == (False, False)
    assert judged(host, "disk").problems == []


def test_a_container_has_no_disks_of_files(tree: Tree) -> None:
    """Known by their names, and others once they have been looked at."""
    host = tree(case("container-with-bound-files"))
    reader = DiskReader(host.host, DiskOptions(), statvfs=host.statvfs)
    assert list(rows(reader.read(0.0))) == ["/", "/dev/shm"]
    with (host.folder / "proc/1/mountinfo").open("a") as file:
        file.write("630 612 8:2 /c/app.conf /app.conf rw - ext4 /dev/sda2 rw\n")
        file.write("631 612 8:2 /srv/data /var/data rw - ext4 /dev/sda2 rw\n")
    asked = []

    def statvfs(path: str) -> os.statvfs_result:
        asked.append(path)
        if path.endswith("/app.conf"):
            raise NotADirectoryError(errno.ENOTDIR, "Not a directory", path)
        return figures()

    reader = DiskReader(host.host, DiskOptions(), statvfs=statvfs)
    for _ in range(2):
        assert list(rows(reader.read(0.0))) == ["/", "/dev/shm", "/var/data"]
    assert len([path for path in asked if path.endswith("/app.conf")]) == 1


def test_windows_disks_are_each_listed_once(tree: Tree) -> None:
    got = DiskReader(tree(case("wsl")).host, DiskOptions(), statvfs=lambda _: figures()).read(0.0)
    assert list(rows(got)) == ["/", "/mnt/c", "/mnt/d", "/mnt/wsl"]


def test_an_odd_mount_point_leaves_the_others_measured(tree: Tree) -> None:
    said = judged(tree(case("carriage-return-in-mount")), "disk")
    assert (said.health["status"], said.status) == ("healthy", {"disk": "ok"})
    host = tree(case("carriage-return-in-mount"))
    got = rows(DiskReader(host.host, DiskOptions(), statvfs=host.statvfs).read(0.0))
    assert list(got) == ["/", "/srv/data", "/srv/foo\rbar"]
    assert got["/srv/foo\rbar"].used_percent == 50.0


def test_images_are_full_by_nature_and_no_problem(tree: Tree) -> None:
    said = judged(tree(case("composefs-root")), "disk")
    assert (said.health["status"], said.problems) == ("healthy", [])
    host = tree(case("composefs-root"))
    root = rows(DiskReader(host.host, DiskOptions(), statvfs=host.statvfs).read(0.0))["/"]
    assert (root.read_only, root.status, root.reason) == (True, "read-only", "read-only by nature")
    assert (root.used_percent, root.total_bytes) == (None, 10_240_000)


@pytest.mark.parametrize("name", ["root-turned-read-only", "ext4-emergency-ro"])
def test_a_root_that_stopped_being_written_is_critical(tree: Tree, name: str) -> None:
    host = tree(case(name))
    assert judged(host, "disk").problems == [("disk", "/", "turned_read_only", "critical")]
    root = rows(DiskReader(host.host, DiskOptions(), statvfs=host.statvfs).read(0.0))["/"]
    assert (root.read_only, root.status, root.reason) == (True, "read-only", "turned read-only")


def test_it_turns_while_it_is_watched(tree: Tree) -> None:
    """And back: whoever mounts it anew has dealt with it."""
    host = tree(case("quiet-host"))
    said = Judged(host, "disk").read(0.0)
    quiet = (host.folder / "proc/1/mountinfo").read_text()
    for text, problems in (
        (quiet, []),
        (quiet.replace("rw", "ro"), [("disk", "/", "turned_read_only", "critical")]),
        (quiet.replace("p2 rw", "p2 ro"), [("disk", "/", "turned_read_only", "critical")]),
        (quiet, []),
    ):
        host.write("proc/1/mountinfo", text)
        assert said.read(30.0).problems == problems
