"""The store: what is read stays as it was; a snapshot is the state after its event."""

import copy
import threading
from typing import Any

import pytest
from health_collectord.runtime.store import SnapshotStore
from health_wire import tree
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

NAMES = st.sampled_from(["a", "b", "c"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map(".".join)
VALUES = st.recursive(
    st.integers() | st.text(max_size=3) | st.none(),
    lambda inner: st.dictionaries(NAMES, inner, max_size=2) | st.lists(inner, max_size=2),
    max_leaves=5,
)


def thawed(value: Any) -> Any:
    """A deep copy that can be changed."""
    if isinstance(value, dict):
        return {k: thawed(v) for k, v in value.items()}
    return [thawed(v) for v in value] if isinstance(value, tuple) else value


class StoreMachine(RuleBasedStateMachine):
    """The store beside a nested dict that is changed in place and copied whole."""

    def __init__(self) -> None:
        super().__init__()
        self.store = SnapshotStore()
        self.plain: dict[str, Any] = {}
        self.seq = 0
        self.kept: list[tuple[Any, Any]] = []
        self.snapshots: list[tuple[tuple[int, Any], tuple[int, Any]]] = []

    def _put(self, path: str, value: Any) -> bool:
        changed = copy.deepcopy(self.plain)
        *above, name = path.split(".")
        node = changed
        for key in above:
            if node.get(key) is None:
                node[key] = {}
            node = node[key]
            if not isinstance(node, dict):
                return False
        node[name] = copy.deepcopy(value)
        self.plain = changed
        return True

    @rule(path=PATHS, value=VALUES)
    def set_(self, path: str, value: Any) -> None:
        if self._put(path, value):
            self.store.set(path, value)
        else:
            with pytest.raises(ValueError, match="nothing can be put below"):
                self.store.set(path, value)

    @rule(path=PATHS, value=VALUES)
    def update(self, path: str, value: Any) -> None:
        def fn(old: Any) -> Any:
            return (old, value)

        before = thawed(self.store.get(path))
        if self._put(path, [before, value]):
            assert self.store.update(path, fn) == tree.freeze([before, value])
        else:
            with pytest.raises(ValueError, match="nothing can be put below"):
                self.store.update(path, fn)

    @rule(path=PATHS | st.just(""))
    def get(self, path: str) -> None:
        missing = object()
        value = self.store.get(path, missing)
        if value is not missing:
            self.kept.append((value, tree.freeze(thawed(value))))

    @rule()
    def commit(self) -> None:
        self.seq += 1
        self.store.commit(self.seq)
        self.snapshots.append((self.store.snapshot(), (self.seq, copy.deepcopy(self.plain))))

    @invariant()
    def is_like_the_dict(self) -> None:
        assert self.store.get("") == tree.freeze(self.plain)

    @invariant()
    def what_was_read_has_not_changed(self) -> None:
        for value, copied in self.kept:
            assert value == copied
        for (seq, root), (seq_then, plain_then) in self.snapshots:
            assert (seq, root) == (seq_then, tree.freeze(plain_then))

    @invariant()
    def the_snapshot_is_the_last_commit(self) -> None:
        if self.snapshots:
            assert self.store.snapshot()[0] == self.seq


TestStore = StoreMachine.TestCase


def test_nothing_is_committed_at_first() -> None:
    store = SnapshotStore()
    store.set("a", 1)
    assert store.snapshot() == (0, {})
    assert store.get("a") == 1
    assert store.get("a.b", "nothing") == "nothing"
    assert store.get("b") is None


@given(st.dictionaries(NAMES, VALUES))
def test_what_is_put_cannot_be_changed_from_outside(value: dict[str, Any]) -> None:
    store = SnapshotStore()
    before = tree.freeze(value)
    store.set("x", value)
    value["new"] = 1
    assert store.get("x") == before


def test_two_updates_at_once_are_both_made() -> None:
    store = SnapshotStore()

    def count() -> None:
        for _ in range(1000):
            store.update("n", lambda n: (n or 0) + 1)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.get("n") == 4000
