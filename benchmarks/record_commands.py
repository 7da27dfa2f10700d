"""What the commands about the record take, as whole processes: real and processor time.

    python benchmarks/record_commands.py [--days 7]

An hour of record is made as `archive.py` does it, and stored again and again with other times, for
so many days.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / part) for part in ("", "daemon")]

from health_archive.segments import list_segments  # noqa: E402

from benchmarks.archive import DAY, START, MadeHost, segments_of, store  # noqa: E402

PROGRAM = [sys.executable, "-m", "health_collectord"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--days", type=int, default=7, help="of record")
    days = parser.parse_args().days
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        texts = list(segments_of(MadeHost(Path(folder), "pi4", 0.2), 3600))
    with tempfile.TemporaryDirectory() as name:
        data = Path(name)
        store(data / "history", texts, round(START.timestamp() * 1000) // DAY * DAY, days)
        size = sum(segment.size for segment in list_segments(data / "history"))
        print(f"{days} days, {size / 1e6:.1f} MB\n")
        print("| command | real s | processor s |\n|---|---|---|")
        measure_all(data, sum(text.count(b"\n") for text in texts[:6]) * 24)
    return 0


def measure_all(data: Path, a_day: int) -> None:
    where, out = ["--data-dir", str(data)], str(data / "out")
    window = ["--from", "2026-01-01T10:00", "--to", "2026-01-01T11:00"]
    export = ["history", "export", "--force", *window, *where]
    measure("history verify", ["history", "verify", *where])
    measure("history rebuild", ["history", "rebuild", *where])
    for form in ("jsonl", "csv", "capsule"):
        measure(f"history export, an hour as {form}", [*export, "--format", form, out])
    measure("the same, redacted", [*export, "--format", "capsule", "--redact", out])
    ends = ["--events", f"ipc://{data}/e", "--state", f"ipc://{data}/s"]
    took = measure("replay --speed max of a day", ["replay", "--speed", "max", *where, *ends,
                   str(data / "history/2026-01-01")])  # fmt: skip
    print(f"\nreplay: {a_day / took:,.0f} events a second, its start and end included")


def measure(title: str, words: list[str]) -> float:
    before, begin = os.times(), time.perf_counter()
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1] / "daemon"),
                                "HEALTH_COLLECTORD_CONFIG": os.devnull}  # fmt: skip
    subprocess.run([*PROGRAM, *words], check=True, capture_output=True, env=environment)
    real, after = time.perf_counter() - begin, os.times()
    processor = sum(after[2:4]) - sum(before[2:4])
    print(f"| {title} | {real:.1f} | {processor:.1f} |", flush=True)
    return real


if __name__ == "__main__":
    sys.exit(main())
