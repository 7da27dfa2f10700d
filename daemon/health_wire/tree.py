"""The state tree: immutable, changed by copying along the path, the same on both sides of the wire.

A tree is nested `FrozenDict`s. `apply` is the whole rule by which events become state, so a
listener that applies a collector's events to its snapshot holds exactly the collector's state.
"""

from typing import Any, NoReturn

# The one event outside the rule's naming: its name is the state's path itself.
_WHOLE_NAME = frozenset({"system.identity"})
_SUFFIX = ".updated"


class FrozenDict(dict[str, Any]):
    """A dict that refuses to change. Still a dict, so that it encodes as fast as one."""

    __slots__ = ()

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("state is immutable: emit an event instead")

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse


EMPTY = FrozenDict()


def freeze(value: Any) -> Any:
    """The same value with every dict frozen and every list a tuple."""
    if type(value) is FrozenDict:
        return value
    if isinstance(value, dict):
        return FrozenDict((k, freeze(v)) for k, v in value.items())
    if isinstance(value, list | tuple):
        return tuple(map(freeze, value))
    return value


def put(root: FrozenDict, path: str, value: Any) -> FrozenDict:
    """A tree like `root` with `value` at the dotted `path`; shares everything else with it.

    Raises:
        ValueError: a path with an empty part, or one that runs through something that is not a
            dict. Null counts as nothing: it stands where figures can no longer be had.
    """
    head, dot, rest = path.partition(".")
    if not head or (dot and not rest):
        raise ValueError(f"not a state path: {path!r}")
    if rest:
        below = root.get(head)
        if below is not None and not isinstance(below, FrozenDict):
            raise ValueError(f"{head!r} holds a value: nothing can be put below it")
        value = put(below or EMPTY, rest, value)
    changed = FrozenDict(root)
    dict.__setitem__(changed, head, value)  # nobody else has seen it yet
    return changed


def get(root: FrozenDict, path: str) -> Any:
    """The value or subtree at the dotted `path`; the whole tree for the empty path.

    Raises:
        KeyError: there is nothing at the path.
    """
    node: Any = root
    for key in path.split(".") if path else ():
        if not isinstance(node, dict):
            raise KeyError(path)
        node = node[key]
    return node


def state_path(name: str) -> str | None:
    """The state path that an event of this name replaces, or None for one that changes no state."""
    if name.endswith(_SUFFIX):
        return name[: -len(_SUFFIX)]
    return name if name in _WHOLE_NAME else None


def apply(root: FrozenDict, name: str, data: Any) -> FrozenDict:
    """The state after an event: ``P.updated`` replaces what stands at ``P`` by the event's data."""
    path = state_path(name)
    return root if path is None else put(root, path, data)
