"""The records on disk: whole lines, whatever happens to the process or the disk."""

import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq

from tests.process.conftest import lacking
from tests.running import Running, records, start_collector, wait_for


def files(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "data/history").glob("*/*.jsonl"))


def events(lines: list[bytes]) -> list[dict[str, Any]]:
    """The events in lines, without what the record says of itself."""
    return [record for line in lines if "seq" in (record := json.loads(line))]


def test_kill_9_leaves_whole_lines_and_the_next_start_goes_on_beside_it(tmp_path: Path) -> None:
    with start_collector(tmp_path, "--interval", "0.1") as collector:
        wait_for(lambda: any(f.stat().st_size > 20_000 for f in files(tmp_path)))
        collector.send(signal.SIGKILL)
        assert collector.wait() == -signal.SIGKILL
    [killed] = files(tmp_path)
    before = killed.read_bytes()
    *lines, last = before.split(b"\n")
    first_epoch = [event["seq"] for event in events(lines)]
    assert first_epoch == list(range(1, len(lines))), "behind a checkpoint"
    assert len(lines) > 20
    assert last == b"" or not last.endswith(b"}")
    with start_collector(tmp_path, "--interval", "0.1") as collector:
        wait_for(lambda: len(files(tmp_path)) > 1)
    assert killed.read_bytes() == before
    [_, second] = files(tmp_path)
    log = events(second.read_bytes().splitlines())
    assert [record["seq"] for record in log] == list(range(1, len(log) + 1))
    assert log[-1]["name"] == "runtime.shutdown"


def test_segments_begin_on_the_second_that_their_name_says(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text("segment_seconds = 1\n")
    with start_collector(tmp_path, "--config", str(config), "--interval", "0.25"):
        wait_for(lambda: len(files(tmp_path)) >= 4)
    log = records(tmp_path / "data")
    assert [record["seq"] for record in log] == list(range(1, len(log) + 1))
    for number, file in enumerate(files(tmp_path)):
        assert re.fullmatch(r"\d{4}-\d\d-\d\d/\d\d-\d\d-\d\d\.jsonl", "/".join(file.parts[-2:]))
        times = [event["time"] for event in events(file.read_bytes().splitlines())]
        seconds = {time[:19] for time in times}
        assert len(seconds) == 1, f"{file} holds more than its second"
        named = f"{file.parent.name}T{file.stem.replace('-', ':')}"
        assert seconds == {named} or number > 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A tmpfs of half a megabyte as the data directory."""
    if os.geteuid() != 0:
        lacking("only root can mount a small disk")
    disk = tmp_path / "data"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(disk)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if mounted.returncode != 0:
        lacking(f"cannot mount a small disk: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def fill(file: Path) -> None:
    """Writes until the disk is full."""
    with file.open("wb", buffering=0) as opened:
        while True:
            opened.write(b"\0" * 4096)


class Wire:
    """What is heard on the wire, from now on."""

    def __init__(self, collector: Running) -> None:
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.SUB)
        self._socket.linger = 0
        self._socket.subscribe(b"")
        self._socket.connect(collector.events)
        self.heard: list[dict[str, Any]] = []

    def close(self) -> None:
        self._socket.close()
        self._context.term()

    def next(self, name: str, timeout: float = 15.0) -> dict[str, Any]:
        def arrived() -> dict[str, Any] | None:
            while self._socket.poll(20):
                event = json.loads(self._socket.recv_multipart()[1])
                self.heard.append(event)
                if event["name"] == name:
                    return event
            return None

        found = wait_for(arrived, f"no {name}", timeout)
        assert isinstance(found, dict)
        return found


def test_a_full_disk_is_said_and_survived(tmp_path: Path, small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    with start_collector(tmp_path, "--interval", "0.1") as collector:
        wire = Wire(collector)
        wire.next("collector.heartbeat")
        with pytest.raises(OSError, match="No space left on device"):
            fill(ballast)
        degraded = wire.next("collector.sink.degraded")["data"]
        assert degraded["sink"] == "jsonl"
        assert "No space left on device" in degraded["error"]
        assert str(small_disk) in degraded["error"]
        wire.next("collector.heartbeat")  # it goes on publishing
        assert collector.request("ping")["ok"] is True
        for file in files(tmp_path):
            assert file.read_bytes().endswith(b"\n"), "a line cut short was left"
        ballast.unlink()
        recovered = wire.next("collector.sink.recovered")["data"]
        assert recovered == {"sink": "jsonl", "lost": 0}
        wire.next("collector.heartbeat")
        seqs = [event["seq"] for event in wire.heard]
        assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))
        wire.close()
    log = records(tmp_path / "data")
    assert [record["seq"] for record in log] == list(range(1, len(log) + 1))
    assert log[-1]["name"] == "runtime.shutdown"


def test_a_removed_folder_is_told_within_ten_seconds_and_begun_anew(tmp_path: Path) -> None:
    with start_collector(tmp_path, "--interval", "0.2") as collector:
        wait_for(lambda: files(tmp_path), timeout=10)
        shutil.rmtree(tmp_path / "data/history")
        wait_for(lambda: files(tmp_path), "nothing was begun anew", timeout=12)
        assert "was removed while recording" in collector.stderr
    log = records(tmp_path / "data")
    names = [record["name"] for record in log]
    assert "collector.sink.degraded" in names
    [recovered] = [record for record in log if record["name"] == "collector.sink.recovered"]
    assert recovered["data"]["lost"] > 0
    assert log[0]["seq"] == recovered["data"]["lost"] + 1, "what was lost, and no more"


def test_nobody_else_may_change_what_it_makes_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with start_collector(tmp_path, "--interval", "0.2"):
            wait_for(lambda: files(tmp_path))
    finally:
        os.umask(before)
    made = [path for path in (tmp_path / "data").rglob("*") if not path.is_symlink()]
    assert len(made) > 3
    assert [path for path in made if path.stat().st_mode & 0o022] == []
