"""A real collector's record, played again by the real command, and heard by plain sockets."""

import json
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import zmq

from tests.running import ROOT, Running, running, start_collector, wait_for

HOUR = timedelta(hours=1)


def records(history: Path) -> list[dict[str, Any]]:
    """The events of all files, without the line that was cut short."""
    texts = [t for f in sorted(history.rglob("*.jsonl")) for t in f.read_text().splitlines()]
    return [line for text in texts if text.endswith("}") and "seq" in (line := json.loads(text))]


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs of a collector with an hour between them, and a line that a power cut left."""
    folder = tmp_path_factory.mktemp("recorded")
    history = folder / "data" / "history"
    args = ("--interval", "0.2", "--data-dir", str(folder / "data"), "--host-id", "barn")
    for _ in range(2):
        with start_collector(folder, *args, transport="ipc") as collector:
            seq = collector.request("ping")["seq"]
            wait_for(lambda c=collector, s=seq: c.request("ping")["seq"] > s + 15)
    *_, last = sorted(history.rglob("*.jsonl"))
    later = []
    for text in last.read_text().splitlines():
        line = json.loads(text)
        later.append(
            json.dumps(line | {"time": (datetime.fromisoformat(line["time"]) + HOUR).isoformat()})
        )
    last.write_text("\n".join([*later[:-1], '{"time":"2026-', later[-1], ""]))
    return history


def replaying(
    folder: Path, *args: str, endpoint: str | None = None
) -> AbstractContextManager[Running]:
    command = [sys.executable, "-m", "health_collectord", "replay", *args]
    command += ["--events", endpoint or f"ipc://{folder}/e", "--state", f"ipc://{folder}/s"]
    return running(command, ROOT, ready=False)


def heard(socket: "zmq.Socket[bytes]", replay: Running) -> Iterator[dict[str, Any]]:
    """Every event until the replay's process has ended and nothing more is there."""
    while socket.poll(200) or replay.process.poll() is None:
        if socket.poll(0):
            name, body = socket.recv_multipart()
            event = json.loads(body)
            assert event["name"] == name.decode()
            yield event


def test_a_recording_is_heard_as_it_was_and_marked(recording: Path, tmp_path: Path) -> None:
    recorded = records(recording)
    with zmq.Context() as context, context.socket(zmq.SUB) as socket:
        socket.linger = 0
        socket.subscribe(b"")
        socket.connect(f"ipc://{tmp_path}/e")
        with replaying(tmp_path, str(recording)) as replay:
            events = list(heard(socket, replay))
            assert replay.wait() == 0
    assert events
    assert all(e["replay"] is True and e["host"] == "barn" for e in events)
    assert len({e["epoch"] for e in events}) == 1
    first = events[0]["seq"]
    assert [e["seq"] for e in events] == list(range(first, first + len(events)))

    # The hour in between was told, and what was known before it taken back.
    [jump] = [i for i, e in enumerate(events) if e["name"] == "collector.replay.jumped"]
    assert events[jump]["data"]["seconds"] == pytest.approx(HOUR.total_seconds(), abs=10)
    boot = next(i for i, e in enumerate(events) if i > jump and e["name"] == "runtime.booting")
    assert {e["data"] for e in events[jump + 1 : boot]} == {None}

    # All else is what was recorded, in its order, to the last: nothing of the replay's own.
    said = events[:jump] + events[boot:]
    kept = [(e["time"][:23], e["name"], e["data"]) for e in recorded][-len(said) :]
    assert [(e["time"][:23], e["name"], e["data"]) for e in said] == kept
    assert events[-1]["name"] == "runtime.shutdown"
    assert "is left out" in replay.stderr
    assert "the recording is over" in replay.stderr


def test_requests_are_answered_from_the_recording(recording: Path, tmp_path: Path) -> None:
    newest = datetime.fromisoformat(records(recording)[-1]["time"])
    start = (newest - timedelta(seconds=2)).isoformat()
    with replaying(tmp_path, str(recording), "--from", start, "--speed", "0.5") as replay:
        replay.wait_ready()
        ping = replay.request("ping")
        assert (ping["mode"], ping["host"]) == ("replay", "barn")
        identity = wait_for(
            lambda: replay.request("snapshot")["state"].get("system", {}).get("identity")
        )
        assert identity["hostname"]
        assert {m["name"] for m in replay.request("describe")["metrics"]} >= {"cpu", "memory"}
        series = "system.load.load1"
        history = wait_for(lambda: replay.request("history", series=series)["series"][series]["t"])
        assert abs(history[-1] - newest.timestamp()) < 10
        status = [sys.executable, "-m", "health_collectord", "status"]
        status += ["--events", f"ipc://{tmp_path}/e", "--state", f"ipc://{tmp_path}/s"]
        with running(status, ROOT, ready=False, stdout=-1) as told:
            assert told.process.stdout is not None
            assert b"(replay)" in told.process.stdout.read()
            told.wait()


@pytest.mark.parametrize(
    ("args", "status", "said"),
    [
        (["nowhere"], 1, "nowhere: No such file or directory"),
        (["tests/fixtures"], 1, "no recording (*.jsonl, *.events) below"),
        (["x.jsonl", "--speed", "0"], 64, "neither a number from 0.5 to 1000 nor max"),
        (["x.jsonl", "--from", "noon"], 64, "no time such as 2026-01-31T12:00"),
    ],
)
def test_what_cannot_be_replayed_is_refused_with_its_reason(
    tmp_path: Path, args: list[str], status: int, said: str
) -> None:
    with replaying(tmp_path, *args) as replay:
        assert replay.wait() == status
        assert said in replay.stderr


def test_a_replay_beside_the_running_collector_says_what_is_in_the_way(
    recording: Path, tmp_path: Path
) -> None:
    with (
        start_collector(tmp_path) as collector,
        replaying(tmp_path, str(recording), endpoint=collector.events) as replay,
    ):
        assert replay.wait() == 1
        assert collector.events in replay.stderr


def test_beside_a_running_collector_a_replay_takes_free_endpoints_and_names_them(
    recording: Path, tmp_path: Path
) -> None:
    with start_collector(tmp_path) as collector:
        config = tmp_path / "config.toml"
        config.write_text(f'events = "{collector.events}"\nstate = "{collector.state}"\n')
        command = [sys.executable, "-m", "health_collectord", "replay", str(recording),
                   "--config", str(config)]  # fmt: skip
        with running(command, ROOT) as replay:
            assert replay.events.startswith("tcp://127.0.0.1:")
            assert replay.events != collector.events
            assert f"{collector.events} is in use" in replay.stderr
            assert replay.request("ping")["mode"] == "replay"
        with running([*command, "--events", collector.events], ROOT, ready=False) as refused:
            assert refused.wait() == 1
            assert "in use" in refused.stderr
