"""A state that is put together when somebody looks at it."""

import threading
from collections.abc import Callable
from typing import Any

from health_wire import tree

from health_collectord.runtime.store import SnapshotStore

_MOST = 1000  # paths; a recording of more is no collector's, and all is put there at once


class RestingStore(SnapshotStore):
    """A state store for many more changes than looks: of each path only the last change is made.

    What stands at a path for the first time is put there at once, and refused as ever if it
    cannot. So is what stands within another path's value, or around it, where the order counts.
    """

    def __init__(self) -> None:
        super().__init__()
        self._resting: dict[str, Any] = {}  # after the last whole event
        self._begun: list[tuple[str, Any]] = []  # by the event that is being dispatched
        self._alone: set[str] = set()
        self._others: set[str] = set()
        self._changing = threading.RLock()  # an update looks, too
        self._seq = 0
        self._at_once = False

    def set(self, path: str, value: Any) -> None:
        if path in self._alone:
            self._begun.append((path, value))
            return
        with self._changing:
            self._make_all()
            super().set(path, value)
            self._at_once = True
            self._note(path)

    def get(self, path: str, default: Any = None) -> Any:
        with self._changing:
            self._make_all()
        return super().get(path, default)

    def update(self, path: str, fn: Callable[[Any], Any]) -> Any:
        with self._changing:
            self._make_all()
            self._at_once = True
            updated = super().update(path, fn)
            self._note(path)
            return updated

    def _note(self, path: str) -> None:
        """Finds out whether a path is within another one that was set, or around it."""
        if len(self._alone) + len(self._others) >= _MOST:
            self._alone.clear()
        elif path not in self._others:
            near = {each for each in self._alone if _is_near(each, path)}
            self._alone -= near
            self._others |= near
            crowded = near or any(_is_near(each, path) for each in self._others)
            (self._others if crowded else self._alone).add(path)

    def commit(self, seq: int) -> None:
        with self._changing:
            self._seq = seq
            if self._at_once:
                self._make_all()
                self._at_once = False
                super().commit(seq)
            else:
                self._resting.update(self._begun)
                self._begun.clear()

    def snapshot(self) -> tuple[int, tree.FrozenDict]:
        with self._changing:
            self._make_resting()
            return self._committed

    def _make_resting(self) -> None:
        """Makes the changes of whole events, in the working tree and in what was committed."""
        _, root = self._committed
        for path, value in self._resting.items():
            super().set(path, value)
            root = tree.put(root, path, tree.freeze(value))
        self._resting.clear()
        self._committed = (self._seq, root)

    def _make_all(self) -> None:
        """And those of the event under way, in the working tree."""
        self._make_resting()
        for path, value in self._begun:
            super().set(path, value)
            self._at_once = True
        self._begun.clear()


def _is_near(path: str, other: str) -> bool:
    return path.startswith(f"{other}.") or other.startswith(f"{path}.")
