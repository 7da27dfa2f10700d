"""A well-behaved client: ``STATE PID``. Asks for the state fifty times a second, and tells how long
each answer took, and how long meanwhile the collector's threads or its own wanted a processor that
others had (man 5 proc_pid_schedstat). Who is shut out with all others gets no answer to what it has
asked: it tells that, and asks anew."""

import json
import os
import signal
import sys
import threading
from contextlib import suppress
from time import monotonic

import zmq

_EVERY_SECONDS = 0.02
_LOST_SECONDS = 2.0


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
    with zmq.Context() as context:
        while True:
            with context.socket(zmq.REQ) as socket:
                socket.linger = 0
                socket.connect(sys.argv[1])
                while not pause.wait(_EVERY_SECONDS):
                    before, asked = sum(map(waited, pids)), monotonic()
                    socket.send(b'{"op":"snapshot"}')
                    if not socket.poll(_LOST_SECONDS * 1000):
                        print(json.dumps({"kind": "Lost", "at": monotonic()}), flush=True)
                        break
                    ok, now = json.loads(socket.recv())["ok"], monotonic()
                    told = {"kind": "Answer", "at": now, "ok": ok, "seconds": now - asked}
                    told["waited"] = sum(map(waited, pids)) - before
                    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
