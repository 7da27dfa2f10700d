"""Events become state."""

from bussdcc import ContextProtocol, Event, Message, Process
from health_wire.tree import state_path

from health_collectord.events import SequencedEvent


class SystemProcess(Process):
    """The rule of PROTOCOL.md, and all of it: ``P.updated`` replaces what stands at ``P``."""

    name = "system"

    def handle_event(self, ctx: ContextProtocol, evt: Event[Message]) -> None:
        assert isinstance(evt, SequencedEvent)
        path = state_path(evt.name)
        if path is not None:
            ctx.state.set(path, evt.data)
