"""The ring: what it keeps, for how long, and what is left of it after any tear."""

import base64
import os
from pathlib import Path

import pytest
from health_archive.black_box import BlackBox, Kept, read_black_box
from health_archive.numbers import DamagedSegment

from tests.health_archive.test_checkpoints import event

NAME, EPOCH = "2026-01-01/12-00-00", "0" * 32
SMALL = 16 * 4096
PAGE = 4096


def some(first: int, last: int) -> list[bytes]:
    return [event(seq, "a.updated", {"b": seq}) for seq in range(first, last + 1)]


def opened(path: Path, size: int = SMALL) -> BlackBox:
    return BlackBox(path, size)


def noise(number: int, size: int) -> bytes:
    """A line that cannot be made shorter."""
    return base64.b85encode(os.urandom(size)) + b'","seq":%d}\n' % number


def test_what_is_written_is_read_in_its_order(tmp_path: Path) -> None:
    box = opened(tmp_path / "box")
    assert box.write(NAME, EPOCH, some(1, 5)) == 0
    assert box.write("2026-01-01/12-10-00", EPOCH, [b'{"no":"place"}\n']) == 0
    box.sync()
    box.close()
    assert list(read_black_box(tmp_path / "box")) == [
        Kept(0, NAME, EPOCH, 1, 5, b"".join(some(1, 5))),
        Kept(1, "2026-01-01/12-10-00", EPOCH, 0, 0, b'{"no":"place"}\n'),
    ]
    assert box.written == 2 * PAGE


def test_the_file_never_grows_and_keeps_the_newest(tmp_path: Path) -> None:
    path = tmp_path / "box"
    box = opened(path)
    for number in range(100):
        box.write(NAME, EPOCH, some(number, number))
        assert path.stat().st_size == SMALL
    box.close()
    kept = list(read_black_box(path))
    assert [each.first_seq for each in kept] == list(range(85, 100))
    assert path.stat().st_blocks * 512 >= SMALL, "allocated, not a hole"
    assert path.stat().st_mode & 0o777 == 0o640


def test_records_of_any_size_wrap_around(tmp_path: Path) -> None:
    path = tmp_path / "box"
    box = opened(path)
    for number in range(60):
        box.write(NAME, EPOCH, [noise(number, number * 997 % 9000 + 1)])
        kept = [each.first_seq for each in read_black_box(path)]
        newest = min(number + 1, 4)
        assert kept[-newest:] == list(range(number + 1 - newest, number + 1))
    box.close()


def test_it_goes_on_after_a_restart_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "box"
    for number in range(40):
        box = opened(path)
        box.write(NAME, EPOCH, some(number, number))
        box.close()
    kept = list(read_black_box(path))
    assert [each.number for each in kept] == list(range(25, 40))


def test_another_size_makes_another_file(tmp_path: Path) -> None:
    box = opened(tmp_path / "box")
    box.write(NAME, EPOCH, some(1, 1))
    box.close()
    opened(tmp_path / "box", 2 * SMALL).close()
    assert list(read_black_box(tmp_path / "box")) == []
    assert (tmp_path / "box").stat().st_size == 2 * SMALL
    assert os.listdir(tmp_path) == ["box"]


@pytest.mark.parametrize("content", [b"", b"x" * SMALL, bytes(SMALL)])
def test_what_is_no_black_box_is_told_and_replaced(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "box"
    path.write_bytes(content)
    with pytest.raises(DamagedSegment, match="not a black box"):
        list(read_black_box(path))
    opened(path).close()
    assert list(read_black_box(path)) == []


def test_many_lines_become_many_records(tmp_path: Path) -> None:
    box = opened(tmp_path / "box", 1 << 20)
    lines = [noise(i, 3000) for i in range(100)]
    assert box.write(NAME, EPOCH, lines) == 0
    box.close()
    kept = list(read_black_box(tmp_path / "box"))
    assert len(kept) > 4
    assert b"".join(each.lines for each in kept) == b"".join(lines)
    assert [each.first_seq for each in kept] == sorted(each.first_seq for each in kept)


def test_a_line_too_long_for_the_box_is_left_out_and_told(tmp_path: Path) -> None:
    box = opened(tmp_path / "box")
    assert box.write(NAME, EPOCH, [*some(1, 1), noise(2, 70_000), *some(3, 3)]) == 1
    box.close()
    assert [each.first_seq for each in read_black_box(tmp_path / "box")] == [1, 3]


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """Three records in the first pages; the last has two pages."""
    box = opened(tmp_path / "box")
    box.write(NAME, EPOCH, some(1, 5))
    box.write(NAME, EPOCH, some(6, 9))
    box.write(NAME, EPOCH, [noise(10, 5000)])
    box.close()
    return tmp_path / "box"


def test_a_tear_at_any_byte_costs_the_record_it_is_in(written: Path) -> None:
    whole = written.read_bytes()
    ends = len(whole[: 3 * PAGE].rstrip(b"\0")), len(whole.rstrip(b"\0"))
    assert ends[1] > 4 * PAGE
    with written.open("r+b", buffering=0) as file:
        for number, (begin, end) in enumerate(zip((2 * PAGE, 3 * PAGE), ends, strict=True), 1):
            for at in range(begin, end):
                os.pwrite(file.fileno(), bytes([whole[at] ^ 0x55]), at)
                kept = [each.number for each in read_black_box(written)]
                assert kept == [other for other in range(3) if other != number], at
                os.pwrite(file.fileno(), whole[at : at + 1], at)
    assert [each.number for each in read_black_box(written)] == [0, 1, 2]


def test_a_write_that_stopped_at_any_byte_costs_that_record(written: Path) -> None:
    whole = written.read_bytes()
    for at in range(3 * PAGE, len(whole.rstrip(b"\0")), 13):
        written.write_bytes(whole[:at] + b"\xff" * (len(whole) - at))
        assert [each.number for each in read_black_box(written)] == [0, 1], at
        written.write_bytes(whole[:at])  # the file itself is cut off
        assert [each.number for each in read_black_box(written)] == [0, 1], at


def test_after_a_tear_it_goes_on(written: Path) -> None:
    with written.open("r+b") as file:
        file.seek(3 * PAGE + 200)
        file.write(b"torn")
    box = opened(written)
    box.write(NAME, EPOCH, some(11, 12))
    box.close()
    assert [(k.number, k.first_seq) for k in read_black_box(written)] == [(0, 1), (1, 6), (2, 11)]


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    opened(tmp_path / "elsewhere").close()
    (tmp_path / "box").symlink_to("elsewhere")
    with pytest.raises(OSError, match="symbolic"):
        opened(tmp_path / "box")
