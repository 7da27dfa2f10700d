"""What browsers say over Socket.IO: that they are there, and whom they follow; and not too often.

The grammar is as small as that. Whoever says anything else, or asks again and again, is cut: a page
of ours never does, and a browser that was cut connects anew. Without this, arguments that do not
fit would be tracebacks in the log, and attachments that never end would be kept for ever.
"""

import re
import time
from collections.abc import Callable
from typing import Any

from health_webui.connections.guard import close

BURST = 10
REFILL_SECONDS = 1.0
# CONNECT and DISCONNECT; or EVENT, with or without the number of its answer (Socket.IO protocol 5).
_CONNECT = re.compile(r"0(\{\})?|1")
_FOLLOW = re.compile(r'2[0-9]{0,9}\["follow"(, ?(null|"[0-9A-Za-z_-]{1,64}"))?\]')


class Visitors:
    """Stands between the engine and what is done for its messages.

    Args:
        engine: the engineio server, whose handler of messages this takes the place of.
        clock: monotonic seconds.
    """

    def __init__(self, engine: Any, clock: Callable[[], float] = time.monotonic) -> None:
        self._engine = engine
        self._clock = clock
        self._take: Callable[[str, Any], Any] = engine.handlers["message"]
        engine.on("message", self.hear)

    def hear(self, sid: str, said: Any) -> Any:
        """A message has come on that connection; which may have ended since."""
        client = self._engine.sockets.get(sid)
        if client is None or client.closing or client.closed:
            return None
        if not isinstance(said, str) or not (
            _CONNECT.fullmatch(said) or self._follows(client, said)
        ):
            close(self._engine, sid)
            return None
        return self._take(sid, said)

    def _follows(self, client: Any, said: str) -> bool:
        """Whether it says whom it follows, and may say it now."""
        if not _FOLLOW.fullmatch(said):
            return False
        now = self._clock()
        left, since = getattr(client, "asked", (float(BURST), now))
        left = min(left + (now - since) / REFILL_SECONDS, float(BURST)) - 1.0
        client.asked = left, now
        return left >= 0
