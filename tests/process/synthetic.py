"""A collector without metrics that emits a thousand synthetic events a second.

Run as a program, on free ports or with EVENTS, STATE and perhaps a directory of keys, which it then
asks for; it says ``ready events=... state=...`` like the real one. Every event changes the state,
and `test.lanes.N` holds the number of the last event of its lane, so that one event left out is a
wrong state, and the epoch that it is of.
"""

import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import zmq
from bussdcc.message import Message
from health_collectord.interfaces.access import Gate, KeyFiles
from health_collectord.interfaces.operations import Operations
from health_collectord.interfaces.publisher import EventPublisher
from health_collectord.interfaces.state import StateEndpoint
from health_collectord.processes.history import HistoryProcess
from health_collectord.processes.system import SystemProcess
from health_collectord.runtime.grid import GridService, Heartbeat
from health_collectord.runtime.runtime import CollectorRuntime, leave
from health_collectord.vocabulary import Gauge, Text, Unit

LANES = 10


@dataclass(slots=True, frozen=True, kw_only=True)
class LaneMoved(Message):
    """``test.lanes.N.updated``"""

    namespace = "test"
    lane: int
    number: Annotated[int, Gauge(Unit.COUNT, "events of this lane so far")]
    epoch: Annotated[str, Text("of this start")]

    @property
    def event_name(self) -> str:
        return f"test.lanes.{self.lane}.updated"


class Burst:
    """Ten events, each hundredth of a second."""

    interval = 0.01

    def __init__(self, epoch: str) -> None:
        self.number = 0
        self._epoch = epoch

    def run(self, now: float, time: datetime) -> Iterable[Message]:
        self.number += 1
        for lane in range(LANES):
            yield LaneMoved(lane=lane, number=self.number, epoch=self._epoch)


def main() -> int:
    runtime = CollectorRuntime()
    context: zmq.Context[Any] = zmq.Context()
    epoch = os.urandom(16).hex()
    history = HistoryProcess(())
    operations = Operations(
        host="synthetic", epoch=epoch, version="0", clock=runtime.clock, store=runtime.store,
        history=history, entries=(),
    )  # fmt: skip
    free = ["tcp://127.0.0.1:0"] * 2
    events_at, state_at, *keys = sys.argv[1:] or free
    gate = Gate(KeyFiles(Path(keys[0])), everywhere=True) if keys else None
    publisher = EventPublisher(context, events_at, host="synthetic", epoch=epoch, gate=gate)
    state = StateEndpoint(context, state_at, operations, gate=gate)
    runtime.processes.register(SystemProcess())
    runtime.interfaces.register(publisher)
    runtime.interfaces.register(state)
    runtime.services.register(GridService("lanes", (Burst(epoch), Heartbeat(runtime.clock))))

    def ready() -> None:
        print(f"ready events={publisher.endpoint} state={state.endpoint}", file=sys.stderr)
        sys.stderr.flush()

    return runtime.serve(ready)


if __name__ == "__main__":
    leave(main())
