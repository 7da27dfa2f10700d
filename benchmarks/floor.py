"""The floor: a Python loop that reads the collector's per-second files with pread, and no more."""

import os
import time

FILES = ("stat", "meminfo", "loadavg", "net/dev")


def main() -> None:
    files = [os.open(f"/proc/{name}", os.O_RDONLY) for name in FILES]
    moment = time.monotonic()
    while True:
        for fd in files:
            for line in os.pread(fd, 65536, 0).splitlines():
                line.split()
        moment += 1.0
        time.sleep(max(moment - time.monotonic(), 0.0))


if __name__ == "__main__":
    main()
