"""``watch``: the events of a running collector, as they come."""

import json
import sys

from health_wire import Event, Link

from health_collectord.commands.local import connect
from health_collectord.config import Config


def watch(config: Config, prefix: str) -> int:
    """Prints events as they come, until interrupted; returns 0."""
    try:
        with connect(config) as client:
            print(f"watching {config.events}", file=sys.stderr)
            for update in client:
                if isinstance(update, Event) and update.name.startswith(prefix):
                    names = ("time", "name", "data", "seq")
                    record = {name: getattr(update, name) for name in names}
                    print(json.dumps(record, ensure_ascii=False, separators=(",", ":")), flush=True)
                elif isinstance(update, Link):
                    print(f"{config.events} is {update.refusal or update.status}", file=sys.stderr)
    except (KeyboardInterrupt, BrokenPipeError):
        sys.stderr.flush()
    return 0
