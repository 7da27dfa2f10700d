"""All tests in two runs of pytest at once: most of them wait most of the time.

    python -m tests.halves [--fast] [PYTEST-ARGUMENT...]

With --fast, those that start no process and wait for nothing. Each run takes the arguments and, of
the tests that they name, those of its half. What the first says is shown as it comes, and then what
the second has said. The status is 0 if both have passed.
"""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import BinaryIO

HALF, HALF_OF_FAST = "TESTS_HALF", "TESTS_HALF_OF_FAST"
FIRST, SECOND = "first", "second"
FAST = (
    "-q",
    "-m",
    "not slow",
    *(f"--ignore=tests/{each}" for each in ("boot", "browser", "process")),
)
IN_SECOND = ("boot", "process")  # where much is waiting for what shall happen within some time
FAST_IN_SECOND = ("health_archive", "health_wire", "interfaces", "metrics", "runtime")
# But for these, which do nothing but wait: so the two take about as long.
IN_FIRST = ("test_link_cuts", "test_recorded_hosts", "test_records", "test_stopped_client")
_NOTHING_TO_RUN = 5  # pytest's status where no test of a half was asked for


def half_of(path: Path) -> str:
    """In which half the tests of a file are."""
    inside = path.relative_to(Path(__file__).parent).parts
    if HALF_OF_FAST in os.environ:
        return SECOND if inside[0] in FAST_IN_SECOND else FIRST
    return SECOND if inside[0] in IN_SECOND and path.stem not in IN_FIRST else FIRST


def start(half: str, arguments: list[str], output: BinaryIO | None) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "pytest", "-o", f"cache_dir=.pytest_cache/{half}"]
    return subprocess.Popen(
        [*command, *arguments],
        env={**os.environ, HALF: half, "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=None if output is None else subprocess.STDOUT,
    )


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["--fast"]:
        os.environ[HALF_OF_FAST] = "1"
        arguments = [*FAST, *arguments[1:]]
    runs: list[subprocess.Popen[bytes]] = []

    def stop(*_: object) -> None:
        for run in runs:
            run.send_signal(signal.SIGINT)  # upon which it ends what its tests have started

    # A terminal tells the runs as well as this process, which only waits for them. That it does not
    # ignore the signal but handles it matters: they would inherit that.
    signal.signal(signal.SIGINT, lambda *_: None)
    signal.signal(signal.SIGTERM, stop)
    with tempfile.TemporaryFile() as output:
        runs += [start(FIRST, arguments, None), start(SECOND, arguments, output)]
        runs[0].wait()
        show(output.fileno(), runs[1])
    statuses = {run.returncode for run in runs} - {_NOTHING_TO_RUN}
    return max(map(abs, statuses), default=_NOTHING_TO_RUN)


def show(file: int, run: subprocess.Popen[bytes]) -> None:
    """What a run has said and says, until it ends."""
    shown, ended = 0, False
    while not ended:
        try:
            run.wait(0.5)
            ended = True
        except subprocess.TimeoutExpired:
            pass
        while said := os.pread(file, 1 << 16, shown):
            sys.stdout.buffer.write(said)
            shown += len(said)
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
