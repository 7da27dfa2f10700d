"""A well-behaved client: ``STATE PID``. Asks for the state fifty times a second, and tells how long
each answer took, and how long meanwhile the collector's threads or its own wanted a processor that
others had (man 5 proc_pid_schedstat)."""

import json
import os
import signal
import sys
import threading
from contextlib import suppress
from time import monotonic

import zmq

_EVERY_SECONDS = 0.02


def waited(pid: int) -> float:
    """Seconds that all threads of a process have waited for a processor so far."""
    total = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        with suppress(OSError), open(f"/proc/{pid}/task/{thread}/schedstat") as schedstat:
            total += int(schedstat.read().split()[1])
    return total / 1e9


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    pids = (int(sys.argv[2]), os.getpid())
    pause = threading.Event()
    with zmq.Context() as context, context.socket(zmq.REQ) as socket:
        socket.linger = 0
        socket.connect(sys.argv[1])
        while not pause.wait(_EVERY_SECONDS):
            before, asked = sum(map(waited, pids)), monotonic()
            socket.send(b'{"op":"snapshot"}')
            ok = socket.poll(10_000) and json.loads(socket.recv())["ok"]
            now = monotonic()
            told = {"kind": "Answer", "at": now, "ok": ok, "seconds": now - asked}
            print(json.dumps(told | {"waited": sum(map(waited, pids)) - before}), flush=True)


if __name__ == "__main__":
    main()
