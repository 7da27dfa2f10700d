"""``status``: what a person without a screen sees."""

import json
import os
import pty
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import zmq
from health_collectord import cli
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.commands.conftest import command
from tests.commands.test_page import JSON, told
from tests.running import Running, environment, wait_for

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
    statuses = found["state"]["collector"]["metrics"]
    assert {m["name"]: m["status"] for m in found["metrics"]} == statuses, "of one moment"
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


def run(
    whole: list[str], cwd: Path, *, shell: str = "", **env: str
) -> "subprocess.CompletedProcess[bytes]":
    words = ["sh", "-c", f'exec "$@" {shell}', "sh", *whole] if shell else whole
    return subprocess.run(
        words, cwd=cwd, env=environment(env), capture_output=True, timeout=30, check=False
    )


@pytest.mark.parametrize("shell", [">/dev/full", ">&-", "2>/dev/full >/dev/full"])
@pytest.mark.parametrize("form", [(), ("--json",)])
def test_what_cannot_be_written_is_no_verdict(
    collector: Running, tmp_path: Path, shell: str, form: tuple[str, ...]
) -> None:
    done = run(command(collector, "status", *form), tmp_path, shell=shell)
    assert done.returncode == 3
    assert b"Traceback" not in done.stderr
    assert b"health-collectord: standard output: " in done.stderr or "2>" in shell


def test_nobody_who_reads_is_no_verdict(collector: Running, tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        command(collector, "status"), cwd=tmp_path, env=environment(), stdout=writer,
        stderr=subprocess.PIPE, timeout=30, check=False,
    )  # fmt: skip
    os.close(writer)
    assert (done.returncode, done.stderr) == (3, b"")


@pytest.mark.parametrize(
    "arguments", [("--nonsense",), ("--config", "/nowhere.toml"), ("--events", "0.0.0.0:8087")]
)
def test_a_failure_of_the_command_itself_is_3(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    whole = [sys.executable, "-m", "health_collectord", "status", *arguments]
    done = run(whole, tmp_path)
    assert done.returncode == 3
    assert b"Traceback" not in done.stderr


@contextmanager
def answering(folder: Path, replies: dict[str, Any]) -> Iterator[list[str]]:
    """A state endpoint that answers each op with what it was given for it, as JSON."""
    stop = threading.Event()
    endpoint = f"ipc://{folder}/s"
    with zmq.Context() as context, context.socket(zmq.REP) as socket:
        socket.linger = 0
        socket.bind(endpoint)

        def serve() -> None:
            while not stop.is_set():
                if socket.poll(20):
                    op = json.loads(socket.recv())["op"]
                    socket.send(json.dumps(replies[op]).encode("utf-8", "replace"))

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield ["--events", f"ipc://{folder}/e", "--state", endpoint]
        finally:
            stop.set()
            thread.join()


def replies(**given: Any) -> dict[str, Any]:
    """What a collector would answer that is as `told` says."""
    whole = told(**given)
    state = whole["state"] | {"health": whole["health"]}
    head = {k: whole[k] for k in ("host", "time")} | {"ok": True, "v": 1, "epoch": "ab", "seq": 7}
    metrics = [{"charts": []} | metric for metric in whole["metrics"]]
    return {
        "describe": head | {"metrics": metrics, "history": []},
        "ping": head | {k: whole[k] for k in ("version", "uptime_seconds", "mode")},
        "snapshot": head | {"state": state},
    }


def test_a_terminal_that_cannot_show_it_gets_the_rest(tmp_path: Path) -> None:
    row = {"key": "/media/写真", "used_percent": 98.5, "reason": None}
    state = {"system": {"disk": {"usage": {"mounts": [row]}}},
             "collector": {"metrics": {"disk": {"status": "ok"}}}}  # fmt: skip
    with answering(tmp_path, replies(state=state)) as endpoints:
        whole = [sys.executable, "-m", "health_collectord", "status", *endpoints]
        done = run(whole, tmp_path, PYTHONIOENCODING="latin-1")
        as_json = run([*whole, "--json"], tmp_path, PYTHONIOENCODING="latin-1")
    assert (done.returncode, done.stderr) == (1, b"")
    assert "/media/??" in done.stdout.decode("latin-1")
    told = json.loads(as_json.stdout.decode("ascii"))
    assert told["state"]["system"]["disk"]["usage"]["mounts"][0]["key"] == "/media/写真"


@given(JSON, st.data())
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_reply_makes_a_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, anything: Any, data: st.DataObject
) -> None:
    monkeypatch.setenv("HEALTH_COLLECTORD_CONFIG", "/dev/null")
    state = dict.fromkeys(("collector", "system"), anything)
    some = replies(state=state, health=anything, mode=anything)
    if data.draw(st.booleans()):  # else it comes through the client's door
        some = {op: reply | {"state": anything, "metrics": anything} for op, reply in some.items()}
    with answering(tmp_path, some) as endpoints:
        for form in ((), ("--json",)):
            assert cli.main(["status", *form, *endpoints]) in (0, 1, 2, 3)


def test_at_a_terminal_it_is_coloured_and_drawn_again_each_second(
    collector: Running, tmp_path: Path
) -> None:
    leader, terminal = pty.openpty()
    seen = b""
    process = subprocess.Popen(
        command(collector, "status", "--watch"), cwd=tmp_path, stdin=subprocess.DEVNULL,
        stdout=terminal, stderr=subprocess.PIPE, env=environment({"TERM": "xterm", "NO_COLOR": ""}),
    )  # fmt: skip
    os.close(terminal)

    def drawn_twice() -> bool:
        nonlocal seen
        seen += os.read(leader, 65536)
        return seen.count(b"\x1b[H") >= 3

    wait_for(drawn_twice, timeout=30)
    process.send_signal(2)  # Ctrl-C
    _, errors = process.communicate(timeout=30)
    os.close(leader)
    assert process.returncode in (0, 1, 2)
    assert errors == b""
    assert b"\x1b[1;3" in seen


def test_colour_may_be_refused(collector: Running, tmp_path: Path) -> None:
    leader, terminal = pty.openpty()
    subprocess.run(
        command(collector, "status"), cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=terminal,
        env=environment({"TERM": "xterm", "NO_COLOR": "1"}), timeout=30, check=False,
    )  # fmt: skip
    os.close(terminal)
    seen = os.read(leader, 65536)
    os.close(leader)
    assert b"pi, collector" in seen
    assert b"\x1b" not in seen
