"""What it costs to ask the Raspberry Pi's firmware: by an ioctl, and by a program each time.

Both are asked in turn, by the collector's own classes, in one process that rests in between as the
collector does. The firmware is played (tests/firmware.c), which reads and writes a file for each
question: that is part of the ioctl's figure. The program is written in C, opens a device, makes
the same ioctl and prints a line, as vcgencmd does; nothing is played to it. CPU time is the
kernel's own (getrusage), of all threads and of the programs that have ended.

    python benchmarks/firmware_cost.py [--rounds 200] [--rest 0.1]
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "daemon")]

from health_collectord.firmware import Firmware  # noqa: E402
from health_collectord.vcgencmd import Vcgencmd  # noqa: E402

from tests.firmware import PlayedFirmware, build  # noqa: E402

PROGRAM = """
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>

int main(int count, char **words) {
    static unsigned message[263];
    int fd = open("/dev/null", O_RDONLY);
    ioctl(fd, _IOWR(100, 0, char *), message); /* which fails */
    return count != 2 || printf("%s=0x0\\n", "throttled") < 0 || !words[1];
}
"""


def spent() -> float:
    """Microseconds of CPU so far, of this process and of its children."""
    both = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in both) * 1e6


def measure(folder: Path, rounds: int, rest: float) -> None:
    program = folder / "vcgencmd"
    subprocess.run(["cc", "-O2", "-x", "c", "-", "-o", program], input=PROGRAM.encode(), check=True)
    ways: dict[str, Callable[[str], str]] = {
        "nothing": lambda command: command,
        "ioctl": Firmware().ask,
        "program": Vcgencmd(str(program), timeout=10).ask,
    }
    costs: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, ask in ways.items():
            before = spent()
            ask("get_throttled")
            time.sleep(rest)  # in which the threads that were woken come to rest
            costs[name].append(spent() - before)
    idle = statistics.median(costs.pop("nothing"))
    found = {name: statistics.median(each) - idle for name, each in costs.items()}
    for name, each in costs.items():
        low, _, high = (quarter - idle for quarter in statistics.quantiles(each, n=4))
        print(f"{name:8}{found[name]:7.0f} us of CPU a question ({low:.0f} to {high:.0f})")
    print(f"ratio   {found['program'] / found['ioctl']:7.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--rest", type=float, default=0.1, help="seconds between two questions")
    options = parser.parse_args()
    if "FIRMWARE" in os.environ:
        del os.environ["LD_PRELOAD"]  # for this process only
        measure(Path(os.environ["FIRMWARE"]), options.rounds, options.rest)
        return
    with tempfile.TemporaryDirectory() as name:
        library = build(Path(name))
        assert library, "needs a C compiler"
        played = PlayedFirmware(library, Path(name) / "firmware")
        played.device("vcio_gencmd")
        subprocess.run([sys.executable, *sys.argv], env=os.environ | played.environment, check=True)


if __name__ == "__main__":
    main()
