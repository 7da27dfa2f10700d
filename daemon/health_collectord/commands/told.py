"""What a collector sent, taken for what it should be: anything else counts as nothing."""

import math
from datetime import UTC, datetime
from typing import Any


def dict_of(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def list_of(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else []


def dicts_of(value: Any) -> list[dict[str, Any]]:
    """The objects in a list."""
    return [each for each in list_of(value) if isinstance(each, dict)]


def text_of(value: Any) -> str:
    """A text or a number as text; nothing else has one."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return value if isinstance(value, str) else f"{value!r:.40}"


def number_of(value: Any) -> float | None:
    """A finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def time_of(value: Any) -> datetime | None:
    """An instant in UTC."""
    try:
        time = datetime.fromisoformat(value)
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        return None


def at(tree: Any, path: str) -> Any:
    """What stands at a dotted path; None where nothing does."""
    for key in path.split("."):
        tree = tree.get(key) if isinstance(tree, dict) else None
    return tree


def named(objects: list[dict[str, Any]], name: Any, key: str = "name") -> dict[str, Any]:
    """The first object of that name; an empty one where there is none."""
    return next((each for each in objects if isinstance(name, str) and each.get(key) == name), {})


def rows_of(sample: Any, name: Any) -> list[dict[str, Any]]:
    """The rows below a name in a metric's sample."""
    return dicts_of(sample.get(name)) if isinstance(sample, dict) and isinstance(name, str) else []
