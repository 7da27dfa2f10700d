"""Columns of numbers come back, whatever they are, and nothing forged does."""

from contextlib import suppress

import pytest
from health_archive.numbers import Column, DamagedSegment, Reader, Writer
from hypothesis import given
from hypothesis import strategies as st

WHOLE = st.integers(-(2**61) + 1, 2**61 - 1)


def written(*columns: list[int]) -> bytes:
    writer = Writer()
    for column in columns:
        writer.numbers(column)
    return writer.content()


def columns_of_every_kind() -> st.SearchStrategy[list[int]]:
    small = st.integers(-200, 200)
    walk = st.lists(small, max_size=50).map(lambda s: [sum(s[:i]) * 4096 for i in range(len(s))])
    return st.one_of(st.lists(WHOLE, max_size=40), st.lists(small, max_size=80), walk)


@given(st.lists(columns_of_every_kind(), max_size=5))
def test_numbers_come_back(columns: list[list[int]]) -> None:
    reader = Reader(written(*columns))
    assert [reader.numbers(len(column)) for column in columns] == columns
    reader.finish()


@pytest.mark.parametrize(
    "column",
    [[7], [7, 7, 7], [5, 3, 1], list(range(300)), [0, 255], [0, 256], [0, 65535, 65536],
     [-(2**61) + 1, 2**61 - 1, 0], [4096 * n * n for n in range(300)]],
)  # fmt: skip
def test_a_column_comes_back(column: list[int]) -> None:
    reader = Reader(written(column))
    assert reader.numbers(len(column)) == column
    reader.finish()


def test_what_grows_evenly_takes_no_room() -> None:
    assert len(written(list(range(0, 10**6, 10)))) < 12


def test_what_all_are_multiples_of_is_written_once() -> None:
    pages = [4096 * (n * n % 250) for n in range(1000)]
    assert len(written(pages)) < 1010


@pytest.mark.parametrize("number", [2**61, -(2**61), 2**100])
def test_a_number_that_is_too_large_is_refused(number: int) -> None:
    with pytest.raises(OverflowError):
        Column([0, number])


@given(st.integers(0, 2**63), WHOLE, st.text(st.characters(max_codepoint=255)))
def test_the_head_comes_back(number: int, signed: int, text: str) -> None:
    writer = Writer()
    writer.number(number)
    writer.signed(signed)
    writer.text(text)
    reader = Reader(writer.content())
    assert (reader.number(), reader.signed(), reader.text()) == (number, signed, text)
    reader.finish()


def read_all(content: bytes) -> None:
    reader = Reader(content)
    reader.number()
    reader.text()
    reader.numbers(300)
    reader.finish()


def sample() -> bytes:
    writer = Writer()
    writer.number(300)
    writer.text("a text")
    writer.numbers([n * n for n in range(300)])
    return writer.content()


def test_every_truncation_is_noticed() -> None:
    content = sample()
    read_all(content)
    for size in range(len(content)):
        with pytest.raises(DamagedSegment):
            read_all(content[:size])


def test_more_than_there_should_be_is_noticed() -> None:
    with pytest.raises(DamagedSegment, match="more in a block"):
        read_all(sample() + b"\0")


@given(st.binary(max_size=60))
def test_whatever_bytes_there_are_it_is_numbers_or_damage(content: bytes) -> None:
    with suppress(DamagedSegment):
        read_all(content)


def test_a_forged_width_takes_no_memory() -> None:
    writer = Writer()
    writer.number(0 | 2**40 << 2)
    writer.signed(0)
    writer.signed(1)
    with pytest.raises(DamagedSegment, match="longer than its block"):
        Reader(writer.content()).numbers(10)
