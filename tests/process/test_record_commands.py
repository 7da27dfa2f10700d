"""What a real collector recorded, in the hands of the real commands: from a disk to a capsule."""

import json
import os
import pty
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import zmq

from tests.boot import readme
from tests.process.test_replay import heard, records
from tests.running import ROOT, environment, running, start_collector, wait_for

PROGRAM = [sys.executable, "-m", "health_collectord"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two starts of a collector, each ended as it should be."""
    folder = tmp_path_factory.mktemp("recorded")
    data = folder / "data"
    args = ("--interval", "0.2", "--data-dir", str(data), "--host-id", "barn")
    for _ in range(2):
        with start_collector(folder, *args, transport="ipc") as collector:
            wait_for(lambda c=collector: c.request("ping")["seq"] > 40)
    return data


def run(*words: str, folder: Path = ROOT) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*PROGRAM, *words], cwd=folder, env=environment(), stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_what_was_recorded_is_whole(data: Path) -> None:
    done = run("history", "verify", "--data-dir", str(data))
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    *_, events, box, verdict = done.stdout.splitlines()
    count = len(records(data / "history"))
    assert events == f"{count} events of 2 starts"
    assert box.startswith("black box: ")
    assert verdict == "all is there, or its absence explained"


def test_this_version_comes_to_the_states_that_it_recorded(data: Path) -> None:
    done = run("rehearse", str(data / "history"))
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "events in 2 segments: the same states" in done.stdout


def test_what_is_typed_from_the_readme_makes_a_capsule_that_plays_anywhere(
    data: Path, tmp_path: Path
) -> None:
    line = readme.line("Commands", "history export")
    words = shlex.split(line.removeprefix("sudo health-collectord "))
    times = [record["time"] for record in records(data / "history")]
    words[words.index("--from") + 1] = times[0]
    words[words.index("--to") + 1] = "2100-01-01"
    done = run(*words, "--data-dir", str(data), folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "names replaced: " in done.stderr
    (capsule,) = tmp_path.iterdir()

    with zmq.Context() as context, context.socket(zmq.SUB) as socket:
        socket.linger = 0
        socket.subscribe(b"")
        socket.connect(f"ipc://{tmp_path}/e")
        endpoints = ["--events", f"ipc://{tmp_path}/e", "--state", f"ipc://{tmp_path}/s"]
        with running(
            [*PROGRAM, "replay", str(capsule), "--from", times[20], *endpoints], ROOT, ready=False
        ) as replay:
            events = list(heard(socket, replay))
            assert replay.wait() == 0
    assert events[-1]["name"] == "runtime.shutdown"
    assert all(event["host"].startswith("host-") for event in events)
    recorded = [(r["time"], r["name"]) for r in records(data / "history")]
    said = [(e["time"], e["name"]) for e in events if e["name"] != "collector.replay.jumped"]
    assert said[-5:] == recorded[-5:]
    assert not any("barn" in json.dumps(event) for event in events)


def test_as_fast_as_it_goes_it_ends_with_all_that_was_known(data: Path, tmp_path: Path) -> None:
    history = records(data / "history")
    end = next(r["time"] for r in reversed(history) if r["name"] == "collector.heartbeat")
    with zmq.Context() as context, context.socket(zmq.SUB) as socket:
        socket.linger = 0
        socket.rcvhwm = 0
        socket.subscribe(b"")
        socket.connect(f"ipc://{tmp_path}/e")
        endpoints = ["--events", f"ipc://{tmp_path}/e", "--state", f"ipc://{tmp_path}/s"]
        replayed = [*PROGRAM, "replay", str(data / "history"), "--speed", "max", "--to", end]
        with running([*replayed, *endpoints], ROOT, ready=False) as replay:
            assert replay.wait() == 0, replay.stderr
            assert "the recording is over" in replay.stderr
            events: list[dict[str, Any]] = list(heard(socket, replay))
    assert all(event["time"] < end for event in events)


def test_on_a_terminal_it_shows_progress_and_stops_when_told_to(data: Path, tmp_path: Path) -> None:
    """With so many segments that it takes a while."""
    (segment, *_) = sorted((data / "history").rglob("*.jsonl"))
    day = tmp_path / "history/2026-01-01"
    day.mkdir(parents=True)
    for number in range(3000):
        name = f"{number // 3600:02}-{number // 60 % 60:02}-{number % 60:02}.jsonl"
        os.link(segment, day / name)
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*PROGRAM, "history", "verify", "--data-dir", str(tmp_path)], cwd=ROOT, env=environment(),
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=theirs,
    ) as process:  # fmt: skip
        os.close(theirs)
        said = b""
        while b"%" not in said:
            said += os.read(ours, 1000)
        process.send_signal(signal.SIGINT)
        while b"flaw so far" not in said:
            said += os.read(ours, 1000)
        assert process.wait(10) == 1
    os.close(ours)
    assert b" of 3000 segments, " in said
    assert b"health-collectord: stopped: verified " in said
    assert b"Traceback" not in said
