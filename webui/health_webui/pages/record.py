"""What stands on a host page's foot of its collector's record."""

import re
from typing import Any

from health_webui.following.fleet import value_at
from health_webui.pages.units import format_number
from health_webui.words import words

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def line(state: Any) -> str:
    """How much there is, since when, and how long it lasts; empty where nothing is known."""
    told = value_at(state, "collector.self.record")
    if not isinstance(told, dict):
        return ""
    kept, since = _bytes(told.get("kept_bytes")), _day(told.get("kept_since"))
    if not kept or not since:
        return ""
    parts = [words("record", kept=kept, since=since)]
    if written := _bytes(told.get("written_bytes_per_day")):
        parts.append(words("record.a_day", written=written))
    if day := _day(told.get("full_on")):
        parts.append(words("record.full", day=day))
    return ", ".join(parts)


def _bytes(value: Any) -> str:
    known = isinstance(value, int | float) and not isinstance(value, bool)
    return format_number(value, "bytes") if known else ""


def _day(value: Any) -> str:
    return value if isinstance(value, str) and _DAY.fullmatch(value) else ""
