"""Cuts the power many times, and kills the collector as often: what is lost each time.

python benchmarks/power_cuts.py --cuts 200 --kills 200

How the power is cut without any: tests/process/power.py. After each cut another collector starts
on what is left, whose file system is mounted as it is found, without a repair. Its record is held
against what was published: nothing may be there that never was, and coverage has to tell all that
is missing. The age of what is lost is that of the oldest missing event when the power went. Root,
FUSE, loop devices and ext4 are needed.
"""

import argparse
import random
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / part) for part in ("", "daemon")]

from tests.process.cutting import SYNC_SECONDS, kills, power_cuts  # noqa: E402
from tests.process.power import Left  # noqa: E402

_Cuts = Callable[[Path, int, random.Random], Iterator[Left]]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cuts", type=int, default=200)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    chance = random.Random(given.seed)
    print(f"sync_seconds {SYNC_SECONDS}")
    _tell("power cut", power_cuts, given.cuts, chance)
    _tell("kill -9", kills, given.kills, chance)
    return 0


def _tell(what: str, cuts: _Cuts, count: int, chance: random.Random) -> None:
    if not count:
        return
    left = []
    with tempfile.TemporaryDirectory(prefix="power") as folder:
        for each in cuts(Path(folder), count, chance):
            left.append(each)
            if sys.stderr.isatty():
                sys.stderr.write(f"\r{len(left)} of {count}")
    ages = sorted(each.age for each in left)
    print(
        f"{what}: {len(left)} times; the oldest lost event was {statistics.median(ages):.1f} s old"
        f" (median), {ages[int(len(ages) * 0.95)]:.1f} s (p95), {ages[-1]:.1f} s (most); events"
        f" lost {sum(each.lost for each in left)}, there {sum(each.events for each in left)}",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
