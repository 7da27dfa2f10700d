"""One host's page left open: what its scripts hold and how many DOM nodes there are, each minute.

    python benchmarks/page_soak.py [--minutes 60]

The first minutes fill the charts; growth is the slope of a line through the minutes after them.
"""

import argparse
import os
import statistics
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.chromium import Left, chromium  # noqa: E402
from tests.running import start_collector, start_webui  # noqa: E402

FILLING_MINUTES = 6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=int, default=60)
    minutes = parser.parse_args().minutes
    filling = min(FILLING_MINUTES, minutes // 3)
    rows: list[tuple[int, float, int]] = []
    with tempfile.TemporaryDirectory(prefix="hc") as directory, ExitStack() as stack:
        collector = stack.enter_context(start_collector(Path(directory), transport="ipc"))
        webui = stack.enter_context(start_webui(Path(directory), collector))
        browser, pid = stack.enter_context(chromium())
        left = Left(browser, pid, webui.url)
        for minute in range(minutes + 1):
            heap, nodes = left.memory()
            rows.append((minute, heap, nodes))
            left.page.evaluate("window.lags.splice(0)")  # our own, which grows too
            cpu = left.cpu(60) if minute < minutes else 0.0
            load = os.getloadavg()[0]
            print(f"{minute:3d} min {heap:8.3f} MB {nodes:6d} nodes, then {cpu:4.1f} %", end=" ")
            print(f"of a core; load average {load:.1f}", flush=True)
    kept = rows[filling:]
    slope = statistics.linear_regression([r[0] for r in kept], [r[1] for r in kept]).slope
    print(f"after the first {filling} min: {slope * 60:+.3f} MB an hour,", end=" ")
    print(f"nodes {kept[0][2]} to {kept[-1][2]}")


if __name__ == "__main__":
    main()
