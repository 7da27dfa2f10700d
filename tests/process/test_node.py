"""A listener in another language, with nothing of the project but PROTOCOL.md."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.process.conftest import lacking
from tests.running import ROOT, start_collector

SOURCES = Path(__file__).parent / "node"


@pytest.fixture(scope="module")
def node() -> Path:
    """A folder with the client and the library that its lock file names."""
    if not (shutil.which("npm") and shutil.which("node")):
        lacking("no npm: Node's client is not tried")
    folder = ROOT / ".cache/node-client"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json", "client.mjs"):
        shutil.copy(SOURCES / name, folder)
    installed = folder / "node_modules/.package-lock.json"
    lock = json.loads((folder / "package-lock.json").read_text())
    wanted = lock["packages"]["node_modules/zeromq"]["version"]
    if installed.exists():
        found = json.loads(installed.read_text())["packages"]["node_modules/zeromq"]["version"]
        if found == wanted:
            return folder
    # The package holds its binaries: nothing is built, so no scripts have to run.
    done = subprocess.run(
        ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
        cwd=folder, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        lacking(f"npm ci failed: {done.stderr.strip()}")
    return folder


def test_a_client_in_node_speaks_the_protocol(node: Path, tmp_path: Path) -> None:
    with start_collector(tmp_path, "--interval", "0.2", "--host-id", "pi ü") as collector:
        done = subprocess.run(
            ["node", "client.mjs", collector.events, collector.state],
            cwd=node, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
        described = collector.request("describe")
    assert found["holes"] == 0
    assert found["same"] is True
    assert found["host"] == "pi ü"
    assert (found["ping"]["ok"], found["ping"]["id"], found["ping"]["mode"]) == (True, 7, "live")
    assert found["metrics"] == [metric["name"] for metric in described["metrics"]]
    assert found["get"]["ok"] is True
    columns = found["history"]["series"][found["series"]]
    assert set(columns) == {"t", "min", "avg", "max"}
    assert 1 <= len(columns["t"]) <= 5
    assert found["health"]["health"]["status"] in ("healthy", "warning", "critical", "unknown")
    errors = [reply["error"] for reply in found["refused"]]
    assert errors == ["unknown_op", "not_found", "bad_request"]
