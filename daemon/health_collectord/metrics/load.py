"""Load averages, from ``/proc/loadavg`` (man 5 proc_loadavg), beside the number of CPUs."""

from dataclasses import dataclass
from typing import Annotated

from health_collectord.host import Host
from health_collectord.vocabulary import (
    Above,
    Figures,
    Gauge,
    Lines,
    Metric,
    Options,
    Telemetry,
    Text,
    Unit,
    rounded,
)


@dataclass(slots=True, frozen=True, kw_only=True)
class LoadUpdated(Telemetry):
    load1: Annotated[
        float, Gauge(Unit.COUNT, "tasks running or waiting, mean of 1 minute", label="1 min")
    ]
    load5: Annotated[
        float, Gauge(Unit.COUNT, "tasks running or waiting, mean of 5 minutes", label="5 min")
    ]
    load15: Annotated[
        float, Gauge(Unit.COUNT, "tasks running or waiting, mean of 15 minutes", label="15 min")
    ]
    load5_per_core: Annotated[
        float | None,
        Gauge(
            Unit.COUNT,
            "5 minute load for each CPU; null where the two are not of one machine",
            label="5 min per core",
        ),
    ]
    cores: Annotated[int | None, Gauge(Unit.COUNT, "CPUs that are online", history=False)]
    tasks_running: Annotated[int, Gauge(Unit.COUNT, "threads that can run now", history=False)]
    tasks_total: Annotated[int, Gauge(Unit.COUNT, "threads that exist", history=False)]
    reason: Annotated[str | None, Text("why there is no load for each CPU", label="Per core")]


_COUNT_AGAIN = 30.0  # seconds
_MOST_CPUS = 1 << 14  # twice what Linux can be built for
_OF_TWO_MACHINES = (
    "not applicable: the load is the host's, the CPUs are those of this container (lxcfs)"
)
_UNCOUNTED = "the CPUs cannot be counted"


class LoadReader:
    """Reads loadavg, and counts CPUs in sysfs, or in ``/proc/stat`` where sysfs is hidden.

    The kernel reckons the averages every five seconds; between those there is nothing new to read.

    Load counts tasks that wait for I/O too: it is high on a machine whose disk does not answer.

    Inside a container it is the load of the whole host, as are the CPUs, unless lxcfs shows the
    container's own. Then there is no load for each CPU (lxcfs has a load of the container's own
    too, if started with ``-l``, but nothing tells).

    Raises:
        OSError: loadavg cannot be read.
        ValueError: loadavg is not five fields as documented.
    """

    def __init__(self, host: Host, options: Options) -> None:  # noqa: ARG002 has no options
        self._loadavg = host.proc("loadavg")
        self._online = host.sys("devices/system/cpu/online")
        self._stat = host.proc("stat")
        self._present = host.sys("devices/system/cpu/present")
        self._offline = host.sys("devices/system/cpu/offline")
        self._mounts = host.proc("1/mountinfo" if host.foreign else "self/mountinfo")
        self._counted: tuple[int | None, str | None] = (None, None)
        self._count_at = float("-inf")

    def read(self, now: float) -> LoadUpdated:
        content = self._loadavg.read()
        try:
            one, five, fifteen, tasks, _ = content.split()
            running, total = tasks.split(b"/")
            loads = [float(one), float(five), float(fifteen)]
            counts = (int(running), int(total))
        except ValueError:
            raise _not_loadavg(self._loadavg.path, content) from None
        if not all(0 <= load < 1e9 for load in loads):  # float() takes nan and inf for numbers
            raise _not_loadavg(self._loadavg.path, content)
        if now >= self._count_at:  # CPUs hardly ever come or go, and counting is another read
            self._counted, self._count_at = self._cores(), now + _COUNT_AGAIN
        cores, reason = self._counted
        return LoadUpdated(
            load1=loads[0],
            load5=loads[1],
            load15=loads[2],
            load5_per_core=rounded(loads[1] / cores, 100) if cores and not reason else None,
            cores=cores,
            tasks_running=counts[0],
            tasks_total=counts[1],
            reason=reason,
        )

    def _cores(self) -> tuple[int | None, str | None]:
        """How many CPUs are online, and why the load is not theirs, if it is not.

        lxcfs covers ``online`` and ``/proc/stat``, but neither ``present`` nor ``offline``. It is
        not always among the mounts that we see.
        """
        try:
            online = _listed(self._online.read())
        except (OSError, ValueError):
            cores = self._in_stat()
            if cores is None:
                return None, _UNCOUNTED
            return cores, _OF_TWO_MACHINES if self._shown_by_lxcfs() else None
        try:
            away = _listed(self._present.read()) - online
        except (OSError, ValueError):
            away = set()
        try:
            hidden = away - _listed(self._offline.read())
        except (OSError, ValueError):  # no CPU is offline
            hidden = away
        if hidden or (away and self._shown_by_lxcfs()):
            return len(online), _OF_TWO_MACHINES
        return len(online), None

    def _in_stat(self) -> int | None:
        try:
            lines = self._stat.read().splitlines()
        except OSError:
            return None
        return sum(line.startswith(b"cpu") and line[3:4].isdigit() for line in lines) or None

    def _shown_by_lxcfs(self) -> bool:
        try:
            return b" - fuse.lxcfs " in self._mounts.read()
        except OSError:
            return False


def _listed(cpus: bytes) -> set[int]:
    """The CPUs that a list such as ``0-3,5`` names (kernel: admin-guide/cputopology)."""
    found: set[int] = set()
    for part in cpus.strip().split(b","):
        first, _, last = part.partition(b"-")
        begin, end = int(first), int(last or first)
        if not 0 <= begin <= end < _MOST_CPUS:
            raise ValueError(f"not a list of CPUs: {cpus[:40]!r}")
        found.update(range(begin, end + 1))
    return found


def _not_loadavg(path: str, content: bytes) -> ValueError:
    return ValueError(f"{path}: not load averages: {content[:60]!r}")


_ADVICE = (
    "More tasks want to run than there are CPUs. See which: top. Tasks in state D wait for a disk"
    " or a server, not for the CPU."
)

METRIC = Metric(
    title="Load",
    message=LoadUpdated,
    state="system.load",
    reader=LoadReader,
    interval=5.0,  # as often as the kernel reckons it (kernel/sched/loadavg.c: LOAD_FREQ)
    order=30,
    rules=(Above("load5_per_core", warning=2, critical=4, advice=_ADVICE),),
    card=Figures("Load", lines=("load1", "load5", "load15", "cores", "tasks_running", "reason")),
    charts=(Lines("Load", ("load1", "load5", "load15")),),
)
