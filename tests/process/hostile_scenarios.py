"""What hostile collectors do, by name: each makes a host of tests/process/hostile_collector.py."""

import itertools
import random
from collections.abc import Callable
from typing import Any

from tests.process.hostile_collector import Host, gauge, text
from tests.process.hostile_streams import STREAMS

Make = Callable[[Host], None]
SCENARIOS: dict[str, Make] = dict(STREAMS)
MIB = 1 << 20
DIGITS = 10**401
HTML = "<script>document.title='x'</script><img src=x onerror=alert(1)>\"'&"
BIDI = "\u202eevil\u2066\u200f\u0000\x1b[31m\x9b2J\r\nhealth-webui: forged"
PROTO = ("__proto__", "constructor", "toString")


def nested(depth: int) -> Any:
    value: Any = 0
    for _ in range(depth):
        value = [value] if depth % 2 else {"a": value}
    return value


def columns(values: Any) -> dict[str, Any]:
    return {"t": values, "min": values, "avg": values, "max": values}


def deep(depth: int) -> bytes:
    return b'{"a":' * depth + b"0" + b"}" * depth


def made(name: str) -> Host:
    host = Host(name)
    SCENARIOS[name](host)
    return host


def tank(host: Host) -> dict[str, Any]:
    found: dict[str, Any] = host.catalogue["metrics"][0]
    return found


# A reply with other members, or as other bytes: (op, members or bytes).
REPLIES: dict[str, tuple[str, Any]] = {
    "metrics_missing": ("describe", {"metrics": None}),
    "metrics_text": ("describe", {"metrics": "tank"}),
    "metrics_nested": ("describe", {"metrics": [nested(299)]}),
    "catalogue_deep": ("describe", deep(300)),
    "catalogue_records": ("describe", {"history": [{"seconds": DIGITS}] * 9}),
    "catalogue_records_wild": ("describe", {"history": [{"seconds": 1e18}, {"seconds": -1}, 3]}),
    "catalogue_not_found": ("describe", b'{"ok":false,"error":"not_found","message":"no"}'),
    "state_list": ("snapshot", {"state": []}),
    "state_text": ("snapshot", {"state": HTML}),
    "state_empty_names": ("snapshot", {"state": {"": {"": {"": 1}}, ".": 1, "..": {".": 2}}}),
    "state_nested": ("snapshot", {"state": nested(976)}),
    "host_surrogate": ("snapshot", {"host": "pi\ud800"}),
    "host_of_15_mib": ("snapshot", {"host": "x" * 15 * MIB}),
    "host_control": ("snapshot", {"host": BIDI}),
    "host_html": ("snapshot", {"host": HTML}),
    "host_bidi": ("snapshot", {"host": "\u202eevil\u2066\u200f"}),
    "host_of_another": ("snapshot", {"host": "honest-1"}),
    "host_path": ("snapshot", {"host": "../../api/v1/hosts?x=1#y"}),
    "host_proto": ("snapshot", {"host": "__proto__"}),
    "host_number": ("snapshot", {"host": 5}),
    "epoch_of_1_mib": ("snapshot", {"epoch": "e" * MIB}),
    "seq_below_0": ("snapshot", {"seq": -1}),
    "seq_beyond": ("snapshot", {"seq": 2**60}),
    "seq_far": ("snapshot", {"seq": 2**53 - 2}),
    "seq_digits": ("snapshot", {"seq": DIGITS}),
    "time_1970": ("snapshot", {"time": "1970-01-01T00:00:00.000Z"}),
    "time_8999": ("snapshot", {"time": "8999-12-31T23:59:59.999Z"}),
    "time_9999": ("snapshot", {"time": "9999-12-31T23:59:59.999Z"}),
    "time_garbage": ("snapshot", {"time": "yesterday"}),
    "time_number": ("snapshot", {"time": 1e9}),
    "ok_text": ("snapshot", {"ok": "true"}),
    "version_2": ("snapshot", {"v": 2}),
    "not_json": ("snapshot", b"\x1f\x8b" + bytes(range(256))),
    "cut_off": ("snapshot", b'{"ok":true,"v":1,"host":"pi"'),
    "mark_of_bytes": ("snapshot", b'\xef\xbb\xbf{"ok":true}'),
    "utf_16": ("snapshot", '{"ok":true}'.encode("utf-16")),
    "not_utf_8": ("snapshot", b'{"ok":"\xff\xc0\xaf"}'),
    "empty": ("snapshot", b""),
    "nothing_known": ("snapshot", b'{"ok":false,"error":"not_found","message":"no"}'),
    "busy_forever": ("snapshot", b'{"ok":false,"error":"busy","message":"later"}'),
    "error_of_15_mib": ("describe", text({"ok": False, "error": "x", "message": "y" * 15 * MIB})),
    "error_forged": ("history", text({"ok": False, "error": BIDI, "message": BIDI + HTML})),
    "history_list": ("history", {"series": []}),
    "history_text": ("history", {"series": "abc"}),
    "history_uneven": ("history", {"series": {"a": {"t": [1], "min": [], "avg": [], "max": []}}}),
    "history_texts": ("history", {"series": {"a": columns("x")}}),
    "history_of_others": ("history", {"series": {
        name: columns([1]) for name in (*PROTO, "x" * 8000)}}),
    "history_wild": ("history", {"resolution_seconds": 1e18, "series": {"device.tank.full_percent":
        {"t": [2**63, 0, -(2**63)], "min": [1, None, -1], "avg": [1e19, 0, 1], "max": [0, 0, 0]}}}),
    "history_resolution": ("history", {"resolution_seconds": 0}),
    "history_digits": ("history", {"series": {"device.tank.full_percent": columns([DIGITS])}}),
    "history_of_16_mib": ("history", {"series": {"x": "y" * 15 * MIB}}),
    "ping_wild": ("ping", {"version": nested(5), "uptime_seconds": "x"}),
}  # fmt: skip


def _replying(op: str, given: Any) -> Make:
    def make(host: Host) -> None:
        def reply(asked: str, request: dict[str, Any]) -> bytes:
            body = host.body(asked, request)
            if asked == op:
                return given if isinstance(given, bytes) else text(body | given)
            return text(body)

        host.reply = reply

    return make


SCENARIOS |= {name: _replying(*given) for name, given in REPLIES.items()}

# The first metric's members.
METRICS: dict[str, dict[str, Any]] = {
    "interval_digits": {"interval": DIGITS},
    "interval_infinite": {"interval": 1e999},
    "interval_below_0": {"interval": -1},
    "threshold_digits": {"rules": [{"kind": "above", "field": "full_percent", "warning": DIGITS}]},
    "rules_wild": {"rules": [{"kind": [], "field": {}, "rows": 3, "warning": "x"}, *[{}] * 60]},
    "range_wild": {"charts": [{"kind": "lines", "series": ["full_percent"], "range": [1e19, -1]}]},
    "charts_thousands": {"charts": [{"kind": "lines", "series": ["full_percent"]}] * 5000},
    "charts_64": {"charts": [{"kind": "lines", "series": ["full_percent"], "title": HTML}] * 64},
    "title_wild": {"title": HTML + BIDI, "card": {"kind": "figures", "title": BIDI + HTML}},
    "title_long": {"title": "W" * 8192, "fields": [gauge("full_percent") | {"doc": "d" * 8192}]},
    "fields_thousands": {"fields": [gauge(f"a{n}") for n in range(20_000)]},
    "fields_2000": {"fields": [gauge(f"a{n}") for n in range(1990)], "card": {}},
    "fields_nested": {"fields": [{"name": "a", "kind": "rows", "fields": [
        {"name": "b", "kind": "rows", "fields": [{"name": "c", "fields": [gauge("d")]}]}]}]},
    "kinds_unknown": {"fields": [{"name": "full_percent", "kind": "__proto__"}, {"name": 3}, 7]},
    "units_proto": {"fields": [gauge("full_percent", name) for name in PROTO]},
    "fields_proto": {"fields": [gauge(name) for name in PROTO],
                     "card": {"kind": "figures", "lines": PROTO, "bar": "__proto__"}},
    "metric_proto": {"name": "__proto__", "state": "__proto__.constructor"},
    "metric_constructor": {"name": "constructor", "state": "device.tank", "title": "toString"},
    "metric_path": {"name": "../..", "state": "health", "event": "collector.heartbeat"},
    "card_unknown": {"card": {"kind": "hologram", "lines": ["a", 3, None, {}], "bar": []}},
    "card_text": {"card": "figures"},
}  # fmt: skip


def _describing(given: dict[str, Any]) -> Make:
    return lambda host: tank(host).update(given)


SCENARIOS |= {name: _describing(given) for name, given in METRICS.items()}


def _problems(count: int) -> dict[str, Any]:
    one = {"metric": "tank", "row": None, "field": "full_percent", "value": 9, "threshold": 8,
           "severity": "critical", "since": "2026-01-01T12:00:00.000Z", "reason": HTML}  # fmt: skip
    return {"status": "critical", "summary": HTML, "problems": [one] * count, "checks": {}}


# Attributes of the host: what stands in its state.
STATES: dict[str, dict[str, Any]] = {
    "rows_20000": {"pipes": [{"key": f"p{n}", "flow_per_second": n} for n in range(20_000)]},
    "rows_proto": {"pipes": [{"key": name, "flow_per_second": 1} for name in PROTO]},
    "rows_wild": {"pipes": [3, None, {}, {"key": 5}, {"key": HTML}, {"key": BIDI}, [[]]]},
    "rows_same": {"pipes": [{"key": "a", "clogged_percent": 1}] * 500},
    "rows_object": {"pipes": {"a": {"key": "a"}}},
    "figures_1e308": {"tank": lambda: {"full_percent": 1e308, "size_bytes": -1e308}},
    "figures_1e999": {"tank": lambda: {"full_percent": 1e999}},
    "figures_nan": {"tank": lambda: {"full_percent": float("nan")}},
    "figures_2_64": {"tank": lambda: {"full_percent": 2**64, "size_bytes": -(2**64)}},
    "figures_wild": {"tank": lambda: {"full_percent": [{"a": True}], "size_bytes": "ten"}},
    "figures_list": {"tank": lambda: [1, 2, 3]},
    "figures_absent": {"tank": lambda: None},
    "problems_20000": {"health": _problems(20_000)},
    "problems_2000": {"health": _problems(2000)},
    "problems_digits": {"health": _problems(0) | {"problems": [{"value": DIGITS}]}},
    "problems_wild": {"health": {"status": "__proto__", "summary": 3, "checks": [],
        "problems": [1, None, [], {}, {"metric": {}, "reason": [], "severity": 5, "since": "x"}]}},
    "health_list": {"health": [1]},
    "health_text": {"health": HTML},
    "health_checks_wild": {"health": _problems(0) | {"checks": {"known": "x", "total": -1e18}}},
    "status_wild": {"metrics": {"tank": {"status": "failing", "reason": HTML + BIDI}}},
    "status_unknown": {"metrics": {"tank": {"status": {"__proto__": 1}, "reason": {}}, "pipes": 3}},
    "status_list": {"metrics": []},
    "state_of_16_mib": {"more": {"a": ["x" * 8000] * 2000}},
    "state_of_objects": {"more": {"a": [{}] * 1_000_000}},
    "state_of_numbers": {"more": {"a": [1.5] * 800_000}},
    "state_of_names": {"more": {f"n{n}": n for n in range(150_000)}},
}  # fmt: skip


def _holding(given: dict[str, Any]) -> Make:
    return lambda host: [setattr(host, name, value) for name, value in given.items()] and None


SCENARIOS |= {name: _holding(given) for name, given in STATES.items()}

# An event's members; `seq` goes on as it should.
EVENTS: dict[str, dict[str, Any] | bytes] = {
    "event_deep": b'{"v":1,"data":' + deep(977) + b"}",
    "event_nested": {"data": nested(500)},
    "event_host_of_15_mib": {"host": "x" * 15 * MIB},
    "event_of_another": {"host": "honest-1"},
    "event_other_topic": {"name": "health.updated"},
    "event_version": {"v": 2},
    "event_digits": {"data": {"full_percent": DIGITS}},
    "event_data_list": {"data": [1]},
    "event_data_null": {"data": None},
    "event_empty_path": {"name": ".updated"},
    "event_long_path": {"name": "a." * 90 + "updated"},
    "event_proto": {"name": "__proto__.updated", "data": {"__proto__": {"x": 1}}},
    "event_below_value": {"name": "device.tank.full_percent.x.updated"},
    "event_replaces_all": {"name": "device.updated", "data": {}},
    "event_surrogate": {"data": {"full_percent": "\udfff"}},
    "event_noise": bytes(random.Random(1).randbytes(5000)),
    "event_time_garbage": {"time": "9" * 5000},
    "event_time_1970": {"time": "1970-01-01T00:00:00Z"},
    "event_seq_back": {"seq": 1},
    "event_replay": {"replay": True},
    "event_health_20000": {"name": "health.updated", "data": _problems(6000)},
}


def _saying(given: dict[str, Any] | bytes) -> Make:
    def make(host: Host) -> None:
        def event(name: str, data: Any) -> bytes:
            if isinstance(given, bytes):
                return given
            return text({**host.head(), "name": name, "data": data, **given})

        host.event = event

    return make


SCENARIOS |= {name: _saying(given) for name, given in EVENTS.items()}


def head_changes(host: Host) -> None:
    honest, count = Host.head, itertools.count()
    host.head = lambda: honest(host) | {"host": f"renamed-{next(count)}"}  # type: ignore[method-assign]


SCENARIOS["host_changes"] = head_changes
