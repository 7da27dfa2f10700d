"""The strict JSON of the wire."""

import json
import math
from typing import Any

import pytest
from health_wire import protocol
from health_wire.protocol import ProtocolError
from hypothesis import example, given
from hypothesis import strategies as st

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.text(), JSON, max_size=5)


@given(OBJECTS)
def test_what_is_encoded_decodes_to_the_same(value: dict[str, Any]) -> None:
    frame = protocol.encode(value)
    assert protocol.decode_object(frame) == value
    assert json.loads(frame, parse_constant=pytest.fail) == value


@given(st.binary(max_size=200))
@example(b"")
@example(b"\xff")
@example(b'{"a":NaN}')
@example(b'{"a":1e999}')
@example(b"[" * 100_000)
@example(b'{"a":' * 100_000)
@example(b'{"a":' + b"9" * 5000 + b"}")
@example(b'{"a":"\\ud800"}')
def test_decoding_raises_nothing_but_protocol_errors(frame: bytes) -> None:
    refusals: list[ProtocolError] = []
    try:
        assert isinstance(protocol.decode_object(frame), dict)
    except ProtocolError as error:
        refusals.append(error)
    assert all(r.error == protocol.BAD_REQUEST and str(r) for r in refusals)


@pytest.mark.parametrize("frame", [b"1", b'"text"', b"[]", b"null", b"true"])
def test_only_an_object_is_accepted(frame: bytes) -> None:
    with pytest.raises(ProtocolError, match="expected a JSON object"):
        protocol.decode_object(frame)


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_constants_that_json_has_not_are_refused(constant: str) -> None:
    with pytest.raises(ProtocolError, match=f"{constant} is not JSON"):
        protocol.decode_object(f'{{"a":{constant}}}'.encode())


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_figures_that_json_has_not_are_not_encoded(value: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        protocol.encode({"a": value})


def test_what_utf8_cannot_hold_becomes_a_question_mark() -> None:
    assert protocol.encode({"mount": "/mnt/\udcff"}) == b'{"mount":"/mnt/?"}'


def test_text_is_itself_and_not_escaped() -> None:
    assert protocol.encode({"ü": "°"}) == '{"ü":"°"}'.encode()
