"""How the daemon starts, refuses to start, and ends."""

import json
import re
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
import zmq

from tests.running import Running, environment, records, running, start_collector, wait_for


def log_of(tmp_path: Path) -> list[dict[str, Any]]:
    return records(tmp_path / "data")


@pytest.mark.parametrize("transport", ["tcp", "ipc"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly_and_soon(
    tmp_path: Path, number: signal.Signals, transport: str
) -> None:
    with start_collector(tmp_path, transport=transport) as collector:
        epoch = collector.request("ping")["epoch"]
        began = monotonic()
        assert collector.stop(number) == 0
        assert monotonic() - began < 2.0
        assert f"stopping: received {number.name}" in collector.stderr
    log = log_of(tmp_path)
    assert log[-1]["name"] == "runtime.shutdown"
    assert [record["seq"] for record in log] == list(range(1, len(log) + 1))
    assert log[0]["name"] == "runtime.booting"
    started = next(record for record in log if record["name"] == "collector.started")
    assert started["data"]["epoch"] == epoch


def test_the_last_event_is_heard_on_the_wire(tmp_path: Path) -> None:
    with start_collector(tmp_path) as collector, zmq.Context() as context:
        with context.socket(zmq.SUB) as subscriber:
            subscriber.linger = 0
            subscriber.subscribe(b"")
            subscriber.connect(collector.events)
            assert subscriber.poll(5000)
            collector.send(signal.SIGTERM)
            topics = []
            while "runtime.shutdown" not in topics:
                assert subscriber.poll(2000), topics
                topics.append(subscriber.recv_multipart()[0].decode())
        assert collector.wait() == 0
    assert topics[-1] == "runtime.shutdown"


def test_the_ready_line_says_where_it_is(tmp_path: Path) -> None:
    with start_collector(tmp_path) as collector:
        assert re.fullmatch(r"tcp://127\.0\.0\.1:\d+", collector.events)
        assert re.fullmatch(r"tcp://127\.0\.0\.1:\d+", collector.state)
        assert collector.events != collector.state
        statuses = collector.request("get", path="collector.metrics")["value"]
        assert "waiting" not in {told["status"] for told in statuses.values()}


def test_two_starts_have_two_epochs_and_two_files(tmp_path: Path) -> None:
    epochs = []
    for _ in range(2):
        with start_collector(tmp_path) as collector:
            epochs.append(collector.request("ping")["epoch"])
    assert all(re.fullmatch("[0-9a-f]{32}", epoch) for epoch in epochs)
    assert epochs[0] != epochs[1]
    assert len(list((tmp_path / "data/history").glob("*/*.jsonl"))) >= 2


def refused(process: Running, status: int) -> str:
    """What a process that cannot start said: one line."""
    assert process.wait() == status
    [line] = [li for li in process.stderr.splitlines() if li.startswith("health-collectord: ")]
    assert "Traceback" not in process.stderr
    return line.removeprefix("health-collectord: ")


def test_a_port_in_use_is_one_clear_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        endpoint = f"tcp://127.0.0.1:{other.getsockname()[1]}"
        for key in ("events", "state"):
            with start_collector(tmp_path, f"--{key}", endpoint, ready=False) as collector:
                assert refused(collector, 1) == (
                    f"cannot bind {key} = '{endpoint}': Address already in use; "
                    "is another collector running? Give this one other endpoints"
                )


def test_a_second_instance_on_the_same_sockets_is_refused(tmp_path: Path) -> None:
    with start_collector(tmp_path, transport="ipc") as first:
        with start_collector(
            tmp_path, "--events", first.events, "--state", first.state, ready=False
        ) as second:
            line = refused(second, 1)
        path = first.events.removeprefix("ipc://")
        assert line == (
            f"events: another process listens on {path}; is a collector running already?"
        )
        assert first.request("ping")["ok"] is True
        first.send(signal.SIGKILL)
        first.wait()
        with start_collector(tmp_path, "--events", first.events, "--state", first.state) as third:
            assert third.request("ping")["ok"] is True


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("interval = 1\nintervall = 2\n", ":2: unknown key 'intervall'; did you mean interval?"),
        ('\ninterval = "fast"', ":2: interval: expected a number from 0.1 to 3600, got 'fast'"),
        ("[metrics.memory]\nenabled = 1", ":2: metrics.memory.enabled: expected true or false"),
        ("[[[", ": not TOML: "),
    ],
)
def test_a_bad_file_is_refused_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "config.toml"
    file.write_text(text)
    with start_collector(tmp_path, "--config", str(file), ready=False) as collector:
        assert refused(collector, 78).startswith(f"{file}{message}")


def test_a_bad_variable_is_refused(tmp_path: Path) -> None:
    env = {"HEALTH_COLLECTORD_INTERVAL": "never"}
    with start_collector(tmp_path, env=env, ready=False) as collector:
        line = refused(collector, 78)
    assert line == "HEALTH_COLLECTORD_INTERVAL: interval: expected a number, got 'never'"


def test_a_directory_that_cannot_be_written_ends_nothing(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/history").write_text("a file in the way")
    with start_collector(tmp_path) as collector:
        wait_for(lambda: "sink jsonl cannot write" in collector.stderr)
        assert collector.request("ping")["ok"] is True


FAULTY = """
import os, sys, threading
from health_collectord import cli
from health_collectord.metrics import memory

class Faulty:
    def read(self, now):
        if os.path.exists("now"):
            {fault}
        return real.read(now)

def reader(host, options):
    global real
    real = make(host, options)
    return Faulty()

make = memory.METRIC.reader
object.__setattr__(memory.METRIC, "reader", reader)
sys.exit(cli.main(sys.argv[1:]))
"""


def start_faulty(tmp_path: Path, fault: str) -> Any:
    arguments = ["--events", "tcp://127.0.0.1:0", "--state", "tcp://127.0.0.1:0", "--data-dir",
                 str(tmp_path / "data"), "--interval", "0.2"]  # fmt: skip
    code = FAULTY.format(fault=fault)
    env = {"HEALTH_COLLECTORD_SHUTDOWN_SECONDS": "0.5"}
    return running([sys.executable, "-c", code, *arguments], tmp_path, env=env)


def test_a_tick_that_hangs_does_not_hang_the_end(tmp_path: Path) -> None:
    hang = "print('hanging', file=sys.stderr, flush=True) or threading.Event().wait()"
    with start_faulty(tmp_path, hang) as collector:
        (tmp_path / "now").touch()
        wait_for(lambda: "hanging" in collector.stderr)
        began = monotonic()
        assert collector.stop() == 1
        assert monotonic() - began < 5.0
        assert "services did not stop within 0.5 s (system); left behind" in collector.stderr
    assert log_of(tmp_path)[-1]["name"] == "runtime.shutdown"


def test_a_service_that_dies_ends_the_collector(tmp_path: Path) -> None:
    """A reader's exception is a status; what is no exception at all ends the thread."""
    with start_faulty(tmp_path, "raise SystemExit") as collector:
        (tmp_path / "now").touch()
        assert collector.wait() == 1
        assert "stopping: service system ended by itself" in collector.stderr
    assert log_of(tmp_path)[-1]["name"] == "runtime.shutdown"


def test_a_reload_applies_what_it_can_and_refuses_what_is_bad(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("")
    with start_collector(tmp_path, "--config", str(file), "--interval", "0.2") as collector:
        epoch = collector.request("ping")["epoch"]
        file.write_text("[metrics.memory]\nused_percent_warning = 0.5\n")
        collector.send(signal.SIGHUP)

        def told() -> bool:
            health = collector.request("health")["health"]
            return "memory" in {problem["metric"] for problem in health["problems"]}

        wait_for(told)
        file.write_text("nonsense = 1\n")
        collector.send(signal.SIGHUP)
        wait_for(lambda: "the configuration stays as it was" in collector.stderr)
        assert told()
        file.write_text("[metrics.memory]\ninterval = 5\nused_percent_warning = false\n")
        collector.send(signal.SIGHUP)
        wait_for(lambda: not told())
        described = collector.request("describe")["metrics"]
        assert next(m for m in described if m["name"] == "memory")["interval"] == 5.0
        assert collector.request("ping")["epoch"] == epoch
    log = log_of(tmp_path)
    assert [record["seq"] for record in log] == list(range(1, len(log) + 1))
    assert [r["name"] for r in log].count("collector.configured") == 2


def test_a_reload_says_truly_what_has_changed_and_what_waits_for_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("")

    def reloads(text: str) -> list[str]:
        """What it says of a reload with that configuration."""
        file.write_text(text)
        before = collector.stderr.count("configuration reloaded")
        at = len(collector.stderr.splitlines())
        collector.send(signal.SIGHUP)
        wait_for(lambda: collector.stderr.count("configuration reloaded") > before)
        lines = collector.stderr.splitlines()[at:]
        return [line for line in lines if "reloaded" in line or "only a restart" in line]

    later = "changed, but only a restart applies: record.enabled, metrics.load.enabled"
    nothing = "configuration reloaded: nothing changed"
    with start_collector(tmp_path, "--config", str(file), "--interval", "0.2") as collector:
        waits = "record = false\n[metrics.load]\nenabled = false\nload5_per_core_warning = 3\n"
        now = "configuration reloaded: metrics.load.load5_per_core_warning = 3.0"
        assert reloads(waits) == [later, now]
        assert reloads(waits) == [later, nothing], "it still waits"
        described = {m["name"]: m for m in collector.request("describe")["metrics"]}
        assert described["load"]["rules"][0]["warning"] == 3.0, "limits follow"
        back = reloads("")
        assert len(back) == 1, "set back, it waits no more"
        assert "load5_per_core_warning" in back[0]
        assert reloads("") == [nothing]


def test_the_console_prints_the_record(tmp_path: Path) -> None:
    with start_collector(
        tmp_path, "--console", "--interval", "0.1", stdout=subprocess.PIPE
    ) as collector:
        wait_for(lambda: collector.request("ping")["seq"] > 60)
        collector.send(signal.SIGTERM)
        assert collector.process.stdout is not None
        printed = collector.process.stdout.read().decode().splitlines()
        assert collector.wait() == 0
    pattern = re.compile(
        r'\{"time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z","name":"[a-z.]+","data":(.*),"seq":\d+\}'
    )
    assert all(pattern.fullmatch(line) for line in printed)
    console = [json.loads(line) for line in printed]
    assert console == log_of(tmp_path)
    assert console[-1]["name"] == "runtime.shutdown"
    cpu = next(line for line in printed if '"system.cpu.usage.updated"' in line)
    assert '"name":"system.cpu.usage.updated","data":{"user":' in cpu


def test_with_recording_off_nothing_is_written(tmp_path: Path) -> None:
    with start_collector(tmp_path, "--no-record") as collector:
        assert collector.request("ping")["ok"] is True
    assert not (tmp_path / "data").exists()


BLOCKED = """
import sys
for name in {blocked}:
    sys.modules[name] = None
from {module}.cli import main
sys.exit(main(sys.argv[1:]))
"""


def test_a_host_with_the_daemon_alone_needs_nothing_of_the_web(tmp_path: Path) -> None:
    blocked = ["flask", "flask_socketio", "gevent", "geventwebsocket", "socketio", "health_webui"]
    code = BLOCKED.format(blocked=blocked, module="health_collectord")
    arguments = ["--events", "tcp://127.0.0.1:0", "--state", "tcp://127.0.0.1:0", "--no-record"]
    with running([sys.executable, "-c", code, *arguments], tmp_path) as collector:
        assert collector.request("ping")["ok"] is True


def test_a_host_with_the_web_alone_needs_nothing_of_the_daemon(tmp_path: Path) -> None:
    pytest.importorskip("flask_socketio")
    blocked = ["bussdcc", "psutil", "health_collectord"]
    code = BLOCKED.format(blocked=blocked, module="health_webui")
    with tempfile.TemporaryDirectory(prefix="hc") as folder:
        endpoints = f"ipc://{folder}/events,ipc://{folder}/state"
        arguments = ["run", "--port", "0", "--collector", endpoints]
        with running([sys.executable, "-c", code, *arguments], tmp_path) as webui:
            assert webui.url.startswith("http://127.0.0.1:")


def test_systemd_is_told(tmp_path: Path) -> None:
    with (
        tempfile.TemporaryDirectory(prefix="hc") as folder,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd,
    ):
        systemd.bind(f"{folder}/notify")
        systemd.settimeout(10)
        env = {"NOTIFY_SOCKET": f"{folder}/notify", "WATCHDOG_USEC": "3000000"}
        with start_collector(tmp_path, env=env) as collector:
            said = [systemd.recv(500).decode() for _ in range(6)]
            assert collector.stop() == 0
            systemd.settimeout(1)
            while "STOPPING=1" not in said:
                said.append(systemd.recv(500).decode())
    assert said.count("READY=1") == 1
    assert "WATCHDOG=1" in said
    assert any(line.startswith("STATUS=") and "subscribers" in line for line in said)


def test_the_environment_of_the_tests_is_clean() -> None:
    assert not [key for key in environment() if key.startswith("HEALTH_")]
