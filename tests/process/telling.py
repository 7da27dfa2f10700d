"""A client that tells what it hears, a JSON object a line: ``TOKEN`` or ``EVENTS,STATE``.

`at` is the machine's monotonic time, the same for all processes, when the client said it.
"""

import json
import signal
import sys
from time import monotonic
from typing import Any

from health_wire import CollectorClient, Gap, Invitation, Link, Update


def told(update: Update) -> dict[str, Any]:
    kind = {"kind": type(update).__name__, "at": monotonic()}
    if isinstance(update, Gap):
        return kind | {"first": update.first, "last": update.last, "reason": update.reason}
    if isinstance(update, Link):
        return kind | {"status": update.status, "refusal": update.refusal}
    return kind | {"seq": update.seq}


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    place = sys.argv[1]
    if "," in place:
        client = CollectorClient(*place.split(","))
    else:
        given = Invitation.decode(place)
        client = CollectorClient(given.events, given.state, keys=given.keys)
    with client:
        for update in client:
            print(json.dumps(told(update)), flush=True)


if __name__ == "__main__":
    main()
