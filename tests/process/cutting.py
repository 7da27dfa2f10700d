"""Cuts the power, or kills the collector, at random moments, and looks at what is left."""

import random
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

from tests.process.power import (
    CuttableDisk,
    Left,
    Listener,
    check,
    ext4,
    mounted,
    now,
)
from tests.running import start_collector, wait_for

SYNC_SECONDS = 2
CONFIG = f"[record]\nsync_seconds = {SYNC_SECONDS}\nsegment_seconds = 10\ntext_seconds = 20\n"
_EVERY = "0.2"  # seconds between samples


def _arguments(tmp_path: Path, data: Path) -> tuple[str, ...]:
    config = tmp_path / "config.toml"
    config.write_text(f"kernel_messages = false\n{CONFIG}")
    return ("--config", str(config), "--interval", _EVERY, "--data-dir", str(data))


def power_cuts(tmp_path: Path, count: int, chance: random.Random) -> Iterator[Left]:
    """After each of so many: what was left of the start that was cut, once another has begun.

    One collector records all along. At each moment its disk is copied as a loss of power would
    leave it, and the copy is what the next start finds.

    Args:
        tmp_path: an empty folder.

    Raises:
        AssertionError: see `check`.
        OSError: no such disk can be had here.
    """
    disk = CuttableDisk(tmp_path / "disk", ext4(tmp_path / "image").read_bytes())
    pause = threading.Event()
    data, after, copy = tmp_path / "data", tmp_path / "after", tmp_path / "copy"
    try:
        with (
            mounted(disk.point / "image", data),
            start_collector(tmp_path, *_arguments(tmp_path, data)) as collector,
        ):
            listener = Listener(collector.events)
            wait_for(lambda: listener.epochs)
            [epoch] = listener.epochs
            pause.wait(SYNC_SECONDS)
            for _ in range(count):
                pause.wait(chance.uniform(0.1, 2.5))
                cut, left = now(), disk.cut(chance)
                said = list(listener.epochs[epoch].items())
                heard = {seq: each for seq, each in said if each.time <= cut}
                copy.write_bytes(left)
                with mounted(copy, after):
                    with start_collector(tmp_path, *_arguments(tmp_path, after)):
                        pass
                    yield check(after / "history", tmp_path / "index", epoch, heard, cut)
                (tmp_path / "index").unlink()
                copy.unlink()  # a new one each time: who has copied our mounts may still hold it
            listener.close()
    finally:
        disk.close()


def kills(tmp_path: Path, count: int, chance: random.Random) -> Iterator[Left]:
    """The same for a collector that is killed again and again, on one disk all along."""
    data, pause = tmp_path / "data", threading.Event()
    events = f"ipc://{tmp_path}/e"
    arguments = (*_arguments(tmp_path, data), "--events", events)
    listener = Listener(events)
    before: tuple[str, int] | None = None
    try:
        for _ in range(count + 1):
            with start_collector(tmp_path, *arguments) as collector:
                epoch = collector.request("ping")["epoch"]
                if before is not None:
                    yield check(
                        data / "history", tmp_path / "index", before[0],
                        dict(listener.epochs.get(before[0], {})), before[1],
                    )  # fmt: skip
                pause.wait(chance.uniform(0, 2.5 * SYNC_SECONDS))
                before = epoch, now()
                collector.send(signal.SIGKILL)
                collector.wait()
    finally:
        listener.close()
