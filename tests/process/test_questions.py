"""What a real collector answers from its record, while it goes on."""

import json
from pathlib import Path
from time import time

import psutil
import zmq

from tests.health_archive.kept import DAY, Kept
from tests.running import Running, start_collector, wait_for

LOAD = "system.load.load1"


def test_any_moment_is_as_the_snapshot_had_it(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text("[record]\nsegment_seconds = 2\ntext_seconds = 1\n")
    with start_collector(tmp_path, "--config", str(config), "--interval", "0.2") as collector:
        snapshots = []

        def ended() -> bool:
            snapshots.append(collector.request("snapshot"))
            return len(list((tmp_path / "data/history").glob("*/*.events"))) >= 2

        wait_for(ended, "no segment has ended", 30)
        same = 0
        for snapshot in snapshots[:: max(len(snapshots) // 100, 1)]:
            moment = collector.request("state_at", time=snapshot["time"])
            assert moment["ok"], moment
            assert moment["whole"] is True
            assert (moment["host"], moment["epoch"]) == (snapshot["host"], snapshot["epoch"])
            assert moment["time"] <= snapshot["time"]
            if moment["seq"] == snapshot["seq"]:  # else it was asked in the middle of a tick
                same += 1
                assert json.dumps(moment["state"]) == json.dumps(snapshot["state"])
        assert same > 50


def made(folder: Path, count: int) -> Kept:
    """A record of so many days until today."""
    kept = Kept(folder)
    today = round(time()) * 1000 // DAY * DAY
    for day in range(count, 0, -1):
        for i in range(4):
            kept.add(today - day * DAY + i * DAY // 4)
    return kept


def test_history_goes_on_before_this_start(tmp_path: Path) -> None:
    kept = made(tmp_path / "data/history", 3)
    with start_collector(tmp_path, "--interval", "0.2") as collector:
        now = time()
        wait_for(lambda: history(collector, now)["t"], "no sample yet")
        found = history(collector, kept.load[0][0] / 1000)
        then = [
            value
            for at, value in zip(found["t"], found["max"], strict=True)
            if value is not None and at is not None and at <= kept.load[-1][0] / 1000
        ]
        assert max(then) == max(value for _, value in kept.load)
        assert found["t"][-1] > now - 600, "what is being recorded belongs to it"
        gaps = [t for t, value in zip(found["t"], found["avg"], strict=True) if value is None]
        assert len(gaps) >= 11, "nothing was recorded between its segments"
        recent = history(collector, now - 600)
        assert recent["t"][-1] > now - 5, "nor is that of a moment ago left out"
        error = collector.request("history", series="system.no.thing", start=now - 86400)
        assert error["error"] == "not_found"


def history(collector: Running, start: float) -> dict[str, list[float | None]]:
    reply = collector.request("history", series=LOAD, start=start)
    assert reply["ok"], reply
    columns: dict[str, list[float | None]] = reply["series"][LOAD]
    return columns


def test_a_read_that_takes_long_keeps_neither_the_tick_nor_other_questions(tmp_path: Path) -> None:
    """It is stopped in the middle, as by a disk that does not answer."""
    with start_collector(tmp_path) as collector, zmq.Context() as context:
        wait_for(lambda: collector.request("state_at", time=time())["ok"])
        [reader] = psutil.Process(collector.pid).children()
        with context.socket(zmq.SUB) as beats, context.socket(zmq.DEALER) as asking:
            for socket in (beats, asking):
                socket.linger = 0
                socket.rcvtimeo = 10_000
            beats.subscribe(b"collector.heartbeat")
            beats.connect(collector.events)
            asking.connect(collector.state)
            beats.recv_multipart()
            reader.suspend()
            for number in range(3):
                request = {"op": "state_at", "time": time(), "id": number}
                asking.send_multipart([b"", json.dumps(request).encode()])
            for _ in range(2):
                beats.recv_multipart()
                assert all(collector.request(op)["ok"] for op in ("ping", "snapshot") * 10)
            assert not asking.poll(0), "nothing has been read"
            reader.resume()
            replies = [json.loads(asking.recv_multipart()[1]) for _ in range(3)]
        assert [reply["id"] for reply in replies] == [0, 1, 2]
        assert all(reply["ok"] for reply in replies)
    assert not reader.is_running()
