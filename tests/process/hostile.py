"""What no client should send to the state endpoint: messages, and bytes that are none.

All from a seed: the same seed gives the same inputs.
"""

import json
import random
import struct
from collections.abc import Iterator
from typing import Any

OPS = (
    "ping", "snapshot", "get", "describe", "history", "health",
    "state_at", "events", "coverage", "marks",
)  # fmt: skip
MEMBERS = (
    "op", "id", "path", "series", "start", "end", "points", "v", "", "time", "epoch", "first_seq",
    "last_seq", "names", "limit", "cursor",
)  # fmt: skip
GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32)
_DELIMITER = b""


def _ready(kind: bytes = b"DEALER") -> bytes:
    """The command with which a peer introduces itself: rfc.zeromq.org/spec/37."""
    body = b"\x05READY\x0bSocket-Type" + struct.pack("!I", len(kind)) + kind
    return bytes([4, len(body)]) + body


HANDSHAKE = GREETING + _ready()


class Fuzzer:
    """Makes hostile inputs."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def noise(self, most: int) -> bytes:
        return self.random.randbytes(self.random.randrange(most + 1))

    def value(self, depth: int = 3) -> Any:
        """Any JSON value, and some that are none."""
        pick = self.random
        kind = pick.randrange(11 if depth else 8)
        if kind == 8:
            return [self.value(depth - 1) for _ in range(pick.randrange(5))]
        if kind == 9:
            return {pick.choice(MEMBERS): self.value(depth - 1) for _ in range(pick.randrange(4))}
        if kind == 10:
            return [pick.choice(("a", "system.cpu.usage.user", 1, None))] * pick.randrange(100)
        return (
            None, True, pick.randrange(-(10**18), 10**18), pick.uniform(-1e308, 1e308),
            float(pick.choice(("nan", "inf", "-inf"))), "\0" * pick.randrange(20),
            pick.choice(("\ud800", "𝄞", "%s%n", "../../etc/passwd", "system..cpu", ".", "")),
            "x" * pick.randrange(300),
        )[kind]  # fmt: skip

    def request(self) -> bytes:
        """An op with members of any type, or something like it."""
        pick = self.random
        body = {"op": pick.choice(OPS)} if pick.random() < 0.9 else {}
        for _ in range(pick.randrange(4)):
            body[pick.choice(MEMBERS)] = self.value()
        return json.dumps(body).encode("utf-8", "surrogatepass")

    def flipped(self) -> bytes:
        """A request with bytes changed, left out or doubled."""
        text = bytearray(self.request())
        for _ in range(self.random.randrange(1, 5)):
            at = self.random.randrange(len(text) + 1)
            text[at : at + self.random.randrange(3)] = self.noise(3)
        return bytes(text)

    def deep(self) -> bytes:
        depth = self.random.choice((10, 900, 5000, 30_000))
        opening = self.random.choice((b"[", b'{"op":', b'{"op":"get","path":[', b'[{"":'))
        return (opening * depth)[:65_000]

    def huge_number(self) -> bytes:
        digits = b"9" * self.random.choice((20, 400, 4301, 60_000))
        form = self.random.choice((b"%b", b"-%b", b"%be99999", b"0.%b", b"1e%b"))
        name = self.random.choice((b"points", b"start", b"end", b"id"))
        return b'{"op":"history","series":"a","%b":%b}' % (name, form % digits)

    def message(self) -> list[bytes]:
        """The frames of a message to a ROUTER; most have the delimiter before the request."""
        pick = self.random.random()
        if pick < 0.05:
            return [self.noise(40) for _ in range(self.random.randrange(1, 20))]
        if pick < 0.08:
            return [_DELIMITER, *(self.noise(9) for _ in range(self.random.randrange(2, 300)))]
        if pick < 0.09:
            return [_DELIMITER, self.deep()]
        if pick < 0.10:
            return [_DELIMITER, self.huge_number()]
        if pick < 0.25:
            return [_DELIMITER, self.noise(200)]
        return [_DELIMITER, self.flipped() if pick < 0.6 else self.request()]

    def stream(self) -> bytes:
        """What somebody sends who opened a connection; with or without a handshake first."""
        pick = self.random.random()
        begin = b"" if pick < 0.3 else GREETING if pick < 0.5 else HANDSHAKE
        if self.random.random() < 0.3:
            begin = begin[: self.random.randrange(len(begin) + 1)]
        return begin + b"".join(self.frame() for _ in range(self.random.randrange(6)))

    def frame(self) -> bytes:
        """Flags, a length that may be a lie (announced giants never come), and bytes."""
        flags = self.random.choice((0, 1, 2, 3, 4, 6, self.random.randrange(256)))
        body = self.noise(100)
        untrue = (0, 255, 1 << 16, (1 << 16) + 1, 1 << 40, (1 << 64) - 1)
        length = self.random.choice((len(body), len(body), *untrue))
        if flags & 2:
            return bytes([flags]) + struct.pack("!Q", length) + body
        return bytes([flags, min(length, 255)]) + body


def endless() -> Iterator[bytes]:
    """A message of ever more frames, after a handshake."""
    yield HANDSHAKE
    frame = b"\x03" + struct.pack("!Q", 60_000) + bytes(60_000)
    while True:
        yield frame
