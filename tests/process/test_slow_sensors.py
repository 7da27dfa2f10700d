"""The real daemon where drivers take their time: its beat and its other sensors go on."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq

from tests.metrics.slow_fuse import SlowFuse
from tests.metrics.trees import grow
from tests.running import start_collector

from .conftest import lacking

BUS, BOARD = 21, 3  # thermometers known to be slow, and slow ones of which nobody knows
SECONDS = 0.75
BEATS = 4


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[SlowFuse]:
    names = [*(f"w{n}" for n in range(BUS)), *(f"b{n}" for n in range(BOARD)), "silent"]
    try:
        files = SlowFuse(tmp_path / "slow", **dict.fromkeys(names, SECONDS))
    except OSError as error:
        lacking(f"FUSE: {error}")
    files.seconds["silent"] = 3600.0
    yield files
    files.close()


def host(folder: Path, files: SlowFuse) -> None:
    text = "=== sys/class/thermal/thermal_zone0/temp\n45000\n"
    text += "=== sys/class/thermal/thermal_zone0/type\ncpu-thermal\n"
    for number, name in enumerate(files.seconds):
        chip = f"sys/class/hwmon/hwmon{number}"
        driver = "w1_slave_temp" if name.startswith("w") else name
        text += f"=== {chip}/name\n{driver}\n"
        text += f"=== {chip}/device\n-> ../../../devices/{name}\n=== sys/devices/{name}/uevent\n"
        text += f"=== {chip}/temp1_input\n-> {files.point / name}\n"
    folder.mkdir()
    grow(folder, text)


def test_slow_sensors_hold_up_neither_the_beat_nor_each_other(
    tmp_path: Path, slow: SlowFuse
) -> None:
    folder = tmp_path / "host"
    host(folder, slow)
    roots = ("--procfs", str(folder / "proc"), "--sysfs", str(folder / "sys"))
    beats: list[float] = []
    rows: dict[str, dict[str, Any]] = {}
    with (
        start_collector(tmp_path, *roots) as collector,
        zmq.Context() as context,
        context.socket(zmq.SUB) as subscriber,
    ):
        subscriber.linger = 0
        subscriber.subscribe(b"collector.heartbeat")
        subscriber.subscribe(b"system.temperature")
        subscriber.connect(collector.events)
        while len(beats) <= BEATS or not any(row["age_seconds"] for row in rows.values()):
            assert subscriber.poll(5000)
            event = json.loads(subscriber.recv_multipart()[1])
            if event["name"] == "collector.heartbeat":
                beats.append(event["data"]["monotonic_seconds"])
            else:
                assert event["data"]["cpu_celsius"] == 45.0
                rows = {row["key"]: row for row in event["data"]["sensors"]}
        threads = len(list(Path(f"/proc/{collector.pid}/task").iterdir()))
        status = collector.request("describe")["metrics"]
    assert len(rows) == 1 + BUS + BOARD + 1
    assert all((row["celsius"] is None) == (row["reason"] is not None) for row in rows.values())
    assert rows["silent temp1"]["celsius"] is None
    # One after the other within the beat they would take 18 seconds each time.
    assert beats[BEATS] - beats[0] < BEATS + 5.0
    assert threads < 20
    assert [m["status"]["status"] for m in status if m["name"] == "temperature"] == ["ok"]
