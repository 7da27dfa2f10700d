"""A catalogue of an invented device with every kind of field, card and chart; and its samples."""

import itertools
import os
from pathlib import Path
from typing import Any

from health_webui.config import Config, Endpoints, load
from health_webui.following import catalogue
from health_webui.following.collectors import Source
from health_webui.following.fleet import Follower
from health_wire import tree

_places = itertools.count()
HOSTILE = "<script>alert(1)</script>\"'&"


def _gauge(name: str, unit: str, *, history: bool = True) -> dict[str, Any]:
    return {"name": name, "kind": "gauge", "unit": unit, "doc": f"about {name}", "history": history}


def _metric(
    name: str, fields: list[dict[str, Any]], card: dict[str, Any], **more: Any
) -> dict[str, Any]:
    return {
        "name": name,
        "title": name.capitalize(),
        "event": f"device.{name}.updated",
        "state": f"device.{name}",
        "interval": 1.0,
        "on_change": False,
        "fields": fields,
        "rules": [],
        "card": {"title": name.capitalize(), **card},
        "charts": [],
        **more,
    }


DESCRIBED: dict[str, Any] = {
    "title": "a test",
    "metrics": [
        _metric(
            "tank",
            [
                _gauge("full_percent", "percent"),
                _gauge("size_bytes", "bytes", history=False),
                _gauge("spare_bytes", "bytes"),
            ],
            {"kind": "figures", "bar": "full_percent", "lines": ["size_bytes", "spare_bytes"]},
            rules=[
                {
                    "kind": "above",
                    "field": "full_percent",
                    "rows": None,
                    "warning": 80,
                    "critical": 95,
                    "advice": "Drain it.",
                }
            ],
            charts=[
                {
                    "kind": "lines",
                    "title": "Tank",
                    "series": ["full_percent"],
                    "rows": None,
                    "range": [0, 100],
                    "stacked": False,
                }
            ],
        ),
        _metric(
            "plate",
            [
                {"name": "maker", "kind": "text", "doc": ""},
                {"name": "made", "kind": "time", "doc": ""},
            ],
            {"kind": "facts", "lines": ["maker", "made"]},
        ),
        _metric(
            "pipes",
            [
                {
                    "name": "pipes",
                    "kind": "rows",
                    "doc": "all pipes",
                    "fields": [
                        {"name": "key", "kind": "text", "doc": ""},
                        _gauge("flow_per_second", "per_second"),
                        _gauge("clogged_percent", "percent"),
                        {"name": "open", "kind": "flag", "doc": "", "advice": ""},
                        {"name": "reason", "kind": "text", "doc": ""},
                    ],
                }
            ],
            {
                "kind": "table",
                "rows": "pipes",
                "columns": ["flow_per_second", "clogged_percent", "open", "reason"],
                "bar": "clogged_percent",
                "lines": [],
            },
            charts=[
                {
                    "kind": "lines",
                    "title": "Pipes",
                    "series": ["flow_per_second"],
                    "rows": "pipes",
                    "range": None,
                    "stacked": False,
                }
            ],
        ),
        _metric(
            "valve",
            [
                {"name": "stuck_now", "kind": "flag", "doc": "It is stuck.", "advice": "Oil it."},
                {
                    "name": "stuck_once",
                    "kind": "flag",
                    "doc": "It was stuck.",
                    "advice": "Watch it.",
                },
            ],
            {"kind": "flags", "now": ["stuck_now"], "since_boot": ["stuck_once"], "lines": []},
        ),
    ],
}

STATE: dict[str, Any] = {
    "device": {
        "tank": {"full_percent": 91.25, "size_bytes": 24589934592, "spare_bytes": None},
        "plate": {"maker": HOSTILE, "made": "2026-01-01T12:00:00.000Z"},
        "pipes": {
            "pipes": [
                {
                    "key": HOSTILE,
                    "flow_per_second": 0,
                    "clogged_percent": 10,
                    "open": False,
                    "reason": None,
                }
            ]
        },
        "valve": {"stuck_now": False, "stuck_once": None},
    },
    "collector": {
        "metrics": {name: {"status": "ok", "reason": None} for name in ("tank", "plate")}
    },
    "health": {
        "status": "warning",
        "summary": f"tank {HOSTILE}",
        "problems": [
            {
                "metric": "tank",
                "row": None,
                "field": "full_percent",
                "value": 91.25,
                "threshold": 80,
                "severity": "warning",
                "since": "2026-01-01T12:00:00.000Z",
                "reason": f"tank {HOSTILE}",
            }
        ],
        "checks": {"known": 3, "total": 4, "not_applicable": 1},
    },
}


def config(**settings: Any) -> Config:
    """The configuration with these settings, and nothing of this machine's."""
    values = {key: value for key, value in settings.items() if value is not None}
    return load({**values}, {}, Path(os.devnull))


def follower(
    state: dict[str, Any] = STATE, *, host: str = HOSTILE, status: str = "live"
) -> Follower:
    """A follower that has seen that state, without a collector behind it."""
    place = f"ipc:///nowhere/{next(_places)}"
    made = Follower(Source(Endpoints(f"{place}/events", f"{place}/state")))
    made.client.close()
    made.client.host, made.client.epoch, made.client.seq = host, "e" * 32, 7
    made.client.state = tree.freeze(state)
    made.client.status = status  # type: ignore[assignment]
    made.catalogue = catalogue.parse(DESCRIBED)
    return made
