"""The state: immutable values, changed by copying along the path."""

import threading
from collections.abc import Callable
from typing import Any

from bussdcc.state import StateStoreProtocol
from health_wire import tree


class SnapshotStore(StateStoreProtocol):
    """A state store whose whole content can be had at once, in O(1), with its sequence number.

    bussdcc's own store hands out live references that change under the reader. Here whatever is
    read is immutable and stays as it was. Handlers read and write the working tree; everybody
    else reads the tree as it was committed after the last whole event, which `snapshot` gives
    together with that event's number.
    """

    def __init__(self) -> None:
        self._writing = threading.Lock()
        self._root = tree.EMPTY
        self._committed: tuple[int, tree.FrozenDict] = (0, tree.EMPTY)

    def set(self, path: str, value: Any) -> None:
        """Puts a value at a dotted path.

        Raises:
            ValueError: an empty path, or one that runs through a value.
        """
        with self._writing:
            self._root = tree.put(self._root, path, tree.freeze(value))

    def get(self, path: str, default: Any = None) -> Any:
        """What stands at a dotted path (the whole tree for the empty one), or `default`."""
        try:
            return tree.get(self._root, path)
        except KeyError:
            return default

    def update(self, path: str, fn: Callable[[Any], Any]) -> Any:
        """Replaces what stands at a path by `fn` of it (of None where there is nothing)."""
        with self._writing:
            value = tree.freeze(fn(self.get(path)))
            self._root = tree.put(self._root, path, value)
            return value

    def commit(self, seq: int) -> None:
        """What stands in the working tree is the state after event `seq`."""
        self._committed = (seq, self._root)

    def snapshot(self) -> tuple[int, tree.FrozenDict]:
        """The sequence number of the last whole event, and the tree as it was after it."""
        return self._committed
