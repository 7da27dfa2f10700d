"""Many light collectors in one process, which speak the wire like real ones.

Run as a program: ``python -m tests.browser.simulated [--frozen] DIRECTORY NUMBER...``. The
sockets of host NUMBER are ``DIRECTORY/NUMBER.e`` and ``DIRECTORY/NUMBER.s``; it says ``ready
hosts=...`` when all are bound. Samples and catalogue are those of a recorded host, with figures
that move; with ``--frozen`` they stand still, and time with them. Every host whose number is in
`TROUBLES` has that trouble.
"""

import argparse
import json
import math
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import zmq

GOLDEN = Path(__file__).parents[1] / "golden"
RECORDED = "x86-server"
FULL = 900  # that host has nine full file systems
FROZEN = datetime(2026, 1, 1, 12, 0, tzinfo=UTC).timestamp()
TROUBLES = {
    3: ("warning", "memory", "used_percent", 91.4, 85, "memory 91.4 %"),
    7: ("critical", "disk", "used_percent", 98.2, 97, "disk / 98.2 %"),
    57: ("critical", "memory", "used_percent", 97.3, 95, "memory 97.3 %"),
}


def catalogue() -> list[dict[str, Any]]:
    described = json.loads((GOLDEN / "catalogue.json").read_text(encoding="utf-8"))
    assert isinstance(described, list)
    return described


METRICS = catalogue()
SAMPLES: dict[str, Any] = {
    m["name"]: json.loads((GOLDEN / RECORDED / f"{m['name']}.json").read_text())["second"]
    for m in METRICS
}
ABSENT = {name for name, sample in SAMPLES.items() if "Unavailable" in (sample or {})}
EACH_SECOND = [m for m in METRICS if m["interval"] == 1.0 and m["name"] not in ABSENT]


class Host:
    """One collector's two sockets and its state."""

    def __init__(self, context: zmq.Context[Any], folder: Path, number: int, frozen: bool) -> None:
        self.number, self.frozen = number, frozen
        self.name = f"node-{number}"
        self.epoch, self.seq = f"{number:032x}", 0
        self.pub, self.rep = context.socket(zmq.PUB), context.socket(zmq.ROUTER)
        for socket, kind in ((self.pub, "e"), (self.rep, "s")):
            socket.linger = 0
            socket.bind(f"ipc://{folder}/{number}.{kind}")
        self.trouble = TROUBLES.get(number)
        self.samples = {n: s for n, s in SAMPLES.items() if n not in ABSENT and s is not None}
        self.samples |= {m["name"]: self.sample(m, 0) for m in METRICS if m["name"] in self.samples}

    def now(self) -> float:
        return FROZEN if self.frozen else time.time()

    def head(self) -> dict[str, Any]:
        now = datetime.fromtimestamp(self.now(), UTC).isoformat(timespec="milliseconds")
        return {
            "v": 1,
            "host": self.name,
            "epoch": self.epoch,
            "seq": self.seq,
            "time": now.replace("+00:00", "Z"),
        }

    def say(self, name: str, data: Any) -> None:
        self.seq += 1
        body = self.head() | {"name": name, "data": data}
        self.pub.send_multipart([name.encode(), json.dumps(body).encode()])

    def sample(self, metric: dict[str, Any], tick: float) -> Any:
        """The recorded sample with a figure of this host's own in its bar."""
        sample, card = dict(SAMPLES[metric["name"]]), metric["card"]
        bar, rows = card.get("bar"), card.get("rows")
        if bar is None:
            return sample
        value = self.figure(metric["name"], tick)
        if rows is None:
            return sample | {bar: value}
        first, *others = sample[rows]
        return sample | {rows: [first | {bar: value}, *(row | {bar: 4.0} for row in others)]}

    def figure(self, metric: str, tick: float) -> float:
        if self.trouble and self.trouble[1] == metric:
            return self.trouble[3]
        place = (self.number * 37 + len(metric) * 53) % 60
        wave = math.sin(tick / (7 + self.number % 5) + self.number) if metric == "cpu" else 0.0
        slow = math.sin(tick / 90 + self.number) * 3
        return round(min(max(place + 4 + 12 * wave + slow, 0.5), 79.0), 1)

    def tick(self, tick: int) -> None:
        """A second's events, as a collector has them."""
        for metric in EACH_SECOND:
            sample = self.samples[metric["name"]]
            if not self.frozen:
                sample = self.samples[metric["name"]] = self.sample(metric, tick)
            self.say(metric["event"], sample)
        self.say("collector.heartbeat", {"monotonic_seconds": tick})

    def health(self) -> dict[str, Any]:
        checks = {"known": 12, "total": 12, "not_applicable": 6}
        if self.number == FULL:
            return self.full(checks)
        if self.trouble is None:
            return {"status": "healthy", "summary": "healthy", "problems": [], "checks": checks}
        severity, metric, field, value, threshold, reason = self.trouble
        problem = {"metric": metric, "row": None, "field": field, "value": value}
        since = datetime.fromtimestamp(FROZEN - 720, UTC).isoformat().replace("+00:00", "Z")
        problem |= {"threshold": threshold, "severity": severity, "since": since, "reason": reason}
        return {"status": severity, "summary": reason, "problems": [problem], "checks": checks}

    def full(self, checks: dict[str, int]) -> dict[str, Any]:
        since = datetime.fromtimestamp(FROZEN - 720, UTC).isoformat().replace("+00:00", "Z")
        problem = {"metric": "disk", "field": "used_percent", "value": 98.2, "threshold": 97}
        problem |= {"severity": "critical", "since": since}
        rows = [f"/srv/{letter}" for letter in "abcdefghi"]
        found = [problem | {"row": row, "reason": f"disk {row} 98.2 %"} for row in rows]
        return {"status": "critical", "summary": "disks", "problems": found, "checks": checks}

    def state(self) -> dict[str, Any]:
        tree: dict[str, Any] = {"health": self.health(), "collector": {"metrics": {}}}
        for metric in METRICS:
            name, absent = metric["name"], metric["name"] in ABSENT
            reason = SAMPLES[name]["Unavailable"] if absent else None
            status = "unavailable" if absent else "ok"
            tree["collector"]["metrics"][name] = {"status": status, "reason": reason}
            *path, last = metric["state"].split(".")
            if not absent:
                node = tree
                for key in path:
                    node = node.setdefault(key, {})
                node[last] = self.samples[name]
        return tree

    def answer(self) -> None:
        client, _, request = self.rep.recv_multipart()
        asked = json.loads(request)
        reply = {"ok": True, **self.head()}
        match asked["op"]:
            case "ping":
                reply |= {"version": "0", "uptime_seconds": 1.0, "mode": "live"}
            case "snapshot":
                reply["state"] = self.state()
            case "describe":
                kept = [{"seconds": 300, "resolution_seconds": None}]
                reply |= {"title": "simulated", "metrics": METRICS, "history": kept}
            case "history":
                found = self.history(asked)
                missing = next((name for name, series in found.items() if series is None), None)
                reply |= {"resolution_seconds": None, "series": found}
                if missing is not None:
                    reply = self.refuse("not_found", f"there is no series {missing!r}")
            case op:
                reply = self.refuse("unknown_op", f"{op} is not simulated")
        self.rep.send_multipart([client, b"", json.dumps(reply).encode()])

    def refuse(self, error: str, message: str) -> dict[str, Any]:
        return {"ok": False, "v": 1, "error": error, "message": message}

    def history(self, asked: dict[str, Any]) -> dict[str, Any]:
        """What a sample would have been every five seconds; every series is the metric's bar."""
        names = asked["series"] if isinstance(asked["series"], list) else [asked["series"]]
        found: dict[str, Any] = {}
        ages = range(295, -1, -5)
        for name in names:
            metrics = (m["name"] for m in METRICS if name.startswith(f"{m['state']}."))
            metric = next(metrics, None)
            if metric is None:
                found[name] = None
                continue
            values = [self.figure(metric, 0 if self.frozen else -age) for age in ages]
            t = [self.now() - age for age in ages]
            found[name] = {"t": t, "min": values, "avg": values, "max": values}
        return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", type=Path)
    parser.add_argument("numbers", type=int, nargs="+")
    parser.add_argument("--frozen", action="store_true")
    parser.add_argument("--hertz", type=float, default=1.0)
    options = parser.parse_args()
    context: zmq.Context[Any] = zmq.Context()
    hosts = [Host(context, options.directory, n, options.frozen) for n in options.numbers]
    poller = zmq.Poller()
    by_socket = {host.rep: host for host in hosts}
    for socket in by_socket:
        poller.register(socket, zmq.POLLIN)
    ending: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ending.append(1))
    print(f"ready hosts={len(hosts)}", file=sys.stderr, flush=True)
    # Each host has its own moment within the second, as real ones do.
    due = [time.monotonic() + i / len(hosts) / options.hertz for i in range(len(hosts))]
    ticks, following = [0] * len(hosts), 0
    while not ending:
        wait = max(due[following] - time.monotonic(), 0.0)
        for socket, _ in poller.poll(int(wait * 1000)):
            by_socket[socket].answer()
        if time.monotonic() >= due[following]:
            ticks[following] += 1
            hosts[following].tick(ticks[following])
            due[following] += 1 / options.hertz
            following = (following + 1) % len(hosts)
    for host in hosts:
        host.pub.close()
        host.rep.close()
    context.term()


if __name__ == "__main__":
    main()
