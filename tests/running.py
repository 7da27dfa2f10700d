"""Real processes for tests: started until they say that they are ready, and always ended.

with start_collector(tmp_path) as collector:
    reply = collector.request("ping")
"""

import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import zmq

ROOT = Path(__file__).parents[1]
_READY_SECONDS = 20.0
_END_SECONDS = 10.0


def wait_for(
    condition: Callable[[], Any], message: str = "it did not come about", timeout: float = 10.0
) -> Any:
    """What `condition` returns, as soon as that is true.

    Raises:
        AssertionError: it was not within `timeout` seconds.
    """
    deadline = monotonic() + timeout
    pause = threading.Event()
    while not (found := condition()):
        assert monotonic() < deadline, f"{message} (within {timeout:g} s)"
        pause.wait(0.01)
    return found


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This environment without the project's variables, with its sources and strict warnings."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("HEALTH_", "NOTIFY_"))}
    path = os.pathsep.join([str(ROOT / "daemon"), str(ROOT / "webui"), str(ROOT)])
    return kept | {"PYTHONPATH": path, "PYTHONWARNINGS": "error"} | dict(extra or {})


@contextmanager
def may_open(files: int) -> Iterator[None]:
    """This process may, if the system lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, files)), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@contextmanager
def as_nobody(closed: Path) -> Iterator[None]:
    """As a user who has no right to that directory; whoever is not root closes it instead."""
    if os.geteuid() == 0:
        os.seteuid(65534)
        try:
            yield
        finally:
            os.seteuid(0)
        return
    mode = closed.stat().st_mode
    closed.chmod(0)
    try:
        yield
    finally:
        closed.chmod(mode)


class Running:
    """A process with its standard error read as it comes.

    Attributes:
        ready: the members of its ready line: ``events`` and ``state``, or ``url``.
    """

    def __init__(
        self,
        command: list[str],
        *,
        cwd: Path,
        env: Mapping[str, str] | None = None,
        stdout: int | None = subprocess.DEVNULL,
    ) -> None:
        self.process = subprocess.Popen(
            command,
            cwd=cwd,
            env=environment(env),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
        )
        self.ready: dict[str, str] = {}
        self._lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self._lines.append(line.decode(errors="replace").rstrip("\n"))

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def stderr(self) -> str:
        """What it said on standard error so far."""
        return "\n".join(self._lines)

    @property
    def events(self) -> str:
        return self.ready["events"]

    @property
    def state(self) -> str:
        return self.ready["state"]

    @property
    def url(self) -> str:
        return self.ready["url"]

    def wait_ready(self) -> None:
        """Waits for the line ``ready key=value ...``."""

        def line() -> str | None:
            assert self._reader.is_alive() or self._find_ready(), f"it ended:\n{self.stderr}"
            return self._find_ready()

        words = wait_for(line, "no ready line", _READY_SECONDS).split()[1:]
        self.ready = dict(word.split("=", 1) for word in words)

    def _find_ready(self) -> str | None:
        return next((li for li in list(self._lines) if li.startswith("ready ")), None)

    def send(self, number: int) -> None:
        self.process.send_signal(number)

    def wait(self, timeout: float = _END_SECONDS) -> int:
        """Its exit status, once it has ended by itself or by a signal sent before."""
        status = self.process.wait(timeout)
        self._reader.join(_END_SECONDS)
        return status

    def stop(self, number: int = signal.SIGTERM, timeout: float = _END_SECONDS) -> int:
        """Sends a signal and returns the exit status."""
        self.send(number)
        return self.wait(timeout)

    def request(self, op: str, /, **members: Any) -> dict[str, Any]:
        """One plain request to a collector's state endpoint, and the reply."""
        with zmq.Context() as context, context.socket(zmq.REQ) as socket:
            socket.linger = 0
            socket.connect(self.state)
            socket.send(json.dumps({"op": op, **members}).encode())
            assert socket.poll(5000), f"no reply to {op}"
            reply = json.loads(socket.recv())
        assert isinstance(reply, dict)
        return reply

    def end(self) -> None:
        """Ends it whatever its state; one that was still running has to end cleanly."""
        process = self.process
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)
            process.terminate()
            try:
                process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise AssertionError(f"it did not end on SIGTERM:\n{self.stderr}") from None
            finally:
                self._close()
            assert process.returncode == 0, f"status {process.returncode}:\n{self.stderr}"
            assert "Traceback" not in self.stderr, self.stderr
        self._close()

    def _close(self) -> None:
        self._reader.join(_END_SECONDS)
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()


@contextmanager
def running(
    command: list[str],
    cwd: Path,
    *,
    env: Mapping[str, str] | None = None,
    stdout: int | None = subprocess.DEVNULL,
    ready: bool = True,
) -> Iterator[Running]:
    """A command, ended when the block ends; with `ready`, entered when it says so."""
    process = Running(command, cwd=cwd, env=env, stdout=stdout)
    try:
        if ready:
            process.wait_ready()
        yield process
    except BaseException:
        if process.process.poll() is None:
            process.process.kill()
        process.wait()
        process.end()
        print(process.stderr, file=sys.stderr)
        raise
    process.end()


@contextmanager
def start_collector(
    tmp_path: Path,
    *args: str,
    transport: str = "tcp",
    env: Mapping[str, str] | None = None,
    stdout: int | None = subprocess.DEVNULL,
    ready: bool = True,
    module: str = "health_collectord",
) -> Iterator[Running]:
    """``health-collectord`` on free ports (or, with `transport` ``ipc``, on two sockets).

    It records below ``tmp_path/data`` and reads no configuration of the machine's.
    """
    with tempfile.TemporaryDirectory(prefix="hc") as sockets:  # an ipc path has 107 characters
        endpoints = {
            "tcp": ("tcp://127.0.0.1:0", "tcp://127.0.0.1:0"),
            "ipc": (f"ipc://{sockets}/events", f"ipc://{sockets}/state"),
        }[transport]
        config = tmp_path / "none.toml"
        config.touch()
        defaults = {
            "--config": str(config),
            "--events": endpoints[0],
            "--state": endpoints[1],
            "--data-dir": str(tmp_path / "data"),
        }
        given = [
            part for key, value in defaults.items() if key not in args for part in (key, value)
        ]
        command = [sys.executable, "-m", module, *given, *args]
        # What this machine's kernel says is of other tests' doing.
        env = {"HEALTH_COLLECTORD_KERNEL_MESSAGES": "false"} | dict(env or {})
        with running(command, tmp_path, env=env, stdout=stdout, ready=ready) as process:
            yield process


@contextmanager
def start_webui(
    tmp_path: Path,
    *collectors: Running,
    args: tuple[str, ...] = (),
    env: Mapping[str, str] | None = None,
    ready: bool = True,
) -> Iterator[Running]:
    """``health-webui`` on a free port, following `collectors`; without any, this host's own."""
    config = tmp_path / "webui.toml"
    config.touch()
    command = [sys.executable, "-m", "health_webui", "--config", str(config), "--port", "0"]
    for collector in collectors:
        command += ["--collector", f"{collector.events},{collector.state}"]
    if "--collector" in (*command, *args):  # these and no other that this machine may have
        command.append("--no-local")
    with running([*command, *args], tmp_path, env=env, ready=ready) as process:
        yield process


def records(data_dir: Path) -> list[dict[str, Any]]:
    """Every event below a collector's data directory, oldest first; each line has to be whole.

    What the record says of itself, such as its checkpoints, was never an event.
    """
    found = []
    for file in sorted((data_dir / "history").glob("*/*.jsonl")):
        text = file.read_bytes()
        assert text.endswith(b"\n"), file
        found += [json.loads(line) for line in text.splitlines()]
    return [line for line in found if "seq" in line]
