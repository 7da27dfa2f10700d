"""The shipped program on recorded hosts: what it publishes is what the golden files hold."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.running import Running, start_collector, wait_for

FIXTURES = Path(__file__).parents[1] / "fixtures"
GOLDEN = Path(__file__).parents[1] / "golden"
HOSTS = sorted(path.name for path in FIXTURES.iterdir())

# A rate depends on when the two samples were taken; what is counted does not.
RATES = ("_per_second", "reason")


def without_rates(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: without_rates(v) for k, v in value.items() if not k.endswith(RATES)}
    if isinstance(value, list):
        return [without_rates(v) for v in value]
    return value


def state_of(collector: Running) -> dict[str, Any]:
    state = collector.request("snapshot")["state"]
    assert isinstance(state, dict)
    return state


def at(state: dict[str, Any], path: str) -> Any:
    for key in path.split("."):
        state = state.get(key) or {}
    return state or None


@pytest.mark.parametrize("name", [h for h in HOSTS if not h.startswith("broken")])
def test_a_recorded_host(name: str, tmp_path: Path) -> None:
    host = tmp_path / name
    shutil.copytree(FIXTURES / name, host, symlinks=True)
    arguments = ["--procfs", str(host / "proc"), "--sysfs", str(host / "sys")]
    firmware = {
        "HEALTH_COLLECTORD_METRICS_THROTTLING_DEVICES": "",  # of this machine, not of that host
        "HEALTH_COLLECTORD_METRICS_THROTTLING_VCGENCMD": str(host / "bin" / "vcgencmd"),
    }
    with start_collector(tmp_path, *arguments, env=firmware) as collector:
        before = state_of(collector)  # the counters stand still, so there is no CPU figure yet
        assert "cpu" not in before["system"]
        for root in ("proc", "sys"):
            if (host / f"{root}.next").exists():
                shutil.copytree(
                    host / f"{root}.next", host / root, dirs_exist_ok=True, symlinks=True
                )
        wait_for(lambda: "cpu" in state_of(collector)["system"], "no sample after the change")
        catalogue = collector.request("describe")["metrics"]

        def differences() -> dict[str, Any]:
            """Metrics whose state is not yet what their golden file says."""
            state, found = state_of(collector), {}
            for metric in catalogue:
                if metric["name"] in ("cpu", "disk"):  # one moment's figure; not there to be read
                    continue
                golden = json.loads((GOLDEN / name / f"{metric['name']}.json").read_text())
                expected = golden["second"]
                value = at(state, metric["state"])
                if metric["name"] == "identity" and value == golden["first"]:
                    continue  # it is read once a minute: before the change, or right after it
                if metric["name"] == "restart":  # the collector's version is none of the host's
                    value = {**(value or {}), "version": None}
                if expected is not None and "Unavailable" in expected:
                    told = at(state, f"collector.metrics.{metric['name']}")
                    if told["status"] != "unavailable":
                        found[metric["name"]] = told
                elif without_rates(value) != without_rates(expected):
                    found[metric["name"]] = value
            return found

        wait_for(lambda: not differences(), f"not as recorded: {differences()}")
        assert collector.request("get", path="system.identity")["value"]["hostname"]
    assert "Traceback" not in collector.stderr


@pytest.mark.parametrize("name", [h for h in HOSTS if h.startswith("broken")])
def test_a_broken_host_breaks_single_metrics(name: str, tmp_path: Path) -> None:
    host = tmp_path / name
    shutil.copytree(FIXTURES / name, host, symlinks=True)
    arguments = ["--procfs", str(host / "proc"), "--sysfs", str(host / "sys")]
    with start_collector(tmp_path, *arguments) as collector:
        metrics = collector.request("describe")["metrics"]
        for metric in metrics:
            golden = json.loads((GOLDEN / name / f"{metric['name']}.json").read_text())["first"]
            failed = golden is not None and "ValueError" in golden
            if failed:
                assert metric["status"]["status"] == "failing", metric["name"]
                assert metric["status"]["reason"]
        health = collector.request("health")["health"]
        failing = [m for m in metrics if m["status"]["status"] == "failing" and m["rules"]]
        assert (health["status"] == "unknown") or not failing
