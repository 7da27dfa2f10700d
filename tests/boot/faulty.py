"""health-collectord with one fault, once: the process after it, as systemd restarts it, has none.

    faulty.py FAULT MARKER [run ARGUMENT...]

The fault begins a few seconds after the start. The file MARKER says that it has been had.
"""

import os
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, "/usr/lib/health-collectord")
fault, marker = sys.argv[1], Path(sys.argv[2])
del sys.argv[1:3]
began = time.monotonic()
if fault == "mount":  # not a fault of ours: it has to be borne each time
    statvfs = os.statvfs
    os.statvfs = lambda path: hang() if path == "/home" else statvfs(path)
elif marker.exists():
    fault = "none"

# Only now: the package is not on this interpreter's path, and a mount's fault comes before it.
from health_collectord.cli import main  # noqa: E402
from health_collectord.interfaces.state import StateEndpoint  # noqa: E402
from health_collectord.metrics.disk import DiskReader  # noqa: E402
from health_collectord.metrics.memory import MemoryReader  # noqa: E402
from health_collectord.processes.system import SystemProcess  # noqa: E402
from health_collectord.sinks.jsonl import JsonlSink  # noqa: E402


def hang():
    marker.touch()
    threading.Event().wait()


def after(seconds, act, of, name):
    """Has the method do what `act` does, some seconds after the start."""
    method = getattr(of, name)

    def replaced(*args):
        if time.monotonic() > began + seconds:
            act()
        return method(*args)

    setattr(of, name, replaced)


def die():
    marker.touch()
    raise SystemExit


def leak():
    while True:
        kept.append(b"x" * (8 << 20))
        marker.touch()
        time.sleep(0.02)


def late():
    marker.touch()
    time.sleep(2.5)
    MemoryReader.read = read


kept = []
read = MemoryReader.read
if fault == "dispatch":
    after(3, hang, SystemProcess, "handle_event")
elif fault == "reader":
    after(3, hang, MemoryReader, "read")
elif fault == "service":  # a reader that may block, and so has a service of its own
    after(3, hang, DiskReader, "read")
elif fault == "endpoint":
    after(0, die, StateEndpoint, "_serve")
elif fault == "sink":
    after(3, die, JsonlSink, "write")
elif fault == "leak":
    threading.Timer(3, leak).start()
elif fault == "late":
    after(0, late, MemoryReader, "read")
sys.exit(main())
