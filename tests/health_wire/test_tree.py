"""The state tree against a plain nested dict, which is what it has to behave like."""

import copy
from typing import Any

import pytest
from health_wire import tree
from hypothesis import given
from hypothesis import strategies as st

NAMES = st.sampled_from(["a", "b", "c", "usage", "0"])
PATHS = st.lists(NAMES, min_size=1, max_size=4).map(".".join)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)


def put_plainly(root: dict[str, Any], path: str, value: Any) -> bool:
    """Puts a value into a nested dict in place; false where the path runs through a value."""
    *above, name = path.split(".")
    node = root
    for key in above:
        if node.get(key) is None:  # null: what stood there can no longer be had
            node[key] = {}
        node = node[key]
        if not isinstance(node, dict):
            return False
    node[name] = value
    return True


@given(st.lists(st.tuples(PATHS, VALUES), max_size=12))
def test_puts_like_a_nested_dict(changes: list[tuple[str, Any]]) -> None:
    plain: dict[str, Any] = {}
    root = tree.EMPTY
    seen = []
    for path, value in changes:
        before = copy.deepcopy(plain)
        if put_plainly(plain, path, copy.deepcopy(value)):
            root = tree.put(root, path, tree.freeze(value))
        else:
            plain = before
            with pytest.raises(ValueError, match="holds a value"):
                tree.put(root, path, value)
        assert root == tree.freeze(plain)
        seen.append((root, copy.deepcopy(plain)))
    for root, plain in seen:  # what was read before stays as it was
        assert root == tree.freeze(plain)


@given(st.lists(st.tuples(PATHS, VALUES), max_size=6), PATHS)
def test_gets_like_a_nested_dict(changes: list[tuple[str, Any]], path: str) -> None:
    plain: dict[str, Any] = {}
    root = tree.EMPTY
    for at, value in changes:
        if put_plainly(copy.deepcopy(plain), at, value):
            put_plainly(plain, at, copy.deepcopy(value))
            root = tree.put(root, at, tree.freeze(value))
    node: Any = plain
    for key in path.split("."):
        node = node[key] if isinstance(node, dict) and key in node else KeyError
        if node is KeyError:
            with pytest.raises(KeyError):
                tree.get(root, path)
            return
    assert tree.get(root, path) == tree.freeze(node)


def test_the_empty_path_gives_everything() -> None:
    root = tree.put(tree.EMPTY, "a.b", 1)
    assert tree.get(root, "") is root


@pytest.mark.parametrize("path", ["", ".", "a.", ".a", "a..b"])
def test_a_path_has_a_name_in_each_part(path: str) -> None:
    with pytest.raises(ValueError, match="not a state path"):
        tree.put(tree.EMPTY, path, 1)


def test_shares_what_a_change_does_not_touch() -> None:
    before = tree.put(tree.put(tree.EMPTY, "a.b", tree.freeze({"x": 1})), "c.d", tree.freeze({}))
    after = tree.put(before, "c.e", 1)
    assert after["a"] is before["a"]
    assert after["c"]["d"] is before["c"]["d"]
    assert "e" not in before["c"]


@given(VALUES)
def test_freezes_through_and_through(value: Any) -> None:
    def is_frozen(part: Any) -> bool:
        if isinstance(part, dict):
            return type(part) is tree.FrozenDict and all(map(is_frozen, part.values()))
        return not isinstance(part, list) and (
            not isinstance(part, tuple) or all(map(is_frozen, part))
        )

    frozen = tree.freeze(value)
    assert is_frozen(frozen)
    assert tree.freeze(frozen) == frozen


def test_refuses_every_change() -> None:
    frozen = tree.FrozenDict(a=1)
    attempts = [
        lambda: frozen.__setitem__("a", 2),
        lambda: frozen.__delitem__("a"),
        lambda: frozen.__ior__({"a": 2}),
        lambda: frozen.update(a=2),
        lambda: frozen.setdefault("b", 2),
        lambda: frozen.pop("a"),
        frozen.popitem,
        frozen.clear,
    ]
    for attempt in attempts:
        with pytest.raises(TypeError, match="immutable"):
            attempt()
    assert frozen == {"a": 1}


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("system.cpu.usage.updated", "system.cpu.usage"),
        ("collector.metrics.cpu.updated", "collector.metrics.cpu"),
        ("health.updated", "health"),
        ("system.identity", "system.identity"),
        ("collector.heartbeat", None),
        ("updated", None),
        ("runtime.booted", None),
    ],
)
def test_knows_what_an_event_replaces(name: str, path: str | None) -> None:
    assert tree.state_path(name) == path


def test_applies_events() -> None:
    root = tree.apply(tree.EMPTY, "system.load.updated", tree.freeze({"one": 1.0}))
    assert root == {"system": {"load": {"one": 1.0}}}
    assert tree.apply(root, "collector.heartbeat", tree.EMPTY) is root
    assert tree.apply(root, "system.load.updated", None) == {"system": {"load": None}}
    with pytest.raises(ValueError, match="not a state path"):
        tree.apply(root, ".updated", None)
