"""What the collector costs at 1 Hz, beside a floor and beside its predecessor, in one run.

All subjects run at the same time on the same machine, each sampling once a second, so that the
ratios hold even where the machine is shared. CPU time is the kernel's own, summed over threads
(``/proc/PID/task/*/schedstat``, nanoseconds); memory, threads and context switches are those of
``/proc/PID/status`` at the end.

    python benchmarks/collector_cost.py [--seconds 60] [--without-predecessor]
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
CACHE = HERE.parent / ".cache" / "benchmarks"
PREDECESSOR = "bussdcc-system-health==0.22.0"
SETTLE_SECONDS = 8


@dataclass(slots=True)
class Subject:
    name: str
    process: "subprocess.Popen[bytes]"
    data: Path | None
    cpu: int = 0
    switches: int = 0
    written: int = 0

    def read_cpu(self) -> int:
        tasks = Path(f"/proc/{self.process.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks)

    def read_switches(self) -> int:
        tasks = Path(f"/proc/{self.process.pid}/task").glob("*/status")
        return sum(
            int(n) for t in tasks for n in re.findall(r"ctxt_switches:\s+(\d+)", t.read_text())
        )

    def read_written(self) -> int:
        return sum(f.stat().st_size for f in self.data.rglob("*.jsonl")) if self.data else 0

    def begin(self) -> None:
        self.cpu, self.switches = self.read_cpu(), self.read_switches()
        self.written = self.read_written()

    def row(self, seconds: float) -> tuple[float, ...]:
        status = Path(f"/proc/{self.process.pid}/status").read_text()

        def figure(name: str) -> int:
            return int(re.search(rf"{name}:\s+(\d+)", status)[1])  # type: ignore[index]

        return (
            (self.read_cpu() - self.cpu) / 1e6 / seconds,
            figure("VmRSS") / 1024,
            figure("RssAnon") / 1024,
            figure("Threads"),
            (self.read_switches() - self.switches) / seconds,
            (self.read_written() - self.written) / seconds,
        )


@contextmanager
def subject(name: str, command: list[str], data: Path | None = None) -> Iterator[Subject]:
    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryDirectory() as empty:
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=env, cwd=empty
        )
        try:
            yield Subject(name, process, data)
        finally:
            process.terminate()
            process.wait()


def predecessor() -> list[str]:
    """The predecessor's command, installed in a virtual environment of its own."""
    directory = CACHE / "predecessor"
    command = directory / "bin" / "bussdcc-system-health"
    if not command.exists():
        venv.create(directory, with_pip=True)
        subprocess.run(
            [directory / "bin" / "python", "-m", "pip", "install", "--quiet", PREDECESSOR],
            check=True,
        )
    # Isolated from PYTHONPATH: its package has the same name as one of ours.
    return [str(directory / "bin" / "python"), "-I", str(command)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--without-predecessor", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory, ExitStack() as running:
        ours, theirs = Path(directory, "ours"), Path(directory, "theirs")
        sockets = ["--events", f"ipc://{directory}/e", "--state", f"ipc://{directory}/s"]
        collector = [sys.executable, "-m", "health_collectord", "run", *sockets]
        subjects = [
            running.enter_context(subject("floor", [sys.executable, str(HERE / "floor.py")])),
            running.enter_context(
                subject("health-collectord", [*collector, "--data-dir", str(ours)], ours)
            ),
        ]
        if not options.without_predecessor:
            command = [*predecessor(), "run", "--stats-interval", "1", "--record", "--quiet"]
            command += ["--data-dir", str(theirs)]
            subjects.append(running.enter_context(subject("0.22.0", command, theirs)))
        time.sleep(SETTLE_SECONDS)
        for one in subjects:
            one.begin()
        begin = time.monotonic()
        time.sleep(options.seconds)
        seconds = time.monotonic() - begin
        for one in subjects:
            if one.process.poll() is not None:
                sys.exit(f"{one.name} ended with status {one.process.returncode}")
        report([(one.name, one.row(seconds)) for one in subjects])


def report(rows: list[tuple[str, tuple[float, ...]]]) -> None:
    print(f"{'at 1 Hz':<20}{'CPU ms':>9}{'RSS MB':>9}{'anon MB':>9}{'threads':>9}", end="")
    print(f"{'switch/s':>10}{'bytes/s':>9}")
    for name, (cpu, rss, anon, threads, switches, written) in rows:
        print(f"{name:<20}{cpu:>9.2f}{rss:>9.1f}{anon:>9.1f}{threads:>9.0f}", end="")
        print(f"{switches:>10.1f}{written:>9.0f}")
    figures = dict(rows)
    ours = figures["health-collectord"]
    for name, theirs in rows:
        if name != "health-collectord":
            print(
                f"health-collectord / {name}: CPU {ours[0] / theirs[0]:.2f}, "
                f"RSS {ours[1] / theirs[1]:.2f}, anon {ours[2] / theirs[2]:.2f}"
            )


if __name__ == "__main__":
    main()
