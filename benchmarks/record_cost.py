"""What the record costs: processor, memory, and bytes that reach the device, in one run.

    python benchmarks/record_cost.py [--minutes 30]

Collectors run at the same time, each with a file system (ext4 on a loop device) of its own:

- **text only**: no black box, and no segment ends: text alone, as version 1.0.0 wrote it;
- **no ring**: segments that become columns, without the black box;
- **text synced**: the same, and fdatasync of the text every ten seconds instead of a black box;
- **all of it**: the defaults, with the black box.

CPU time is the kernel's own, summed over threads (``schedstat``). What reaches the device is
counted by the kernel (``/sys/block/LOOP/stat``, sectors written), from a minute after the start on,
so that what is allocated once is left out. A segment ends every ten minutes. Needs root, for the
mounts.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

SETTLE_SECONDS = 60
IMAGE_BYTES = 256 << 20
VARIANTS = {
    "text only": "black_box = false\nsegment_seconds = 86400\n",
    "no ring": "black_box = false\n",
    "text synced": "black_box = false\n",
    "all of it": "",
}
_SYNCED = "synced"  # how this program calls itself for a collector that syncs its text


@dataclass(slots=True)
class Subject:
    process: "subprocess.Popen[bytes]"
    device: str
    cpu: int = 0
    sectors: int = 0
    rss: int = 0

    def read_cpu(self) -> int:
        tasks = Path(f"/proc/{self.process.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks)

    def read_sectors(self) -> int:
        return int(Path(f"/sys/block/{self.device}/stat").read_text().split()[6])

    def read_rss(self) -> int:
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def begin(self) -> None:
        self.cpu, self.sectors, self.rss = self.read_cpu(), self.read_sectors(), self.read_rss()


@contextmanager
def disk(folder: Path) -> "Iterator[tuple[Path, str]]":
    """A file system of its own, and its loop device's name."""
    image, point = folder / "image", folder / "disk"
    with image.open("wb") as file:
        file.truncate(IMAGE_BYTES)
    # Else the kernel goes on making the file system while we count.
    lazy = "lazy_itable_init=0,lazy_journal_init=0"
    subprocess.run(["mkfs.ext4", "-q", "-E", lazy, image], check=True)
    point.mkdir()
    subprocess.run(["mount", "-o", "loop", image, point], check=True)
    try:
        device = os.stat(point).st_dev
        node = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}").resolve()
        yield point, node.name
    finally:
        subprocess.run(["umount", point], check=True)


@contextmanager
def subject(folder: Path, name: str, settings: str) -> "Iterator[Subject]":
    folder.mkdir()
    config = folder / "config.toml"
    config.write_text(f"[record]\n{settings}")
    with disk(folder) as (data, device):
        arguments = ["run", "--config", str(config), "--data-dir", str(data),
                     "--events", f"ipc://{folder}/e", "--state", f"ipc://{folder}/s"]  # fmt: skip
        how = [__file__, _SYNCED] if name == "text synced" else ["-m", "health_collectord"]
        log = (folder / "log").open("wb")
        process = subprocess.Popen([sys.executable, *how, *arguments], stdout=log, stderr=log)
        try:
            yield Subject(process, device)
        finally:
            process.terminate()
            process.wait()
            log.close()


def run_synced(arguments: list[str]) -> int:
    """A collector whose text is synced every ten seconds."""
    from health_collectord.cli import main as collect
    from health_collectord.sinks.jsonl import JsonlSink
    from health_collectord.sinks.queued import Record

    write, synced = JsonlSink.write, [0.0]

    def write_and_sync(sink: JsonlSink, batch: list[Record]) -> int:
        written = write(sink, batch)
        if time.monotonic() - synced[0] >= 9:
            synced[0] = time.monotonic()
            os.fdatasync(sink._fd)
        return written

    JsonlSink.write = write_and_sync  # type: ignore[method-assign]
    return collect(arguments)


def main() -> int:
    if sys.argv[1:2] == [_SYNCED]:
        return run_synced(sys.argv[2:])
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30)
    minutes = parser.parse_args().minutes
    with tempfile.TemporaryDirectory() as folder, ExitStack() as running:
        subjects = {
            name: running.enter_context(subject(Path(folder, name.replace(" ", "-")), name, given))
            for name, given in VARIANTS.items()
        }
        time.sleep(SETTLE_SECONDS)
        for each in subjects.values():
            each.begin()
        begin = time.monotonic()
        time.sleep(minutes * 60)
        seconds = time.monotonic() - begin
        for name, each in subjects.items():
            if each.process.poll() is not None:
                sys.exit(f"{name} ended with status {each.process.returncode}")
        report(subjects, seconds)
    return 0


def report(subjects: dict[str, Subject], seconds: float) -> None:
    cpus = {n: (s.read_cpu() - s.cpu) / 1e6 / seconds for n, s in subjects.items()}
    least = cpus["text only"]
    load = " ".join(Path("/proc/loadavg").read_text().split()[:3])
    print(f"{seconds / 60:.0f} minutes, load average {load} at the end")
    print(
        f"{'at 1 Hz':<14}{'CPU ms/s':>10}{'ratio':>8}{'RSS MB':>9}{'grown':>8}{'device MB/day':>15}"
    )
    for name, each in subjects.items():
        rss = each.read_rss()
        device = (each.read_sectors() - each.sectors) * 512 / seconds * 86400
        print(f"{name:<14}{cpus[name]:>10.2f}{cpus[name] / least:>8.2f}{rss / 1e6:>9.1f}"
              f"{(rss - each.rss) / 1e6:>8.1f}{device / 1e6:>15.0f}")  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
