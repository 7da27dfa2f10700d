"""A collector that means no good: raw sockets and bytes of its own, nothing of the project's.

As a program: a host for each scenario of tests/process/hostile_scenarios.py that is named (all
without names), in one process; it prints ``ready NAME=EVENTS,STATE ...`` and serves until it is
ended. ZMTP 3.0 by hand: rfc.zeromq.org/spec/23.
"""

import asyncio
import json
import os
import signal
import struct
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32)
FLOOD = 256 * 1024  # bytes at a time


def ready(kind: bytes) -> bytes:
    """The command that introduces a peer."""
    body = b"\x05READY\x0bSocket-Type" + struct.pack("!I", len(kind)) + kind
    return bytes([4, len(body)]) + body


def frame(body: bytes, *, more: bool = False) -> bytes:
    if len(body) < 256:
        return bytes([more, len(body)]) + body
    return bytes([2 | more]) + struct.pack("!Q", len(body)) + body


def message(*bodies: bytes) -> bytes:
    return b"".join(frame(body, more=body is not bodies[-1]) for body in bodies[:-1]) + frame(
        bodies[-1]
    )


def text(value: Any) -> bytes:
    """JSON, and what is none: NaN, infinities; lone surrogates are escaped."""
    return json.dumps(value).encode()


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def gauge(name: str, unit: str = "percent") -> dict[str, Any]:
    return {"name": name, "kind": "gauge", "unit": unit, "doc": f"the {name}", "history": True}


def catalogue() -> dict[str, Any]:
    """Of a small device: a bar with a chart and a rule, and a table."""
    tank: dict[str, Any] = {
        "name": "tank", "title": "Tank", "event": "device.tank.updated", "state": "device.tank",
        "interval": 1.0, "on_change": False,
        "fields": [gauge("full_percent"), gauge("size_bytes", "bytes")],
        "rules": [{"kind": "above", "field": "full_percent", "rows": None, "warning": 80,
                   "critical": 95, "advice": "Drain it."}],
        "card": {"kind": "figures", "title": "Tank", "bar": "full_percent",
                 "lines": ["size_bytes"]},
        "charts": [{"kind": "lines", "title": "Tank", "series": ["full_percent"], "rows": None,
                    "range": [0, 100], "stacked": False}],
    }  # fmt: skip
    rows = {"name": "pipes", "kind": "rows", "doc": "all", "fields": [
        {"name": "key", "kind": "text", "doc": ""}, gauge("flow_per_second", "per_second"),
        gauge("clogged_percent")]}  # fmt: skip
    pipes: dict[str, Any] = {
        "name": "pipes", "title": "Pipes", "event": "device.pipes.updated",
        "state": "device.pipes", "interval": 1.0, "on_change": False, "fields": [rows],
        "rules": [], "card": {"kind": "table", "title": "Pipes", "rows": "pipes", "lines": [],
                              "columns": ["flow_per_second"], "bar": "clogged_percent"},
        "charts": [{"kind": "lines", "title": "Pipes", "series": ["flow_per_second"],
                    "rows": "pipes", "range": None, "stacked": False}],
    }  # fmt: skip
    kept = [{"seconds": 300, "resolution_seconds": None}]
    return {"title": "a device", "history": kept, "metrics": [tank, pipes]}


class Host:
    """A host that would be honest. Whatever a scenario replaces here makes it what it is.

    Attributes:
        reply: op -> the body of the reply to such a request.
        event: the body of the event that carries `data`.
    """

    def __init__(self, name: str) -> None:
        self.name, self.epoch, self.seq = name, f"{abs(hash(name)):032x}"[:32], 0
        self.pause = 1.0  # seconds between ticks
        self.catalogue = catalogue()
        self.pipes: Any = [{"key": "one", "flow_per_second": 1.5, "clogged_percent": 10}]
        self.health: Any = {"status": "healthy", "summary": "healthy", "problems": [],
                            "checks": {"known": 2, "total": 2, "not_applicable": 0}}  # fmt: skip
        status = {"status": "ok", "reason": None, "since": now()}
        self.metrics: Any = {"tank": status, "pipes": status}
        self.more: dict[str, Any] = {}  # of the state
        self.greeting: bytes = GREETING
        self.opening: Callable[[bytes], bytes] = ready
        self.reply: Callable[[str, dict[str, Any]], bytes | None] = self.honest_reply
        self.event: Callable[[str, Any], bytes] = self.honest_event
        self.stream: Callable[[], AsyncIterator[bytes]] = self.ticks
        self.answer: Callable[[str, dict[str, Any]], AsyncIterator[bytes]] = self.honest_answer

    def head(self) -> dict[str, Any]:
        return {"v": 1, "host": self.name, "epoch": self.epoch, "seq": self.seq, "time": now()}

    def tank(self) -> Any:
        return {"full_percent": 10 + self.seq % 50, "size_bytes": 4096 * self.seq}

    def state(self) -> Any:
        device = {"tank": self.tank(), "pipes": {"pipes": self.pipes}}
        return {"device": device, "health": self.health, "collector": {"metrics": self.metrics},
                **self.more}  # fmt: skip

    def body(self, op: str, request: dict[str, Any]) -> dict[str, Any]:
        """The honest reply."""
        reply = {"ok": True, **self.head()}
        if op == "ping":
            reply |= {"version": "9", "uptime_seconds": 1.5, "mode": "live"}
        elif op == "snapshot":
            reply |= {"state": self.state()}
        elif op == "describe":
            reply |= self.catalogue
        elif op == "history":
            names = request.get("series")
            asked: list[str] = names if isinstance(names, list) else [str(names)]
            t = [datetime.now(UTC).timestamp() - n for n in range(60, 0, -1)]
            figures: dict[str, Any] = dict.fromkeys(("min", "avg", "max"), [20.0] * 60)
            reply |= {"resolution_seconds": None,
                      "series": dict.fromkeys(asked, {"t": t} | figures)}  # fmt: skip
        return reply

    def honest_reply(self, op: str, request: dict[str, Any]) -> bytes | None:
        return text(self.body(op, request))

    def honest_event(self, name: str, data: Any) -> bytes:
        return text({**self.head(), "name": name, "data": data})

    def say(self, name: str, data: Any) -> bytes:
        """An event as it goes over the wire."""
        self.seq += 1
        return message(name.encode("utf-8", "replace"), self.event(name, data))

    def tick(self) -> bytes:
        return (
            self.say("device.tank.updated", self.tank())
            + self.say("device.pipes.updated", {"pipes": self.pipes})
            + self.say("collector.heartbeat", {"monotonic_seconds": 1, "uptime_seconds": 1})
        )

    async def ticks(self) -> AsyncIterator[bytes]:
        while True:
            yield self.tick()
            await asyncio.sleep(self.pause)

    async def honest_answer(self, op: str, request: dict[str, Any]) -> AsyncIterator[bytes]:
        reply = self.reply(op, request)
        if reply is not None:
            yield message(b"", reply)


class Serving:
    """A host's two endpoints."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.endpoints: list[str] = []

    async def listen(self) -> None:
        for serve in (self._events, self._state):
            server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=1 << 20)
            self.endpoints.append("tcp://{}:{}".format(*server.sockets[0].getsockname()))

    async def _events(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            await self._meet(reader, writer, b"PUB")
            await read_frames(reader)  # the subscription
            async for part in self.host.stream():
                writer.write(part)
                await writer.drain()
        writer.close()

    async def _state(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            await self._meet(reader, writer, b"ROUTER")
            while True:
                request = json.loads((await read_frames(reader))[-1])
                async for part in self.host.answer(request["op"], request):
                    writer.write(part)
                    await writer.drain()
        writer.close()

    async def _meet(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, kind: bytes
    ) -> None:
        writer.write(self.host.greeting)
        await reader.readexactly(len(GREETING))
        writer.write(self.host.opening(kind))
        await read_frames(reader)


async def read_frames(reader: asyncio.StreamReader) -> list[bytes]:
    """A message's or a command's frames; between them PINGs, which nobody answers."""
    found: list[bytes] = []
    while True:
        (flags,) = await reader.readexactly(1)
        width = 8 if flags & 2 else 1
        size = int.from_bytes(await reader.readexactly(width), "big")
        body = await reader.readexactly(size)
        if flags & 4 and body.startswith((b"\x04PING", b"\x04PONG")):
            continue
        found.append(body)
        if not flags & 1:
            return found


async def serve(hosts: dict[str, Host]) -> None:
    for stop in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(stop, os._exit, 0)  # as it stands
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    sys.unraisablehook = lambda _: None  # half-closed connections are its business
    words = ["ready"]
    for name, host in hosts.items():
        serving = Serving(host)
        await serving.listen()
        words.append(f"{name}={','.join(serving.endpoints)}")
    print(" ".join(words), file=sys.stderr, flush=True)
    await asyncio.Event().wait()


def main() -> None:
    from tests.process.hostile_scenarios import SCENARIOS, made

    asyncio.run(serve({name: made(name) for name in sys.argv[1:] or SCENARIOS}))


if __name__ == "__main__":
    main()
