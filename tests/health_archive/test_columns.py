"""Segments as columns: the same bytes again, and damage that is told exactly."""

import base64
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from health_archive import columns
from health_archive.columns import Block, Damage, DamagedSegment, decode, encode, read
from health_archive.frames import sealed
from hypothesis import given
from hypothesis import strategies as st

from tests.health_archive.made import FIXTURES, MadeHost

HOSTS = sorted(path.name for path in FIXTURES.iterdir() if (path / "proc.next").exists())


@given(st.binary())
def test_any_bytes_come_back(text: bytes) -> None:
    assert decode(encode(text)) == text


@pytest.mark.parametrize("fixture", HOSTS)
def test_a_recorded_hosts_log_comes_back(fixture: str, tmp_path: Path) -> None:
    text = MadeHost(tmp_path, fixture).text(30)
    assert decode(encode(text)) == text


def test_a_pi_takes_a_sixtieth_of_its_text(tmp_path: Path) -> None:
    text = MadeHost(tmp_path, "pi4").text(200)
    segment = encode(text)
    assert decode(segment) == text
    assert len(segment) * 60 < len(text)
    assert len(segment) / 200 * 86400 < 6_000_000, "bytes a day"
    assert len(segment) * 3 < len(zlib.compress(text, 9))


@pytest.mark.parametrize("size", [1 << 20, (1 << 20) + 1, 3_500_000])
def test_long_lines_and_many_blocks_come_back(size: int) -> None:
    text = (b'{"a":"' + b"x" * (1 << 20) + b'","seq":1}\n' + b'{"a":1.5,"seq":2}\n' * 100_000)[
        :size
    ]
    segment = encode(text)
    parts = list(read(segment))
    assert all(isinstance(part, Block) and len(part.text) <= 1 << 20 for part in parts)
    assert decode(segment) == text


def lines(first: int, last: int) -> bytes:
    form = '{"time":"2026-01-01T12:%02d:%02d.000Z","name":"a.updated","data":{"b":%s},"seq":%d}\n'
    return "".join(form % (*divmod(i, 60), i * i % 97 / 10, i) for i in range(first, last)).encode()


def test_a_block_tells_what_it_holds() -> None:
    (block,) = read(encode(lines(3, 70)))
    assert isinstance(block, Block)
    assert block.extent == columns.Extent(67, 1767268803000, 1767268869000, 3, 69)


def test_a_text_of_lines_that_are_no_records_has_no_extent() -> None:
    (block,) = read(encode(b"no\nrecords\n"))
    assert isinstance(block, Block)
    assert block.extent == columns.Extent(2, 0, 0, 0, 0)


@pytest.fixture
def three_blocks(monkeypatch: pytest.MonkeyPatch) -> bytes:
    monkeypatch.setattr(columns, "BLOCK_SIZE", 3000)
    segment = encode(lines(1, 101))
    assert len(list(read(segment))) == 3
    return segment


def test_damage_loses_its_own_block_and_says_which_lines(three_blocks: bytes) -> None:
    whole = [part for part in read(three_blocks) if isinstance(part, Block)]
    at = three_blocks.index(b"\x89BLK", 60)
    damaged = bytearray(three_blocks)
    damaged[at + 100] ^= 1
    first, damage, last = read(bytes(damaged))
    assert (first, last) == (whole[0], whole[2])
    assert isinstance(damage, Damage)
    assert damage.extent == whole[1].extent
    assert damage.offset == at
    assert at + damage.size == three_blocks.index(b"\x89BLK", at + 1)
    with pytest.raises(DamagedSegment, match=f"at byte {at}"):
        decode(bytes(damaged))


def test_a_blocks_header_is_found_again_after_one_that_is_damaged(three_blocks: bytes) -> None:
    whole = [part for part in read(three_blocks) if isinstance(part, Block)]
    damaged = bytearray(three_blocks)
    damaged[columns.FILE_HEADER_SIZE + 5] ^= 1
    damage, *rest = read(bytes(damaged))
    assert rest == whole[1:]
    assert damage == Damage(
        columns.FILE_HEADER_SIZE,
        three_blocks.index(b"\x89BLK", 60) - columns.FILE_HEADER_SIZE,
        "no block begins where one should",
    )


def test_a_damaged_file_header_loses_no_block(three_blocks: bytes) -> None:
    whole = [part for part in read(three_blocks) if isinstance(part, Block)]
    damaged = bytearray(three_blocks)
    damaged[12] ^= 1
    damage, *rest = read(bytes(damaged))
    assert rest == whole
    assert damage == Damage(0, columns.FILE_HEADER_SIZE, "the file's header is damaged")


def test_truncation_at_every_byte_is_noticed_and_keeps_what_is_whole(three_blocks: bytes) -> None:
    whole = [part for part in read(three_blocks) if isinstance(part, Block)]
    text = decode(three_blocks)
    for size in range(len(three_blocks)):
        cut = three_blocks[:size]
        with pytest.raises(DamagedSegment):
            decode(cut)
        *kept, damage = read(cut) if size else (Damage(0, 0, ""),)
        assert isinstance(damage, Damage)
        assert kept == whole[: len(kept)]
        assert text.startswith(b"".join(block.text for block in whole[: len(kept)]))


def test_a_changed_byte_anywhere_is_noticed(three_blocks: bytes) -> None:
    text = decode(three_blocks)
    for at in range(len(three_blocks)):
        damaged = bytearray(three_blocks)
        damaged[at] ^= 0x41
        with pytest.raises(DamagedSegment):
            decode(bytes(damaged))
        kept = b"".join(part.text for part in read(bytes(damaged)) if isinstance(part, Block))
        assert len(kept) >= len(text) // 2 - 200, "two blocks of three, at least"


@given(st.binary(max_size=300))
def test_no_bytes_are_more_than_damage(content: bytes) -> None:
    for segment in (content, encode(b"") + content):
        parts = list(read(segment))
        assert all(isinstance(part, Damage) and part.reason for part in parts)
        assert parts or segment == encode(b"")


def resealed(segment: bytes, change: Callable[[list[int]], None]) -> bytes:
    """The first block's header with other figures, and a CRC that agrees with them."""
    at = columns.FILE_HEADER_SIZE
    form = columns._BLOCK
    figures = list(form.unpack_from(segment, at))
    change(figures)
    header = sealed(form.pack(*figures))
    return segment[:at] + header + segment[at + len(header) :]


@pytest.mark.parametrize(
    ("place", "value"),
    [(1, 7), (3, 2**32 - 1), (3, 5), (4, 2**32 - 1), (4, 7), (10, 1)],
)
def test_a_forged_header_takes_nothing(place: int, value: int) -> None:
    def change(figures: list[int]) -> None:
        figures[place] = value

    (damage,) = read(resealed(encode(lines(1, 50)), change))
    assert isinstance(damage, Damage)


def test_a_text_longer_than_allowed_is_refused() -> None:
    with pytest.raises(DamagedSegment, match="at most 100 are accepted"):
        decode(encode(b"x" * 101), limit=100)


def test_a_later_version_is_named() -> None:
    header = sealed(columns._FILE.pack(columns.MAGIC, 2, 0, 0))
    with pytest.raises(DamagedSegment, match="version 2 of the format; this program knows 1"):
        decode(header)


def test_a_strangers_file_is_named() -> None:
    with pytest.raises(DamagedSegment, match="not a segment as columns"):
        decode(b"PK\x03\x04 something else")


KEPT = Path(__file__).parents[1] / "golden" / "archive" / "version-1.events.txt"


def test_what_version_1_wrote_is_read_for_ever() -> None:
    """Kept in base64; `encode` need not give the same bytes, only what can be read the same."""
    kept = base64.b64decode(KEPT.read_text())
    assert decode(kept) == KEPT_TEXT
    assert decode(encode(KEPT_TEXT)) == KEPT_TEXT


KEPT_TEXT = (
    lines(1, 40)
    + b"".join(b'{"a":["x%d",%d,null]}\r\n' % (i * 7 % 5, i) for i in range(20))
    + b"".join(b'{"b":%s,"c":%d}\n' % (b"null" if i % 9 == 0 else b"%d.5" % (i * i), 4096 * i * i)
               for i in range(30))
    + "no record: é \x00".encode()
)  # fmt: skip
