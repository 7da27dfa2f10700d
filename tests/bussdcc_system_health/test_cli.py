"""Both processes with one command: started, found live, and ended together."""

import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.running import environment, records, wait_for

pytestmark = pytest.mark.slow

pytest.importorskip("flask_socketio", reason="needs the webui extra")


class Both:
    """``bussdcc-system-health`` with its output in a file."""

    def __init__(self, tmp_path: Path, *arguments: str) -> None:
        self.data = tmp_path / "data"
        self._output = tmp_path / "output"
        self._file = self._output.open("wb")
        free = ["--port", "0", "--events", "tcp://127.0.0.1:0", "--state", "tcp://127.0.0.1:0"]
        command = [sys.executable, "-m", "bussdcc_system_health", *free]
        self.process = subprocess.Popen(
            [*command, "--data-dir", str(self.data), *arguments],
            cwd=tmp_path,
            env=environment({"HEALTH_COLLECTORD_CONFIG": "/dev/null"}),
            stdin=subprocess.DEVNULL,
            stdout=self._file,
            stderr=subprocess.STDOUT,
        )

    @property
    def output(self) -> str:
        return self._output.read_text()

    def url(self) -> str:
        def said() -> str | None:
            assert self.process.poll() is None, self.output
            words = [w for w in self.output.split() if w.startswith("http://")]
            return words[0] if words else None

        found = wait_for(said, "no address", 30)
        assert isinstance(found, str)
        return found

    def children(self) -> list[int]:
        pid = self.process.pid
        return [
            int(p)
            for t in Path(f"/proc/{pid}/task").iterdir()
            for p in (t / "children").read_text().split()
        ]

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        try:
            return self.process.wait(20)
        finally:
            self.process.kill()
            self.process.wait()
            self._file.close()


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_both_start_and_both_end(number: int, tmp_path: Path) -> None:
    both = Both(tmp_path)
    try:
        url = both.url()
        assert url.startswith("http://localhost:")
        with urllib.request.urlopen(url, timeout=10) as page:
            assert b"<h1" in page.read()
        children = both.children()
        assert len(children) == 2
    finally:
        status = both.end(number)
    assert status == 0, both.output
    wait_for(lambda: not any(map(is_running, children)), "a process is left")
    assert records(both.data)[-1]["name"] == "runtime.shutdown"


def test_nothing_is_left_when_it_is_killed(tmp_path: Path) -> None:
    both = Both(tmp_path)
    try:
        both.url()
        children = both.children()
    finally:
        both.end(signal.SIGKILL)
    wait_for(lambda: not any(map(is_running, children)), "a process is left")


def test_when_one_ends_both_end(tmp_path: Path) -> None:
    both = Both(tmp_path)
    try:
        both.url()
        collector, webui = both.children()
        subprocess.run(["kill", "-KILL", str(collector)], check=True)
        assert both.process.wait(20) == 1
        assert "health-collectord was killed by SIGKILL, so all of it ends" in both.output
    finally:
        both.end()
    wait_for(lambda: not is_running(webui), "the web process is left")


def test_it_says_what_is_wrong(tmp_path: Path) -> None:
    both = Both(tmp_path, "--interval", "never")
    assert both.process.wait(20) == 78
    both.end()
    assert "expected a number, got 'never'" in both.output
    assert "Traceback" not in both.output


def test_help_names_both(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bussdcc_system_health", "--help"]
    said = subprocess.run(command, env=environment(), capture_output=True, text=True, check=True)
    assert "health-collectord" in said.stdout
    assert not said.stderr
