"""The process as it is started: what it says, and how it ends."""

import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

import pytest

from tests.running import environment, start_collector, start_webui

pytestmark = pytest.mark.slow


def fails(tmp_path: Path, *args: str) -> tuple[int, str]:
    """Exit status and standard error of a run that has to end by itself."""
    (tmp_path / "empty.toml").touch()
    done = subprocess.run(
        [sys.executable, "-m", "health_webui", "--config", str(tmp_path / "empty.toml"), *args],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    return done.returncode, done.stderr


def test_a_taken_port_is_named_with_a_remedy(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, said = fails(tmp_path, "--port", str(port))
    assert status == 1
    assert said.splitlines() == [
        f"health-webui: 127.0.0.1:{port} is in use: end what listens there, or choose a --port"
    ]


def test_an_address_of_another_machine_is_named(tmp_path: Path) -> None:
    status, said = fails(tmp_path, "--host", "192.0.2.1", "--port", "0", "--auth", "none")
    assert (status, said.count("\n")) == (1, 1)
    assert "192.0.2.1 is no address of this machine" in said


def test_other_machines_are_kept_out_unless_told(tmp_path: Path) -> None:
    status, said = fails(tmp_path, "--host", "0.0.0.0", "--port", "0")
    assert (status, said.count("\n")) == (78, 1)
    assert "health-webui set-password" in said


@pytest.mark.parametrize(
    ("args", "expected"),
    [(("--port", "x"), 78), (("--collector", "one"), 78), (("--nonsense",), 64),
     (("nonsense",), 64)],
)  # fmt: skip
def test_a_wrong_command_line_has_its_status(
    tmp_path: Path, args: tuple[str, ...], expected: int
) -> None:
    status, said = fails(tmp_path, *args)
    assert status == expected
    assert "Traceback" not in said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_cleanly_within_a_second(tmp_path: Path, number: signal.Signals) -> None:
    with start_webui(tmp_path) as webui:
        with urllib.request.urlopen(webui.url, timeout=10) as response:
            assert b"never seen by this server" in response.read()
        begun = time.monotonic()
        assert webui.stop(number) == 0
        assert time.monotonic() - begun < 1.0
        assert webui.stderr.splitlines() == [f"ready url={webui.url}"]


def test_it_ends_cleanly_with_a_hundred_collectors_that_say_nothing(tmp_path: Path) -> None:
    given = [f"ipc://{tmp_path}/e{n},ipc://{tmp_path}/s{n}" for n in range(100)]
    args = tuple(part for pair in given for part in ("--collector", pair))
    with start_webui(tmp_path, args=args) as webui:
        with urllib.request.urlopen(webui.url, timeout=10) as response:
            assert b"100 unknown" in response.read()
        assert webui.stop() == 0
        assert webui.stderr.splitlines() == [f"ready url={webui.url}"]


def test_systemd_is_told_when_it_is_ready_and_whom_it_follows(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(20)
        env = {"NOTIFY_SOCKET": str(tmp_path / "notify")}
        with start_collector(tmp_path, transport="ipc") as collector:
            with start_webui(tmp_path, collector, env=env):
                told = [systemd.recv(4096).decode()]
                while told[-1] != "STATUS=following 1 host, 1 live":
                    told.append(systemd.recv(4096).decode())
            assert "READY=1" in told


def test_check_config_says_where_values_come_from(tmp_path: Path) -> None:
    (tmp_path / "empty.toml").touch()
    done = subprocess.run(
        [sys.executable, "-m", "health_webui", "check-config", "--port", "9"],
        env=environment({"HEALTH_WEBUI_HOST": "::1", "HEALTH_WEBUI_CONFIG": "empty.toml"}),
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
        cwd=tmp_path,
    )
    lines = [line.split("  # ") for line in done.stdout.splitlines()]
    found = {setting.strip(): source for setting, source in lines}
    assert found['host = "::1"'] == "HEALTH_WEBUI_HOST"
    assert found["port = 9"] == "--port"
    assert "default" in found.values()


@pytest.mark.parametrize("way", ["file", "environment", "flag"])
def test_a_wrong_setting_is_status_78_wherever_it_stands(tmp_path: Path, way: str) -> None:
    (tmp_path / "c.toml").write_text("port = -1\n" if way == "file" else "")
    done = subprocess.run(
        [sys.executable, "-m", "health_webui", "--config", "c.toml"]
        + (["--port", "-1"] if way == "flag" else []),
        env=environment({"HEALTH_WEBUI_PORT": "-1"} if way == "environment" else {}),
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
        cwd=tmp_path,
    )
    assert (done.returncode, done.stderr.count("\n")) == (78, 1)
    assert "port: expected a whole number from 0 to 65535" in done.stderr


def test_systemds_watchdog_is_fed_by_the_loop(tmp_path: Path) -> None:
    with (
        tempfile.TemporaryDirectory(prefix="hw") as folder,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd,
    ):
        systemd.bind(f"{folder}/notify")
        systemd.settimeout(10)
        env = {"NOTIFY_SOCKET": f"{folder}/notify", "WATCHDOG_USEC": "15000000"}
        with start_webui(tmp_path, env=env) as webui:
            said = [systemd.recv(500) for _ in range(4)]
            assert said.count(b"READY=1") == 1
            assert said.count(b"WATCHDOG=1") >= 2
            webui.send(signal.SIGSTOP)
            systemd.settimeout(2.5)
            with suppress(TimeoutError):  # what had been said before
                systemd.recv(500)
            with pytest.raises(TimeoutError):
                systemd.recv(500)
            webui.send(signal.SIGCONT)
            systemd.settimeout(10)
            assert systemd.recv(500)
