"""Disks on which nothing can be written: it is said, publishing goes on, and coverage knows."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from health_archive import list_segments, read_checkpoint
from health_archive.coverage import Epoch, covered
from health_archive.index import Index

from tests.process.conftest import lacking
from tests.process.test_records import Wire, files
from tests.running import start_collector, wait_for

pytestmark = pytest.mark.slow

CONFIG = "[record]\nsync_seconds = 1\n"


@contextmanager
def mounted(point: Path, *how: str) -> Iterator[Path]:
    """A small disk there.

    Args:
        how: arguments of mount, the last but one what.
    """
    if os.geteuid() != 0:
        lacking("only root can mount a small disk")
    point.mkdir(exist_ok=True)
    done = subprocess.run(["mount", *how, str(point)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        lacking(f"cannot mount a small disk: {done.stderr.strip()}")
    try:
        yield point
    finally:
        subprocess.run(["umount", str(point)], check=True)


def coverage(tmp_path: Path) -> list[Epoch]:
    folder = tmp_path / "data/history"
    index = Index(tmp_path / "index", folder)
    list(index.update())
    index.close()
    found = covered(tmp_path / "index", folder, 0, 10**14)
    assert found, list_segments(folder)
    return found


def free(point: Path) -> int:
    found = os.statvfs(point)
    return found.f_bavail * found.f_frsize


def leave_free(point: Path, size: int) -> None:
    ballast = point / "ballast"
    there = ballast.stat().st_size if ballast.exists() else 0
    pages = (there + free(point) - size) // 4096
    with ballast.open("ab") as file:
        file.truncate(min(there, pages * 4096))
    with ballast.open("ab") as file:
        file.write(b"\0" * (pages * 4096 - file.tell()))


def test_recording_yields_to_what_has_to_stay_free(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text(CONFIG)
    arguments = ("--config", str(config), "--interval", "0.2")
    with mounted(tmp_path / "data", "-t", "tmpfs", "-o", "size=20m", "tmpfs") as disk:
        floor = 20 << 20  # of which a twentieth
        floor //= 20
        with start_collector(tmp_path, *arguments) as collector:
            wire = Wire(collector)
            wait_for(lambda: files(tmp_path) and (disk / "black-box").exists(), timeout=30)
            leave_free(disk, floor - 100_000)
            degraded = wire.next("collector.sink.degraded", 30)["data"]
            assert "paused: " in degraded["error"]
            assert "record.free_bytes" in degraded["error"]
            size = files(tmp_path)[-1].stat().st_size
            leave_free(disk, floor + 50_000)
            for _ in range(3):
                wire.next("collector.heartbeat")
            assert files(tmp_path)[-1].stat().st_size == size, "a little more is not enough"
            leave_free(disk, floor + 400_000)
            recovered = wire.next("collector.sink.recovered", 30)["data"]
            assert recovered == {"sink": "jsonl", "lost": 0}
            wire.close()
        (epoch,) = coverage(tmp_path)
        assert [hole.cause for hole in epoch.holes] == []
        assert len(epoch.runs) == 1
        assert epoch.shutdown


def test_what_could_not_be_recorded_to_the_end_is_there_after_the_next_start(
    tmp_path: Path,
) -> None:
    config = tmp_path / "config.toml"
    config.write_text(CONFIG)
    arguments = ("--config", str(config), "--interval", "0.2")
    with mounted(tmp_path / "data", "-t", "tmpfs", "-o", "size=20m", "tmpfs") as disk:
        with start_collector(tmp_path, *arguments) as collector:
            wire = Wire(collector)
            wait_for(lambda: files(tmp_path) and (disk / "black-box").exists(), timeout=30)
            leave_free(disk, 900_000)
            wire.next("collector.sink.degraded", 30)
            assert collector.stop() == 0
            wire.close()
        (disk / "ballast").unlink()
        with start_collector(tmp_path, *arguments):
            pass
        first, _ = coverage(tmp_path)
        assert first.shutdown, "the last that it said is there"
        assert [hole.cause for hole in first.holes] == ["shutdown"]


def test_a_file_system_that_turned_read_only(tmp_path: Path) -> None:
    """As after an error of the card's: until somebody mounts another, nothing can be recorded."""
    image = tmp_path / "image"
    with image.open("wb") as file:
        file.truncate(32 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-e", "remount-ro", image], check=True, capture_output=True)
    config = tmp_path / "config.toml"
    config.write_text(CONFIG)
    with (
        mounted(tmp_path / "data", "-o", "loop", str(image)),
        start_collector(tmp_path, "--config", str(config), "--interval", "0.2") as collector,
    ):
        wire = Wire(collector)
        wait_for(lambda: files(tmp_path), timeout=30)
        device = os.stat(tmp_path / "data").st_dev
        name = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}").resolve().name
        Path(f"/sys/fs/ext4/{name}/trigger_fs_error").write_text("a test")
        degraded = wire.next("collector.sink.degraded", 30)["data"]
        assert "Read-only file system" in degraded["error"]
        first = max(event["seq"] for event in wire.heard)
        wire.next("collector.heartbeat")
        with mounted(tmp_path / "data", "-t", "tmpfs", "-o", "size=20m", "tmpfs"):
            lost = wire.next("collector.sink.recovered", 30)["data"]["lost"]
            assert lost == 0, "what was written before is on the other one"
            wire.next("collector.heartbeat")
            assert collector.request("ping")["ok"] is True
            assert collector.stop() == 0
            (epoch,) = coverage(tmp_path)
            assert epoch.shutdown
            (hole,) = epoch.holes
            assert (hole.first_seq, hole.cause) == (1, "write_failed")
            assert hole.last_seq is not None
            assert hole.last_seq < first, "what waited was recorded on the new one"
            assert "Read-only file system" in hole.detail
            begins = [read_checkpoint(line) for s in list_segments(tmp_path / "data/history")
                      for line in s.lines() if isinstance(line, bytes)]  # fmt: skip
            assert any(begins), "the state is known again"
        wire.close()
