"""Sensors whose drivers take long, or never answer."""

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from health_collectord.metrics.temperature import Sensor

from tests.running import wait_for

from .conftest import RecordedHost
from .slow_fuse import SlowFuse
from .test_temperature import board, chip, reader, rows, zone
from .verdict import Judged

Recorded = Callable[[str], RecordedHost]
Tree = Callable[[str], RecordedHost]


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[Callable[..., SlowFuse]]:
    """Mounts a file system whose files take that long to read, by their names."""
    mounted: list[SlowFuse] = []

    def mount(**seconds: float) -> SlowFuse:
        try:
            mounted.append(SlowFuse(tmp_path / f"slow{len(mounted)}", **seconds))
        except OSError as error:
            if os.environ.get("CI") == "true":
                raise
            pytest.skip(f"cannot mount FUSE here: {error}")
        return mounted[-1]

    yield mount
    for one in mounted:
        one.close()


def link(host: RecordedHost, path: str, target: Path) -> None:
    (host.folder / path).unlink(missing_ok=True)
    (host.folder / path).parent.mkdir(parents=True, exist_ok=True)
    (host.folder / path).symlink_to(target)


def test_what_turns_slow_is_read_apart_from_then_on(
    recorded: Recorded, slow: Callable[..., SlowFuse]
) -> None:
    host, files = recorded(""), slow(temp=0.0)
    zone(host, 0, "cpu-thermal", 50)
    zone(host, 1, "gpu-thermal", 45)
    link(host, "sys/class/thermal/thermal_zone1/temp", files.point / "temp")
    read = reader(host).read

    def gpu(now: float) -> Sensor:
        return rows(read(now))["gpu-thermal"]

    wait_for(lambda: gpu(0.0).age_seconds is None)  # read with the others
    files.seconds["temp"] = 0.2
    assert gpu(1.0).celsius == 21.0
    files.seconds["temp"] = 3600.0
    readings = files.readings["temp"]
    assert [(row.celsius, row.age_seconds) for row in map(gpu, (2.0, 3.0, 6.0))] == [
        (21.0, 1.0),
        (21.0, 2.0),
        (21.0, 5.0),
    ]
    assert files.readings["temp"] == readings
    now = 1.0 + 300.0  # its pause is over: a thread has it read, and never comes back
    assert gpu(now).celsius is None
    wait_for(lambda: files.readings["temp"] == readings + 1)
    assert gpu(now + 1).reason == "does not answer"
    assert read(now + 2).cpu_celsius == 50.0
    assert files.readings["temp"] == readings + 1


def test_files_that_never_answer_take_few_threads_and_no_other_sensor(
    recorded: Recorded, slow: Callable[..., SlowFuse]
) -> None:
    names = [f"temp{n}" for n in range(20)]
    host, files = recorded(""), slow(**dict.fromkeys([*names, "label", "limit"], 3600.0))
    zone(host, 0, "cpu-thermal", 50)
    chip(host, 0, "quick", temp1_input=40000)
    for number, name in enumerate(names, 1):
        chip(host, number, f"stuck{number}")
        link(host, f"sys/class/hwmon/hwmon{number}/temp1_input", files.point / name)
    chip(host, 30, "mute", temp1_input=40000)
    link(host, "sys/class/hwmon/hwmon30/temp1_label", files.point / "label")
    chip(host, 31, "unlimited", temp1_input=40000)
    link(host, "sys/class/hwmon/hwmon31/temp1_crit", files.point / "limit")
    read = reader(host).read

    def quick(now: float) -> bool:  # on a busy machine one may have seemed slow once
        got = rows(read(now))
        return (got["cpu-thermal"].celsius, got["quick temp1"].celsius) == (50.0, 40.0)

    wait_for(lambda: quick(0.0))
    assert len(rows(read(0.0))) == 23  # all but the chip that does not say what it is
    for now in (1.0, 2.0, 59.0, 60.0, 61.0, 600.0, 601.0):
        got = rows(read(now))
    wait_for(lambda: quick(601.0))
    reasons = [got[f"stuck{n} temp1"].reason or "" for n in range(1, 21)]
    assert reasons.count("does not answer") == 4
    assert reasons.count("not read: others do not answer") == 16
    threads = [t for t in threading.enumerate() if t.name.startswith("thermometer")]
    assert len(threads) <= 6


def test_a_slow_sensor_is_judged_by_what_it_said_last(
    tree: Tree, slow: Callable[..., SlowFuse]
) -> None:
    files = slow(temp=0.15)
    host = tree(board("gpu-thermal") + "=== sys/class/hwmon/hwmon0/name\nlm75\n")
    link(host, "sys/class/hwmon/hwmon0/temp1_input", files.point / "temp")
    host.write("sys/class/hwmon/hwmon0/temp1_max", "20000\n")
    said = Judged(host, "temperature")
    wait_for(lambda: said.read(0.0).problems)
    assert said.problems == [("temperature", "lm75 temp1", "margin_celsius", "critical")]
