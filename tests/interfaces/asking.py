"""The operations of a collector with one metric of the tests' own."""

from health_collectord.interfaces.operations import Operations
from health_collectord.messages import MetricStatus
from health_collectord.processes.history import HistoryProcess
from health_collectord.processes.system import SystemProcess
from health_collectord.runtime.store import SnapshotStore

from tests.declarations import metric, sample
from tests.doubles import START, Context, ManualClock, sequenced

T0 = START.timestamp()


def operations(*, recorded: bool = False, before: bool = False) -> Operations:
    """After five samples, a second apart, of 0 to 4 percent, and the status ok."""
    clock = ManualClock()
    store = SnapshotStore()
    ctx = Context(clock, state=store)
    entry = metric()
    system, history = SystemProcess(), HistoryProcess(((entry, 1.0),))
    status = MetricStatus(metric="probe", status="ok", reason=None, since="now")
    for seq, payload in enumerate([*(sample(float(n), eth0=1.0) for n in range(5)), status], 1):
        evt = sequenced(payload, seq, seq - 1)
        system.handle_event(ctx, evt)
        history.handle_event(ctx, evt)
        store.commit(seq)
    clock.advance(60.0)
    return Operations(
        host="pi",
        epoch="e" * 32,
        version="1.2.3",
        clock=clock,
        store=store,
        history=history,
        entries=((entry, entry.describe()),),
        recorded=recorded,
        recorded_before=before,
    )
