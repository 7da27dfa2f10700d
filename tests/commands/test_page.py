"""What `status` prints, from what a collector may send: the right thing, and anything."""

from typing import Any

import pytest
from health_collectord import catalogue
from health_collectord.commands.page import draw, duration, figure, label, verdict_of
from health_collectord.commands.paper import Paper
from health_wire.terminal import to_json
from hypothesis import given
from hypothesis import strategies as st

TIME = "2026-01-01T12:00:00.000Z"
OK = {"status": "ok", "reason": None, "since": "2026-01-01T11:00:00.000Z"}
METRIC = {
    "name": "disk", "title": "Disks", "state": "system.disk.usage",
    "fields": [
        {"name": "total_bytes", "kind": "gauge", "unit": "bytes", "label": ""},
        {"name": "mounts", "kind": "rows", "label": "Mount", "fields": [
            {"name": "key", "kind": "text", "label": ""},
            {"name": "device", "kind": "text", "label": ""},
            {"name": "used_percent", "kind": "gauge", "unit": "percent", "label": "Used"},
            {"name": "reason", "kind": "text", "label": ""},
        ]},
    ],
    "rules": [{"kind": "above", "field": "used_percent", "rows": "mounts", "warning": 90.0,
               "critical": 97.0, "advice": "Make room."}],
    "card": {"kind": "table", "rows": "mounts", "columns": ["used_percent", "reason"]},
}  # fmt: skip
PROBLEM = {
    "metric": "disk", "rows": "mounts", "row": "/", "field": "used_percent", "value": 91.2,
    "value_at_onset": 90.1, "threshold": 90.0, "severity": "warning",
    "since": "2026-01-01T11:20:00.000Z", "subject": "disk /", "reason": "disk / 91.2 %",
}  # fmt: skip


def told(**given: Any) -> dict[str, Any]:
    rows = [
        {"key": "/", "device": "/dev/sda1", "used_percent": 93.4, "reason": None},
        {"key": "/home", "device": "/dev/sda2", "used_percent": 9.0, "reason": None},
    ]
    state = {
        "system": {"disk": {"usage": {"total_bytes": 8 * 1024**3, "mounts": rows}}},
        "collector": {"metrics": {"disk": OK}},
    }
    checks = {"known": 3, "total": 3, "not_applicable": 1}
    return {
        "host": "pi4", "time": TIME, "version": "1.2", "uptime_seconds": 7200.0, "mode": "live",
        "health": {"status": "warning", "summary": "disk / 91.2 %", "problems": [PROBLEM],
                   "checks": checks},
        "metrics": [METRIC], "state": state,
    } | given  # fmt: skip


def lines(**given: Any) -> list[str]:
    paper = Paper(80, colour=False)
    draw(told(**given), paper)
    return paper.lines


def test_the_page() -> None:
    assert lines() == [
        "Warning: disk / 93.4 %",
        "  warning   disk / 93.4 %; limit 90.0 %; 90.1 % when it began; since 2026-01-01",
        "            11:20:00 UTC, 40 min ago",
        "            Make room.",
        "pi4, collector 1.2 up 2 h, 2026-01-01 12:00:00 UTC",
        "3 of 3 checks; 1 does not apply here",
        "",
        "Disks (ok for 60 min)",
        "  Total  8.00 GiB",
        "  Mount    Used",
        "  ! /    93.4 %",
        "  /home   9.0 %",
    ]


def test_an_older_collectors_problem_says_what_it_always_said() -> None:
    older = {k: v for k, v in PROBLEM.items() if k not in ("rows", "value_at_onset", "subject")}
    [first, second, *_] = lines(health={"status": "warning", "problems": [older]})
    assert first == "Warning: disk / 91.2 %"
    assert second.startswith("  warning   disk / 91.2 %; limit 90; since")


def test_a_row_that_is_gone_has_its_last_figure() -> None:
    [first, *_] = lines(state={"system": {"disk": {"usage": {"mounts": []}}}})
    assert first == "Warning: disk / 91.2 %"


@pytest.mark.parametrize("null", ["disk", "metrics"])
def test_a_status_may_be_null(null: str) -> None:
    metrics: Any = {"metrics": None} if null == "metrics" else {"metrics": {"disk": None}}
    assert "Disks: waiting" in lines(state={"collector": metrics})


def test_what_is_not_ok_says_why() -> None:
    failing = {"status": "failing", "reason": "x\n\x1b[2JHealthy: all checks passed", "since": TIME}
    page = lines(state={"collector": {"metrics": {"disk": failing}}}, health={})
    assert r"Disks: failing: x\n\x1b[2JHealthy: all checks passed" in page
    assert page[0] == "Unknown"


def test_what_there_is_of_the_record() -> None:
    state = told()["state"]
    record = {"kept_bytes": 12_400_000, "kept_since": "2026-11-27"}
    state["collector"]["self"] = {"record": record}
    assert lines(state=state)[-1] == "Record: 11.8 MiB since 2026-11-27"
    record |= {"written_bytes_per_day": 163_000_000, "full_on": "2027-10-03"}
    assert lines(state=state)[-2:] == [
        "Record: 11.8 MiB since 2026-11-27, 155 MiB written a day, nothing goes before",
        "  2027-10-03",
    ]


def test_a_kernels_log_that_cannot_be_read_says_why() -> None:
    state = told()["state"]
    state["collector"]["kernel"] = {"status": "denied", "reason": "may not", "since": TIME}
    assert lines(state=state)[-2:] == ["", "Kernel messages: denied: may not"]
    state["collector"]["kernel"] = OK
    assert lines(state=state) == lines()


def test_whatever_a_host_says_is_escaped() -> None:
    hostile = "x\n\x1b[2J\x1b]0;PWNED\x07Healthy: all checks passed\u202e\x9b"
    problem = PROBLEM | {"row": hostile, "subject": f"disk {hostile}"}
    page = lines(
        host=hostile, version=hostile, health={"status": "warning", "problems": [problem]},
        metrics=[METRIC | {"title": hostile}],
    )  # fmt: skip
    assert all(line.isprintable() for line in page)
    assert not any(line.startswith("Healthy") for line in page)


def test_flags_of_now_stand_beside_those_since_boot() -> None:
    names = ("hot_now", "hot_since_boot", "raw")
    kinds = ("flag", "flag", "text")
    metric = {
        "name": "fw", "title": "Firmware", "state": "fw",
        "fields": [{"name": n, "kind": k, "label": "Hot" if k == "flag" else ""}
                   for n, k in zip(names, kinds, strict=True)],
        "card": {"kind": "flags", "now": ["hot_now"], "since_boot": ["hot_since_boot"],
                 "lines": []},
    }  # fmt: skip
    state = {"fw": {"hot_now": None, "hot_since_boot": True, "raw": "0x1"},
             "collector": {"metrics": {"fw": OK}}}  # fmt: skip
    assert lines(metrics=[metric], state=state)[-3:] == [
        "       Now      Since boot",
        "  Hot  unknown  yes",
        "  Raw  0x1",
    ]


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ({"unit": "bytes"}, 0, "0 B"),
        ({"unit": "bytes"}, 8 * 1024**3, "8.00 GiB"),
        ({"unit": "bytes_per_second"}, 1536, "1.50 KiB/s"),
        ({"unit": "bits_per_second"}, 1_000_000_000, "1.00 Gbit/s"),
        ({"unit": "percent"}, 12.5, "12.5 %"),
        ({"unit": "celsius"}, 48.3, "48.3 °C"),
        ({"unit": ["percent"]}, 4, "4"),
        ({"kind": "time"}, TIME, "2026-01-01 12:00:00 UTC"),
        ({"kind": "time"}, "soon", "soon"),
        ({"kind": "flag"}, None, "unknown"),
        ({}, "text", "text"),
        ({}, True, "yes"),
        ({}, False, "no"),
        ({"unit": "bytes"}, None, "–"),
        ({}, {"a": 1}, ""),
    ],
)
def test_a_value_is_said_with_its_unit(field: dict[str, Any], value: object, text: str) -> None:
    assert figure(field, value) == text


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ({"name": "available_bytes", "kind": "gauge"}, "Available"),
        ({"name": "rx_bytes_per_second", "kind": "gauge", "label": "Receive"}, "Receive"),
        ({"name": "boot_id", "kind": "text"}, "Boot id"),
        ({"name": None}, ""),
    ],
)
def test_a_field_is_called_as_people_call_it(field: dict[str, Any], text: str) -> None:
    assert label(field) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-5, "0 s"), (119, "119 s"), (120, "2 min"), (7199, "119 min"), (7200, "2 h"),
     (200_000, "2 d"), (1e300, "11574074074 d")],
)  # fmt: skip
def test_a_duration_is_said_roughly(seconds: float, text: str) -> None:
    assert duration(seconds) == text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10)
    | st.sampled_from(["ok", "disk", "mounts", "key", "/", TIME, "flags", "rows", "gauge"]),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(
        st.text(max_size=5) | st.sampled_from(
            ["name", "kind", "fields", "key", "rows", "row", "status", "health", "problems",
             "collector", "metrics", "disk", "unit", "value", "columns", "now", "lines"]),
        inner, max_size=4),
    max_leaves=15,
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(sorted(told())), JSON))
def test_nothing_that_a_collector_sends_raises(replaced: dict[str, Any]) -> None:
    assert all(line.isprintable() for line in lines(**replaced))
    verdict_of(replaced)


def paths(value: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON value."""
    items = value.items() if isinstance(value, dict) else ()
    items = enumerate(value) if isinstance(value, list) else items
    return [here, *(p for k, v in items for p in paths(v, (*here, k)))]


def put(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = put(value[path[0]], path[1:], new)
    return copy


@given(st.data())
def test_nothing_in_any_place_of_it_raises(data: st.DataObject) -> None:
    place = data.draw(st.sampled_from(paths(told())[1:]))
    assert all(line.isprintable() for line in lines(**put(told(), place, data.draw(JSON))))


def test_every_real_metric_fits_a_terminal() -> None:
    described = [entry.describe() for entry in catalogue.load()]
    page = lines(metrics=described, state={})
    titles = [line for line in page[page.index("") :] if line]
    assert titles == [f"{m['title']}: waiting" for m in described]
    assert max(map(len, page)) <= 80
    assert to_json(told()).isprintable()
