"""What a record takes and costs: density beside gzip and xz, and its index.

    python benchmarks/archive.py [--hours 1] [--days 3] [--record FOLDER]

A recorded host's files change as a live one's do (`tests/health_archive/made.py`), the readers and
the JSON are the collector's own: so hours of record are made in minutes. `--record` measures a
folder that a collector wrote instead. The index is of the same hours again and again, for so many
days. Times are of the processor; machines are shared. `benchmarks/questions.py` asks such a record.
"""

import argparse
import json
import lzma
import os
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parents[1] / part) for part in ("", "daemon")]

from health_archive.checkpoints import Checkpoint  # noqa: E402
from health_archive.columns import decode, encode  # noqa: E402
from health_archive.index import Index  # noqa: E402
from health_archive.lines import parse  # noqa: E402
from health_archive.segments import list_segments, segment_name  # noqa: E402
from health_wire import tree  # noqa: E402

from tests.health_archive.made import EPOCH, START, MadeHost  # noqa: E402

SEGMENT = 600
DAY = 86_400_000
HOSTS = (("pi4", 0.02), ("pi4", 0.2), ("pi4", 0.5), ("pizero", 0.2), ("x86-server", 0.2))
SERIES = (
    "system.cpu.usage.user", "system.cpu.usage.system", "system.cpu.usage.cores[0].used_percent",
    "system.memory.usage.available_bytes", "system.load.load1", "system.temperature.cpu_celsius",
    "system.network.usage.interfaces[eth0].rx_bytes_per_second",
    "system.network.usage.interfaces[eth0].tx_bytes_per_second",
)  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--hours", type=float, default=1.0, help="of record to make of each host")
    parser.add_argument("--days", type=int, default=3, help="of record to index")
    parser.add_argument("--record", type=Path, help="a folder that a collector wrote")
    arguments = parser.parse_args()
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    print("| record | text B/s | gzip -9 | xz | columns | MB a day | bits a figure |"
          " encode ms | decode ms | events/s |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|---|---|")
    if arguments.record is not None:
        texts = [b"".join(p for p in s.read() if isinstance(p, bytes))
                 for s in list_segments(arguments.record)]  # fmt: skip
        show("as recorded", [text for text in texts if len(text) > 500_000])
        return 0
    kept: list[bytes] = []
    for fixture, busy in HOSTS:
        with tempfile.TemporaryDirectory(dir=memory) as folder:
            host = MadeHost(Path(folder), fixture, busy)
            texts = list(segments_of(host, round(arguments.hours * 3600)))
        show(f"{fixture}, busy {busy:.0%}", texts)
        if (fixture, busy) == ("pi4", 0.2):
            kept = texts
    with tempfile.TemporaryDirectory() as folder:
        index(Path(folder), kept, arguments.days)
    return 0


def segments_of(host: MadeHost, seconds: int) -> Iterator[bytes]:
    """Ten minutes each, with the checkpoint that begins one."""
    catalogue = tree.freeze([entry.describe() for entry in host.entries])
    state, seq, lines = tree.EMPTY, 0, list[bytes]()
    for second, said in enumerate(host.record(seconds)):
        if second % SEGMENT == 0:
            if lines:
                yield b"".join(lines)
            lines = [
                Checkpoint(
                    time=round(START.timestamp()) * 1000 + second * 1000, epoch=EPOCH, seq=seq,
                    monotonic_seconds=1000.0 + second, boot_id=EPOCH, state=state,
                    catalogue=None if second else catalogue, catalogue_id="0" * 16,
                ).line()
            ]  # fmt: skip
        for line in said:
            record = parse(line)
            seq = record.seq or seq
            state = tree.apply(state, record.name, tree.freeze(record.data))
        lines += said
    yield b"".join(lines)


def show(title: str, texts: list[bytes]) -> None:
    """A row of the table. CPU time, the best of three; densities over all segments."""
    seconds = sum(text.count(b'"collector.heartbeat"') for text in texts)
    figures = sum(map(count_figures, texts))
    size = sum(map(len, texts))
    columns = [encode(text) for text in texts]
    assert [decode(each) for each in columns] == texts
    packed = sum(map(len, columns))
    gzip = sum(len(zlib.compress(text, 9)) for text in texts)
    xz = sum(len(lzma.compress(text)) for text in texts)
    middle, one = texts[len(texts) // 2], columns[len(texts) // 2]
    there, back = best(lambda: encode(middle)), best(lambda: decode(one))
    per_second, count = packed / seconds, middle.count(b"\n")
    print(
        f"| {title} | {size / seconds:.0f} | {gzip / seconds:.0f} | {xz / seconds:.0f} |"
        f" {per_second:.1f} | {per_second * 0.0864:.2f} | {8 * packed / figures:.1f} |"
        f" {there * 1000:.0f} | {back * 1000:.0f} | {count / back:,.0f} |",
        flush=True,
    )


def count_figures(text: bytes) -> int:
    return sum(count_numbers(json.loads(line)["data"]) for line in text.splitlines())


def count_numbers(value: Any) -> int:
    if isinstance(value, dict):
        return sum(map(count_numbers, value.values()))
    if isinstance(value, list):
        return sum(map(count_numbers, value))
    return isinstance(value, int | float) and not isinstance(value, bool)


def best(what: Callable[[], object]) -> float:
    times = []
    for _ in range(3):
        begin = time.process_time()
        what()
        times.append(time.process_time() - begin)
    return min(times)


def index(folder: Path, texts: list[bytes], days: int) -> None:
    """Makes a record of so many days, and its index."""
    begin = round(START.timestamp() * 1000) // DAY * DAY
    store(folder / "history", texts, begin, days)
    index = Index(folder / "index", folder / "history")
    started = time.process_time()
    taken = len(list(index.update()))
    took = time.process_time() - started
    size = (folder / "index").stat().st_size
    index.close()
    print(f"\nindex of {taken} segments: {took:.1f} s, {1000 * took / taken:.1f} ms each,"
          f" {size / days / 1e6:.2f} MB a day\n")  # fmt: skip


def store(folder: Path, texts: list[bytes], begin: int, days: int) -> None:
    """The same segments again and again, at other times."""
    full = [text for text in texts if text.count(b'"collector.heartbeat"') == SEGMENT]
    for number in range(days * 144):
        at = begin + number * SEGMENT * 1000
        path = folder / f"{segment_name(at)}.events"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode(moved(full[number % len(full)], at)))


def moved(text: bytes, to: int) -> bytes:
    """Lines with times from `to` on; their minutes of the hour and seconds stay."""
    time = datetime.fromtimestamp(to / 1000, UTC)
    first = datetime.fromisoformat(text[9:33].decode())
    for minute in range(10):
        before = f'"time":"{first:%Y-%m-%dT%H}:{first.minute + minute:02}:'
        after = f'"time":"{time:%Y-%m-%dT%H}:{time.minute + minute:02}:'
        text = text.replace(before.encode(), after.encode())
    return text


if __name__ == "__main__":
    sys.exit(main())
