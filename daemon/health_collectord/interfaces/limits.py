"""How much of the state endpoint's time each client may have."""

from collections import OrderedDict

SHARE = 0.25  # seconds of work in a second, for as long as it likes
MOST = 2.0  # seconds of work at once, after a rest
_CLIENTS = 4096


class Allowances:
    """A bucket of seconds for each client: work empties it, time fills it.

    It counts what a request cost, not that it was one: a `history` of 64 series is worth a
    thousand `ping`. Who has not been heard of for longest is forgotten first.
    """

    def __init__(self, share: float = SHARE, most: float = MOST) -> None:
        self._share = share
        self._most = most
        self._levels: OrderedDict[bytes, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._levels)

    def left(self, client: bytes, now: float) -> float:
        """The seconds of work that a client still has at monotonic time `now`."""
        level, at = self._levels.get(client, (self._most, now))
        return min(level + (now - at) * self._share, self._most)

    def spend(self, client: bytes, now: float, seconds: float) -> None:
        """The client's request took that much work."""
        self._levels[client] = (self.left(client, now) - seconds, now)
        self._levels.move_to_end(client)
        if len(self._levels) > _CLIENTS:
            self._levels.popitem(last=False)
