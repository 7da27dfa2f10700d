"""The contract for programs and the real process say the same (schemathesis.readthedocs.io)."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from health_webui.access.gate import Access
from health_webui.api import CONTRACT
from health_webui.app import create_app
from health_webui.following.fleet import Fleet
from health_webui.following.history import DEFAULT_SECONDS, MAX_SECONDS
from health_webui.pages.assets import Assets
from health_webui.verdict import WORDS
from health_wire import protocol

from tests.running import Running, start_collector, start_webui, wait_for
from tests.webui.sample import config

pytestmark = pytest.mark.slow

WRITTEN: dict[str, Any] = json.loads(CONTRACT.read_text())
HOST = "contract"


@pytest.fixture(scope="module")
def webui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A process that follows a live collector, and one that was never seen."""
    path = tmp_path_factory.mktemp("contract")
    silent = ("--collector", f"ipc://{path}/e,ipc://{path}/s")
    with (
        start_collector(path, "--host-id", HOST, transport="ipc") as collector,
        start_webui(path, collector, args=silent) as webui,
    ):
        # By its id there is none before it has been seen.
        wait_for(
            lambda: [
                host
                for host in ask(webui, "hosts")["hosts"]
                if host["id"] == HOST and host["verdict"] != "unknown"
            ]
        )
        yield webui


def ask(webui: Running, path: str) -> Any:
    answer: HTTPResponse
    with urllib.request.urlopen(f"{webui.url}api/v1/{path}", timeout=10) as answer:
        return json.load(answer)


def test_the_running_process_keeps_its_contract(webui: Running, tmp_path: Path) -> None:
    """Every address, with what the contract allows and with what it does not."""
    command = [
        *(str(Path(sys.executable).with_name("schemathesis")), "--config-file"),
        *(str(Path(__file__).with_name("schemathesis.toml")), "run"),
        *(f"{webui.url}api/v1/openapi.json", "--url", webui.url),
        *("--max-examples", "40", "--seed", "1", "--no-color"),
        *("--generation-database", "none"),
    ]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False
    )
    said = f"{done.stdout}\n{done.stderr}"
    assert done.returncode == 0, said
    assert f"Tested: {len(WRITTEN['paths']) - 1}" in said, f"all but the document itself: {said}"
    assert webui.process.poll() is None
    assert "Traceback" not in webui.stderr, webui.stderr


def test_what_a_program_asks_for_comes_from_the_collector(webui: Running) -> None:
    assert ask(webui, "openapi.json") == WRITTEN
    live, silent = sorted(ask(webui, "hosts")["hosts"], key=lambda host: host["id"] is None)
    assert live["id"] == HOST
    assert (silent["id"], silent["verdict"], silent["last_seen"]) == (None, "unknown", None)
    for name in (HOST, live["key"]):
        found = ask(webui, f"hosts/{name}/state")
        assert found["state"]["collector"], found
        assert ask(webui, f"hosts/{name}/health")["health"]["status"] == live["verdict"]
    history = ask(webui, f"hosts/{HOST}/history")
    assert history["epoch"] == found["epoch"]
    assert history["end"] - history["start"] == pytest.approx(DEFAULT_SECONDS)
    name, columns = next((n, c) for n, c in history["series"].items() if c["t"])
    one = ask(webui, f"hosts/{HOST}/history?series={name}&start={history['start']}&points=1")
    assert list(one["series"]) == [name]
    assert len(one["series"][name]["t"]) == 1 <= len(columns["t"])


def addresses(app: Flask) -> set[str]:
    return {rule.rule.replace("<name>", "{host}") for rule in app.url_map.iter_rules()}


def test_every_address_is_in_the_contract() -> None:
    app, _ = create_app(Fleet([]), Assets(), Access(config()))
    served = {a for a in addresses(app) if a.startswith("/api/v1/") or a == "/healthz"}
    assert served == set(WRITTEN["paths"])


def test_the_contracts_limits_are_the_codes() -> None:
    parameters = WRITTEN["paths"]["/api/v1/hosts/{host}/history"]["get"]["parameters"]
    limits = {p["name"]: p["schema"] for p in parameters if "name" in p}
    assert limits["series"]["maxItems"] == protocol.MAX_SERIES
    assert limits["points"]["maximum"] == protocol.MAX_POINTS
    assert limits["points"]["default"] == protocol.DEFAULT_POINTS
    assert limits["seconds"]["maximum"] == MAX_SECONDS
    schemas = WRITTEN["components"]["schemas"]
    assert set(schemas["Host"]["properties"]["verdict"]["enum"]) == set(WORDS)
