"""What it takes to ask a year of record, and what that costs whoever asks something else.

    python benchmarks/questions.py [--days 3] [--year] [--keep FOLDER]

A record as `benchmarks/archive.py` makes it; with `--year`, its index says a year of the same days.
All files of the others are one day's: who asks for figures of minutes or hours reads none of them.
Questions are asked of the reader's own process, and timed until the reply is there: first of
a process that has read nothing yet, then again. Then of a collector, while `ping` is timed.
"""

import argparse
import json
import os
import random
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parents[1] / part) for part in ("", "daemon")]

import zmq  # noqa: E402
from health_archive import minutes  # noqa: E402
from health_archive.index import Index  # noqa: E402
from health_archive.minutes import HOUR, MINUTE, Rows  # noqa: E402
from health_archive.segments import segment_name  # noqa: E402

from benchmarks.archive import DAY, SERIES, segments_of, store  # noqa: E402
from tests.health_archive.made import START, MadeHost  # noqa: E402
from tests.running import Running, start_collector  # noqa: E402

LAST = round(START.timestamp() * 1000) // DAY * DAY
TIMES = 15
SPANS = {"an hour": DAY // 24, "two hours": DAY // 12, "a day": DAY, "7 days": 7 * DAY,
         "30 days": 30 * DAY, "a year": 365 * DAY}  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--days", type=int, default=3, help="of record to make")
    parser.add_argument("--year", action="store_true", help="have the index say a year")
    parser.add_argument("--keep", type=Path, help="where the record is made, or has been")
    given = parser.parse_args()
    with ExitStack() as stack:
        folder = given.keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if not (folder / "index").exists():
            make(folder, given.days, year=given.year)
        end = LAST + given.days * DAY
        print("| question | first ms | again, median ms | p95 ms |\n|---|---|---|---|")
        for name, span in SPANS.items():
            if given.year or span <= given.days * DAY:
                window = {"start": end - span, "end": end}
                figures = {"series": SERIES, "known": SERIES, "points": 1000}
                timed(folder, f"history, 8 series, {name}", {"op": "history"} | figures | window)
        chance = random.Random(1)
        timed(folder, "state_at", lambda: {
            "op": "state_at", "time": LAST + chance.randrange(given.days * DAY)})  # fmt: skip
        page = {"op": "events", "names": [], "limit": 1000, "cursor": None}
        timed(folder, "events, 1000", page | {"start": LAST + DAY // 2, "end": end})
        for op in ("coverage", "marks"):
            for name, span in SPANS.items():
                if name in ("a day", "30 days") and (given.year or span <= given.days * DAY):
                    window = {"start": end - span, "end": end}
                    timed(folder, f"{op}, {name}", {"op": op, **window})
        beside(folder, end)
    return 0


def make(folder: Path, days: int, *, year: bool) -> None:
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as files:
        texts = list(segments_of(MadeHost(Path(files), "pi4", 0.2), 3600))
    store(folder / "history", texts, LAST, days)
    index = Index(folder / "index", folder / "history")
    list(index.update())
    index.close()
    if year:
        with sqlite3.connect(folder / "index") as db:
            for back in range(1, 365 - days):
                copy_day(folder / "history", db, back)


def copy_day(folder: Path, db: sqlite3.Connection, back: int) -> None:
    """The day after the first one, once more, so many days before the first."""
    day = segment_name(LAST + DAY)[:10]
    step = (back + 1) * DAY
    to = segment_name(LAST + DAY - step)[:10]
    for metric, series, hours, blob in db.execute(
        "SELECT metric, series, hours, minutes FROM days WHERE day = ?", (day,)
    ).fetchall():
        parts = {
            name.replace(day, to): moved(rows, step // MINUTE) for name, rows in minutes.split(blob)
        }
        packed = minutes.alone(moved(minutes.read_alone(hours), step // HOUR))
        row = (metric, series, to, packed, minutes.join(parts))
        db.execute("INSERT INTO days VALUES (?, ?, ?, ?, ?)", row)
    for name, size, text in db.execute(
        "SELECT name, size, facts FROM segments WHERE name LIKE ?", (f"{day}%",)
    ).fetchall():
        facts = json.loads(text)
        facts["first_time"] -= step
        facts["last_time"] -= step
        facts["epoch"] = f"{to}"  # each day is another start
        facts["runs"] = [[a, b, c - step, d - step] for a, b, c, d in facts["runs"]]
        facts["marks"] = [{**mark, "time": mark["time"] - step} for mark in facts["marks"]]
        (folder / to).mkdir(exist_ok=True)
        (folder / f"{name.replace(day, to)}.events").hardlink_to(folder / f"{name}.events")
        row = (name.replace(day, to), size, json.dumps(facts))
        db.execute("INSERT INTO segments VALUES (?, ?, ?)", row)


def moved(rows: Rows, step: int) -> Rows:
    return Rows([at - step for at in rows.at], rows.count, rows.low, rows.mean, rows.high)


class Reader:
    """The process that a collector has for this."""

    def __init__(self, folder: Path) -> None:
        path = os.pathsep.join(filter(None, sys.path))
        command = [sys.executable, "-P", "-m", "health_collectord.reader"]
        self._process = subprocess.Popen(
            [*command, str(folder / "history"), str(folder / "index")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": path},
        )  # fmt: skip

    def ask(self, question: Any) -> tuple[float, bytes]:
        """The milliseconds it took, and the answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        begun = time.perf_counter()
        self._process.stdin.write(json.dumps(question).encode() + b"\n")
        self._process.stdin.flush()
        head = self._process.stdout.readline()
        body = self._process.stdout.read(int(head[1:]))
        assert head[:1] == b"+", body
        return 1000 * (time.perf_counter() - begun), body

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def timed(folder: Path, title: str, question: Any) -> None:
    def asked() -> Any:
        return question() if callable(question) else question

    first = []
    for _ in range(5):
        reader = Reader(folder)
        reader.ask({"op": "state_at", "time": LAST + DAY // 2})  # it has started
        first.append(reader.ask(asked())[0])
        again = sorted(reader.ask(asked())[0] for _ in range(TIMES))
        reader.close()
    print(f"| {title} | {statistics.median(first):.0f} | {statistics.median(again):.1f} |"
          f" {again[-1]:.1f} |", flush=True)  # fmt: skip


def beside(folder: Path, end: int) -> None:
    """`ping` of a collector with this record, alone and while somebody reads without a pause."""
    with tempfile.TemporaryDirectory() as made:
        data = Path(made, "data")
        shutil.copytree(folder, data)
        with start_collector(Path(made)) as collector:
            print("\n| ping | median ms | p99 ms | p99.9 ms |\n|---|---|---|---|")
            pings(collector, "alone")
            ending = threading.Event()
            question = {
                "op": "history", "series": SERIES, "points": 5000,
                "start": (end - 365 * DAY) / 1000, "end": end / 1000,
            }  # fmt: skip
            reading = threading.Thread(target=keep_asking, args=(collector, question, ending))
            reading.start()
            pings(collector, "while a year is read")
            ending.set()
            reading.join()


def keep_asking(collector: Running, question: dict[str, Any], ending: threading.Event) -> None:
    """Does not look into the replies: that would keep the other thread from being timed."""
    count = 0
    with zmq.Context() as context, context.socket(zmq.REQ) as socket:
        socket.linger = 0
        socket.connect(collector.state)
        while not ending.is_set():
            socket.send(json.dumps(question).encode())
            count += socket.recv().startswith(b'{"ok":true')
    print(f"\nit was read {count} times meanwhile")


def pings(collector: Running, title: str) -> None:
    times = []
    with zmq.Context() as context, context.socket(zmq.REQ) as socket:
        socket.linger = 0
        socket.connect(collector.state)
        until = time.monotonic() + 20
        while time.monotonic() < until:
            begun = time.perf_counter()
            socket.send(b'{"op":"ping"}')
            socket.recv()
            times.append(1000 * (time.perf_counter() - begun))
            time.sleep(0.005)
    times.sort()
    print(f"| {title} | {statistics.median(times):.2f} | {times[len(times) * 99 // 100]:.2f} |"
          f" {times[len(times) * 999 // 1000]:.2f} |", flush=True)  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
