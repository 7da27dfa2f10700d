"""A state that is put together late is the state that it would have been."""

from contextlib import suppress
from typing import Any

from health_collectord.replay.store import RestingStore
from health_collectord.runtime.store import SnapshotStore
from hypothesis import given
from hypothesis import strategies as st

PATHS = st.sampled_from(("a", "a.b", "a.b.c", "a.d", "e", "e.f", "g.h", "ab", "", "x..y"))
VALUES = st.integers(0, 3) | st.just({"b": {"c": 1}}) | st.just({"d": [1, {"x": 2}]}) | st.none()
STEPS = st.lists(
    st.tuples(st.just("set"), PATHS, VALUES)
    | st.tuples(st.sampled_from(("commit", "snapshot", "get", "update")), PATHS, st.none()),
    max_size=30,
)


def play(store: SnapshotStore, steps: list[tuple[str, str, Any]]) -> list[Any]:
    """What each step gives, be it an error."""
    found: list[Any] = []
    seq = 0
    for what, path, value in steps:
        if what == "commit":
            seq += 1
            store.commit(seq)
        elif what == "snapshot":
            found.append(store.snapshot())
        elif what == "get":
            found.append(store.get(path, "nothing"))
        else:
            try:
                if what == "set":
                    store.set(path, value)
                else:
                    store.update(path, lambda before: [before])
            except ValueError as error:
                found.append(str(error))
    return found


@given(STEPS)
def test_it_is_the_same_whenever_somebody_looks(steps: list[tuple[str, str, Any]]) -> None:
    last = [("commit", "", None), ("snapshot", "", None), ("get", "", None)]
    assert play(RestingStore(), [*steps, *last]) == play(SnapshotStore(), [*steps, *last])


def test_nothing_is_made_of_what_is_changed_again() -> None:
    store = RestingStore()
    for seq in range(1, 1000):
        store.set("system.load", {"load1": seq})
        store.commit(seq)
    assert store._resting == {"system.load": {"load1": 999}}
    assert store.snapshot() == (999, {"system": {"load": {"load1": 999}}})


def test_an_event_under_way_is_not_in_the_snapshot() -> None:
    store = RestingStore()
    for seq in (1, 2):
        store.set("a", seq)
        store.commit(seq)
    store.set("a", 3)
    assert store.snapshot() == (2, {"a": 2})
    store.set("b", 4)
    assert store.snapshot() == (2, {"a": 2})
    store.commit(3)
    assert store.snapshot() == (3, {"a": 3, "b": 4})
    with suppress(ValueError):
        store.set("a.c", 1)
    assert store.get("a") == 3


def test_more_paths_than_a_collector_has_are_all_put_there_at_once() -> None:
    store, plain = RestingStore(), SnapshotStore()
    for seq in range(1, 2500):
        for each in (store, plain):
            each.set(f"a.x{seq % 1200}", seq)
            each.commit(seq)
    assert store._resting == {}
    assert store.snapshot() == plain.snapshot()
