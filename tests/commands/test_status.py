"""``status``: what a person without a screen sees."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from health_collectord.commands import status
from health_collectord.commands.status import _duration, _scaled, _value

from tests.commands.conftest import command
from tests.running import Running, environment

pytestmark = pytest.mark.slow


def call(command: list[str], cwd: Path) -> tuple[int, str]:
    done = subprocess.run(
        command, cwd=cwd, env=environment(), capture_output=True, text=True, timeout=30, check=False
    )
    assert done.stderr == ""
    return done.returncode, done.stdout


def test_status_says_the_verdict_and_every_metric(collector: Running, tmp_path: Path) -> None:
    exit_, text = call(command(collector, "status"), tmp_path)
    first, *rest = text.splitlines()
    verdict = first.partition(":")[0].lower()
    assert {"healthy": 0, "warning": 1, "critical": 2, "unknown": 3}[verdict] == exit_
    assert any(line.startswith("pi, collector ") for line in rest)
    for metric in collector.request("describe")["metrics"]:
        assert any(line.startswith(metric["title"]) for line in rest), metric["title"]


def test_status_as_json(collector: Running, tmp_path: Path) -> None:
    exit_, text = call(command(collector, "status", "--json"), tmp_path)
    found = json.loads(text)
    assert exit_ in (0, 1, 2, 3)
    assert found["host"] == "pi"
    assert found["health"].keys() == collector.request("health")["health"].keys()
    assert found["state"].keys() == collector.request("snapshot")["state"].keys()


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_status_without_a_collector_is_unknown(tmp_path: Path, form: tuple[str, ...]) -> None:
    endpoints = ["--events", f"ipc://{tmp_path}/e", "--state", f"ipc://{tmp_path}/s"]
    whole = [sys.executable, "-m", "health_collectord", "status", *form, *endpoints]
    exit_, text = call(whole, tmp_path)
    assert exit_ == 3
    assert "did not answer within 2 s; is health-collectord running?" in text
    assert not form or json.loads(text)["health"]["status"] == "unknown"


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ({"unit": "bytes"}, 0, "0 B"),
        ({"unit": "bytes"}, 1023, "1023 B"),
        ({"unit": "bytes"}, 8 * 1024**3, "8 GiB"),
        ({"unit": "bytes_per_second"}, 1536, "1.5 KiB/s"),
        ({"unit": "bits_per_second"}, 1_000_000_000, "1 Gbit/s"),
        ({"unit": "hertz"}, 1_500_000_000, "1.5 GHz"),
        ({"unit": "percent"}, 12.5, "12.5 %"),
        ({"unit": "celsius"}, 48.3, "48.3 °C"),
        ({"unit": "count"}, 4, "4"),
        ({}, "text", "text"),
        ({}, True, "yes"),
        ({}, False, "no"),
        ({"unit": "bytes"}, None, "unknown"),
    ],
)
def test_a_value_is_said_with_its_unit(field: dict[str, str], value: object, text: str) -> None:
    assert _value(field, value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0 s"),
        (119, "119 s"),
        (120, "2 min"),
        (7199, "119 min"),
        (7200, "2 h"),
        (200_000, "2 d"),
    ],
)
def test_a_duration_is_said_roughly(seconds: float, text: str) -> None:
    assert _duration(seconds) == text


def test_a_figure_beyond_the_last_prefix_stays_with_it() -> None:
    assert _scaled(2000.0 * 1000**4, 1000, status._DECIMAL) == "2000 T"
