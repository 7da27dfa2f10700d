"""Names, limits and defaults of the wire, and its strict JSON. PROTOCOL.md is the contract."""

import json
from json.scanner import make_scanner
from typing import Any

VERSION = 1
EVENTS_ENDPOINT = "tcp://127.0.0.1:8087"
STATE_ENDPOINT = "tcp://127.0.0.1:8088"

MAX_REQUEST_BYTES = 64 * 1024
MAX_SERIES = 64
MAX_POINTS = 5000
DEFAULT_POINTS = 1000
MAX_EVENTS = 5000
DEFAULT_EVENTS = 1000
MAX_MARKS = 5000

HEARTBEAT = "collector.heartbeat"
STALE_AFTER_SECONDS = 3.0

BAD_REQUEST = "bad_request"
UNKNOWN_OP = "unknown_op"
NOT_FOUND = "not_found"
TOO_LARGE = "too_large"
BUSY = "busy"
INTERNAL = "internal"

OPS = (
    "ping", "snapshot", "get", "describe", "history", "health",
    "state_at", "events", "coverage", "marks",
)  # fmt: skip


class ProtocolError(Exception):
    """The other side sent what the protocol does not allow, or answered with an error.

    Attributes:
        error: one of the error codes of PROTOCOL.md.
    """

    def __init__(self, error: str, message: str) -> None:
        super().__init__(message)
        self.error = error


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def encode(value: Any) -> bytes:
    """Strict, compact JSON in UTF-8; what UTF-8 cannot hold (lone surrogates) becomes ``?``.

    Raises:
        ValueError: the value holds NaN or an infinity.
    """
    return _encode(value).encode("utf-8", "replace")


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


_decoder = json.JSONDecoder(parse_constant=_refuse_constant)
_scan = make_scanner(_decoder)  # type: ignore[arg-type]


def decode_object(frame: bytes) -> dict[str, Any]:
    """The JSON object in a frame.

    Raises:
        ProtocolError: it is not UTF-8, not JSON, nested too deeply, or not an object.
    """
    try:
        text = frame.decode()
        try:
            value, end = _scan(text, 0)
        except StopIteration:
            end = -1
        if end != len(text):  # there is space around it, or it is no JSON, which this one tells of
            value = _decoder.decode(text)
    except RecursionError:
        raise ProtocolError(BAD_REQUEST, "the JSON is nested too deeply") from None
    except ValueError as error:  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        raise ProtocolError(BAD_REQUEST, f"not JSON in UTF-8: {error}") from None
    if not isinstance(value, dict):
        raise ProtocolError(BAD_REQUEST, f"expected a JSON object, got {type(value).__name__}")
    return value
