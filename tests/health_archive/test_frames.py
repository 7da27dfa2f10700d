"""Headers are whole or none; streams inflate to what they say or not at all."""

import zlib
from struct import Struct

import pytest
from health_archive.frames import inflate, sealed, unsealed
from health_archive.numbers import DamagedSegment

FORM = Struct("<4sQ")
HEADER = sealed(FORM.pack(b"mark", 7))


def test_a_whole_header_is_read_wherever_it_stands() -> None:
    assert unsealed(HEADER, 0, FORM) == (b"mark", 7)
    assert unsealed(b"xx" + HEADER + b"yy", 2, FORM) == (b"mark", 7)


def test_no_other_is() -> None:
    for at in range(len(HEADER)):
        assert unsealed(HEADER[:at], 0, FORM) is None
        changed = bytearray(HEADER)
        changed[at] ^= 1
        assert unsealed(bytes(changed), 0, FORM) is None
    assert unsealed(HEADER, len(HEADER), FORM) is None


def test_a_stream_inflates_to_what_it_says() -> None:
    packed = zlib.compress(b"x" * 1000)
    assert inflate(packed, 1000) == b"x" * 1000
    for size in (0, 1, 999, 1001, 1 << 40):
        with pytest.raises(DamagedSegment, match="another size"):
            inflate(packed, size)


@pytest.mark.parametrize("packed", [b"", b"x", zlib.compress(b"x" * 1000)[:-1]])
def test_what_is_no_whole_stream_is_damage(packed: bytes) -> None:
    with pytest.raises(DamagedSegment):
        inflate(packed, 1000)


def test_more_than_a_stream_is_damage() -> None:
    with pytest.raises(DamagedSegment):
        inflate(zlib.compress(b"x") + b"y", 1)
