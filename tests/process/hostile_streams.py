"""The scenarios in which it is not a value that is hostile, but when, how much and how often."""

import asyncio
import itertools
import struct
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from tests.process.hostile_collector import FLOOD, GREETING, Host, frame, message, text

MIB = 1 << 20
STREAMS: dict[str, Callable[[Host], None]] = {}
Parts = AsyncIterator[bytes]
EMPTY_MORE = frame(b"", more=True)


def saying(stream: Callable[[Host], Parts]) -> None:
    """Instead of events."""
    STREAMS[stream.__name__] = lambda host: setattr(host, "stream", lambda: stream(host))


def answering(*ops: str) -> Callable[[Callable[[Host, str, dict[str, Any]], Parts]], None]:
    """Instead of answers to requests of these kinds."""

    def take(answer: Callable[[Host, str, dict[str, Any]], Parts]) -> None:
        def make(host: Host) -> None:
            host.answer = lambda op, request: (
                answer(host, op, request) if op in ops else host.honest_answer(op, request)
            )

        STREAMS[answer.__name__] = make

    return take


async def fast(parts: Iterator[bytes], per_second: float = float("inf")) -> Parts:
    """As fast as they are taken, or so many bytes a second."""
    begun, sent = asyncio.get_running_loop().time(), 0
    for part in parts:
        yield part
        sent += len(part)
        ahead = sent / per_second - (asyncio.get_running_loop().time() - begun)
        await asyncio.sleep(max(ahead, 0))


def batches(say: Callable[[], bytes]) -> Iterator[bytes]:
    while True:
        batch = b""
        while len(batch) < FLOOD:
            batch += say()
        yield batch


@saying
def flood_50_mb(host: Host) -> Parts:
    data = {"full_percent": 1, "text": "x" * 8000}
    return fast(batches(lambda: host.say("device.tank.updated", data)), 50e6)


@saying
def flood_small(host: Host) -> Parts:
    return fast(batches(lambda: host.say("collector.heartbeat", None)), 10e6)


@saying
def flood_of_garbage(host: Host) -> Parts:
    return fast(batches(lambda: message(b"x", b"garbage")))


@saying
def flood_of_1_mib(host: Host) -> Parts:
    large = {"rows": ["x" * 8000] * 120}
    return fast(iter(lambda: host.say("device.tank.updated", large), b""), 20e6)


@saying
def flood_of_paths(host: Host) -> Parts:
    numbers = itertools.count()
    return fast(batches(lambda: host.say(f"device.a{next(numbers)}.updated", {"a": 1})), 1.5e6)


@saying
async def paths_slowly(host: Host) -> Parts:
    for number in itertools.count():
        yield host.say(f"device.a{number}.updated", {"a": 1}) + (
            b"" if number % 10 else host.tick()
        )
        await asyncio.sleep(0.01)


def new_epoch(host: Host) -> bytes:
    host.epoch, host.seq = f"{int(host.epoch, 16) + 1:032x}", 0
    return host.say("device.tank.updated", host.tank())


@saying
def flood_of_epochs(host: Host) -> Parts:
    return fast(batches(lambda: new_epoch(host)), 2e6)


@saying
async def epochs_slowly(host: Host) -> Parts:
    while True:
        yield new_epoch(host) + host.tick()
        await asyncio.sleep(1.0)


@saying
async def epochs_two(host: Host) -> Parts:
    for number in itertools.count():
        host.epoch = f"{number % 2:032x}"
        yield host.tick()
        await asyncio.sleep(0.1)


def rewritten_catalogue(host: Host) -> None:
    """Another each second, as an epoch each: and each has another chart."""

    async def stream() -> Parts:
        for number in itertools.count():
            host.catalogue["metrics"][0]["title"] = f"Tank {number}"
            yield new_epoch(host) + host.tick()
            await asyncio.sleep(6.5)

    host.stream = stream


def other_epoch_described(host: Host) -> None:
    """Its catalogue is always another start's: it would have to be asked again and again."""
    numbers = itertools.count()

    def reply(op: str, request: dict[str, Any]) -> bytes:
        body = host.body(op, request)
        return text(body | ({"epoch": f"e{next(numbers)}"} if op == "describe" else {}))

    host.reply = reply


STREAMS |= {f.__name__: f for f in (rewritten_catalogue, other_epoch_described)}


@saying
def endless_event(host: Host) -> Parts:
    part = frame(bytes(60_000), more=True)
    return fast(iter(lambda: part * 4, b""))


@saying
def endless_small_frames(host: Host) -> Parts:
    return fast(iter(lambda: EMPTY_MORE * (FLOOD // 2), b""))


@saying
def event_of_300_frames(host: Host) -> Parts:
    return fast(batches(lambda: message(*[b"x"] * 300)), 1e6)


@saying
def seq_jumps(host: Host) -> Parts:
    def say() -> bytes:
        host.seq += 5
        return host.say("device.tank.updated", host.tank())

    return fast(batches(say), 1e6)


@saying
async def seq_jumps_slowly(host: Host) -> Parts:
    while True:
        host.seq += 5
        yield host.tick()
        await asyncio.sleep(0.1)


@saying
async def silent(host: Host) -> Parts:
    yield host.tick()
    await asyncio.Event().wait()


@saying
async def figure_late(host: Host) -> Parts:
    while True:
        yield host.say("collector.heartbeat", None)
        await asyncio.sleep(1.0)


@saying
async def half_a_frame(host: Host) -> Parts:
    yield host.tick() + b"\x02" + struct.pack("!Q", MIB) + b"x"
    await asyncio.Event().wait()


@saying
async def byte_by_byte(host: Host) -> Parts:
    while True:
        for byte in host.tick():
            yield bytes([byte])
            await asyncio.sleep(0.005)


@saying
async def a_giant_announced(host: Host) -> Parts:
    yield b"\x03" + struct.pack("!Q", (1 << 63) - 1) + bytes(1000)


@saying
async def resets_after_events(host: Host) -> Parts:
    yield host.tick() * 3
    raise ConnectionError


@saying
def pings(host: Host) -> Parts:
    return fast(iter(lambda: b"\x04\x07\x04PING\x00\x00" * 1000 + host.tick(), b""), 1e6)


@saying
def commands(host: Host) -> Parts:
    return fast(iter(lambda: b"\x04\x06\x05OTHER" * 1000, b""), 1e6)


@answering("ping", "snapshot", "describe", "history")
async def never_answers(host: Host, op: str, request: dict[str, Any]) -> Parts:
    await asyncio.Event().wait()
    yield b""


@answering("history", "describe")
async def never_answers_all(host: Host, op: str, request: dict[str, Any]) -> Parts:
    await asyncio.Event().wait()
    yield b""


@answering("snapshot", "history", "describe", "ping")
async def answers_late(host: Host, op: str, request: dict[str, Any]) -> Parts:
    await asyncio.sleep(1.8)
    async for part in host.honest_answer(op, request):
        yield part


@answering("snapshot", "history", "describe")
async def answers_twice(host: Host, op: str, request: dict[str, Any]) -> Parts:
    for _ in range(2):
        async for part in host.honest_answer(op, request):
            yield part


@answering("snapshot", "describe", "history")
async def answers_another_question(host: Host, op: str, request: dict[str, Any]) -> Parts:
    yield message(b"", text(host.body("ping", request)))


@answering("snapshot")
async def snapshot_of_16_mib(host: Host, op: str, request: dict[str, Any]) -> Parts:
    yield message(b"", text(host.body(op, request) | {"more": ["x" * 8000] * 2000}))


@answering("snapshot")
async def endless_reply(host: Host, op: str, request: dict[str, Any]) -> Parts:
    yield EMPTY_MORE
    async for part in fast(iter(lambda: frame(bytes(60_000), more=True) * 4, b"")):
        yield part


@answering("history")
async def endless_history(host: Host, op: str, request: dict[str, Any]) -> Parts:
    yield EMPTY_MORE
    async for part in fast(iter(lambda: EMPTY_MORE * (FLOOD // 2), b"")):
        yield part


@answering("describe")
async def flood_of_replies(host: Host, op: str, request: dict[str, Any]) -> Parts:
    async for part in fast(iter(lambda: message(b"other", b"{}") * 5000, b"")):
        yield part


@answering("describe", "snapshot")
async def three_frames(host: Host, op: str, request: dict[str, Any]) -> Parts:
    yield message(b"", b"{}", b"{}")


@answering("describe")
async def no_delimiter(host: Host, op: str, request: dict[str, Any]) -> Parts:
    yield message(text(host.body(op, request)))


@answering("describe", "history")
async def reply_byte_by_byte(host: Host, op: str, request: dict[str, Any]) -> Parts:
    async for part in host.honest_answer(op, request):
        for byte in part:
            yield bytes([byte])
            await asyncio.sleep(0.01)


@answering("snapshot", "describe")
async def resets_when_asked(host: Host, op: str, request: dict[str, Any]) -> Parts:
    raise ConnectionError
    yield b""


# How it introduces itself.
GREETINGS: dict[str, bytes] = {
    "speaks_http": b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n" + bytes(40),
    "greets_as_zmtp_2": b"\xff" + bytes(8) + b"\x7f\x01\x02" + bytes(50),
    "greets_as_zmtp_1": b"\x01\x00" * 30,
    "greets_with_curve": GREETING.replace(b"NULL".ljust(20, b"\0"), b"CURVE".ljust(20, b"\0")),
    "greets_with_noise": bytes(range(255, 0, -1)),
    "greets_never": b"",
}
OPENINGS: dict[str, bytes] = {
    "ready_huge": b"\x06" + struct.pack("!Q", 2 * MIB) + b"\x05READY" + bytes(2 * MIB - 6),
    "ready_wrong": b"\x04\x06\x05ERROR",
    "ready_of_another_kind": b"\x04\x19\x05READY\x0bSocket-Type\x00\x00\x00\x03REQ"[:27],
    "ready_never": b"",
}


def _greeting(greeting: bytes) -> Callable[[Host], None]:
    return lambda host: setattr(host, "greeting", greeting)


def _opening(opening: bytes) -> Callable[[Host], None]:
    return lambda host: setattr(host, "opening", lambda kind: opening)


STREAMS |= {name: _greeting(given) for name, given in GREETINGS.items()}
STREAMS |= {name: _opening(given) for name, given in OPENINGS.items()}
