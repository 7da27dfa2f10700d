"""health-collectord with one fault, once: the process after it, as systemd restarts it, has none.

    faulty.py FAULT MARKER [run ARGUMENT...]

The fault begins when the process has said that it is ready and its record has begun, however long a
busy machine takes for that. The file MARKER says that it has been had.
"""

import os
import sys
import threading
from pathlib import Path

sys.path.insert(0, "/usr/lib/health-collectord")
fault, marker = sys.argv[1], Path(sys.argv[2])
del sys.argv[1:3]
started = threading.Event()
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
from health_collectord.runtime.systemd import Notifier  # noqa: E402
from health_collectord.sinks.jsonl import JsonlSink  # noqa: E402


def hang():
    marker.touch()
    threading.Event().wait()


def begun():
    """Without a record the next start could not say why there was another one."""
    return started.is_set() and any(Path("history").glob("*/*.jsonl"))


def instead(act, of, name, condition=begun):
    """Has the method do what `act` does, once there is something to be lost."""
    method = getattr(of, name)

    def replaced(*args):
        if condition():
            act()
        return method(*args)

    setattr(of, name, replaced)


def ready(notifier):
    say_ready(notifier)
    started.set()
    if fault == "leak":
        threading.Thread(target=leak).start()


def die():
    marker.touch()
    raise SystemExit


def leak():
    pause = threading.Event()
    while not begun():
        pause.wait(0.05)
    marker.touch()
    while True:
        kept.append(b"x" * (8 << 20))


def late():
    """Reads when the file `go` beside the marker says so."""
    marker.touch()
    pause = threading.Event()
    while not marker.with_name("go").exists():
        pause.wait(0.05)
    MemoryReader.read = read


kept = []
read = MemoryReader.read
say_ready, Notifier.ready = Notifier.ready, ready
if fault == "dispatch":
    instead(hang, SystemProcess, "handle_event")
elif fault == "reader":
    instead(hang, MemoryReader, "read")
elif fault == "service":  # a reader that may block, and so has a service of its own
    instead(hang, DiskReader, "read")
elif fault == "endpoint":
    instead(die, StateEndpoint, "_serve", lambda: True)
elif fault == "sink":
    instead(die, JsonlSink, "write")
elif fault == "late":
    instead(late, MemoryReader, "read", lambda: True)
sys.exit(main())
