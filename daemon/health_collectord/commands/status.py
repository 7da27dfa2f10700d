"""``status``: what a person without a screen asks a running collector."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from health_wire import CollectorTimeout, InvalidKey, ProtocolError, tree

from health_collectord.commands.local import connect
from health_collectord.config import Config

# The monitoring plugins' convention.
_EXITS = {"healthy": 0, "warning": 1, "critical": 2}
_EXIT_UNKNOWN = 3

_BINARY = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
_DECIMAL = ("", "k", "M", "G", "T")


def status(config: Config, *, as_json: bool) -> int:
    """Prints the verdict, its reasons and every metric; returns 0, 1, 2 or 3."""
    try:
        connected = connect(config)
    except InvalidKey as error:
        return _not_running(f"no keys to ask with: {error}", as_json=as_json)
    with connected as client:
        try:
            snapshot = client.request("snapshot")
            described = client.request("describe")
            ping = client.request("ping")
        except CollectorTimeout as error:
            return _not_running(f"{error}; is health-collectord running?", as_json=as_json)
        except (ProtocolError, ValueError) as error:
            return _not_running(f"{config.state} answered: {error}", as_json=as_json)
    state: dict[str, Any] = snapshot["state"]
    health = state.get("health") or {"status": "unknown", "summary": "no sample yet"}
    if as_json:
        whole: dict[str, Any] = {k: snapshot[k] for k in ("host", "epoch", "seq", "time")}
        whole |= {k: ping[k] for k in ("version", "uptime_seconds", "mode")}
        whole |= {"health": health, "metrics": described["metrics"], "state": state}
        print(json.dumps(whole, ensure_ascii=False))
    else:
        print("\n".join(_page(snapshot["host"], snapshot["time"], ping, health, described, state)))
    return _EXITS.get(str(health.get("status")), _EXIT_UNKNOWN)


def _not_running(reason: str, *, as_json: bool) -> int:
    if as_json:
        print(json.dumps({"health": {"status": "unknown", "summary": reason}}))
    else:
        print(f"Unknown: {reason}")
    return _EXIT_UNKNOWN


def _page(
    host: str,
    time: str,
    ping: dict[str, Any],
    health: dict[str, Any],
    described: dict[str, Any],
    state: dict[str, Any],
) -> Iterator[str]:
    yield f"{str(health['status']).capitalize()}: {health['summary']}"
    for problem in health.get("problems", ()):
        limit = "" if problem["threshold"] is None else f", threshold {problem['threshold']:g}"
        yield f"  {problem['severity']}: {problem['reason']}{limit}, since {problem['since']}"
    if checks := health.get("checks"):
        away = checks["not_applicable"]
        yield (
            f"{checks['known']} of {checks['total']} checks"
            + (f"; {away} do not apply here" if away else "")
        )
    uptime = ping["uptime_seconds"]
    mode = "" if ping["mode"] == "live" else f" ({ping['mode']})"
    yield f"{host}, collector {ping['version']}{mode} up {_duration(uptime)}, {time}"
    for metric in described["metrics"]:
        yield ""
        yield from _metric(metric, state, datetime.fromisoformat(time))


def _metric(metric: dict[str, Any], state: dict[str, Any], now: datetime) -> Iterator[str]:
    told = metric["status"]
    if told["status"] != "ok":
        reason = f": {told['reason']}" if told["reason"] else ""
        yield f"{metric['title']}: {told['status']}{reason}"
        return
    since = datetime.fromisoformat(told["since"])
    yield f"{metric['title']} (ok for {_duration((now - since).total_seconds())})"
    data = tree.get(tree.freeze(state), metric["state"])
    for field in metric["fields"]:
        value = data[field["name"]]
        if field["kind"] == "rows":
            yield from _rows(field, value)
        else:
            yield f"  {field['name']:<24} {_value(field, value)}"


def _rows(field: dict[str, Any], rows: list[dict[str, Any]]) -> Iterator[str]:
    """A line per row: what is known of it, in the catalogue's order."""
    for row in rows:
        known = [
            f"{f['name']} {_value(f, row[f['name']])}"
            for f in field["fields"]
            if f["name"] != "key" and row[f["name"]] not in (None, "")
        ]
        yield f"  {field['name']} {row['key']}: {', '.join(known)}"


def _value(field: dict[str, Any], value: Any) -> str:
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    unit = field.get("unit")
    if unit is None:
        return str(value)
    if unit in ("bytes", "bytes_per_second"):
        return _scaled(value, 1024, _BINARY) + ("/s" if unit != "bytes" else "")
    if unit in ("bits_per_second", "hertz"):
        return _scaled(value, 1000, _DECIMAL) + ("bit/s" if unit != "hertz" else "Hz")
    symbol = {"percent": " %", "celsius": " °C", "volts": " V", "rpm": " rpm", "seconds": " s",
              "per_second": " /s"}  # fmt: skip
    return f"{value:g}{symbol.get(unit, '')}"


def _scaled(value: float, base: int, prefixes: tuple[str, ...]) -> str:
    step = 0
    while abs(value) >= base and step < len(prefixes) - 1:
        value /= base
        step += 1
    prefix = prefixes[step]
    return f"{value:.3g} {prefix}" if abs(value) < 1000 else f"{value:.0f} {prefix}"


def _duration(seconds: float) -> str:
    whole = max(int(seconds), 0)
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if whole >= 2 * length:
            return f"{whole // length} {unit}"
    return f"{whole} s"
