"""``watch``: the events of a running collector, as they come."""

import sys
from difflib import get_close_matches

from bussdcc import Message, message
from health_wire import CollectorClient, CollectorTimeout, Event, Link, ProtocolError, Snapshot
from health_wire.terminal import escape, to_json

from health_collectord import messages
from health_collectord.commands.local import connect
from health_collectord.config import Config
from health_collectord.events import event_name

# Of messages that name their events themselves.
_NAMED = ("collector.kernel.updated", "collector.self.updated", "health.updated")


def watch(config: Config, prefix: str) -> int:
    """Prints events as they come, until interrupted; returns 0, or 1 where none can come."""
    try:
        with connect(config) as client:
            print(f"watching {config.events}", file=sys.stderr)
            for update in client:
                if isinstance(update, Event) and update.name.startswith(prefix):
                    names = ("time", "name", "data", "seq")
                    record = {name: getattr(update, name) for name in names}
                    print(to_json(record, sys.stdout.encoding), flush=True)
                elif isinstance(update, Link):
                    said = escape(update.fault or update.refusal or update.status)
                    print(f"{config.events} is {said}", file=sys.stderr)
                elif isinstance(update, Snapshot) and (why := _nothing(client, prefix)):
                    print(f"health-collectord: {why}", file=sys.stderr)
                    return 1
    except (KeyboardInterrupt, BrokenPipeError):
        sys.stderr.flush()
    return 0


def _nothing(client: CollectorClient, prefix: str) -> str:
    """Why no event begins with that; empty where one may."""
    try:
        metrics = client.request("describe")["metrics"]
    except (CollectorTimeout, ProtocolError):
        return ""
    events = [str(m.get("event")) for m in metrics]
    about = [f"collector.metrics.{m.get('name')}.updated" for m in metrics]
    if any(name.startswith(prefix) for name in (*events, *about, *_names())):
        return ""
    near = get_close_matches(prefix, (*events, *_names()), 3, 0.5)
    hint = (
        f"did you mean {', '.join(map(escape, near))}?" if near else "`watch` shows all there are"
    )
    return f"no event's name begins with {prefix!r}; {hint}"


def _names() -> list[str]:
    """Of what a collector says besides its metrics' samples and their statuses."""
    found = {
        event_name(each)
        for module in (messages, message)
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, Message) and not hasattr(each, "event_name")
    }
    return sorted({*found, *_NAMED})
