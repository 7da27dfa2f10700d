"""Columns of texts come back, whatever they are."""

import json

import pytest
from health_archive.numbers import DamagedSegment, Reader, Writer
from health_archive.texts import (
    CHOICE,
    MIXED,
    NUMBERS,
    TextsReader,
    TextsWriter,
    shortened,
    thousandths,
)  # fmt: skip
from hypothesis import given
from hypothesis import strategies as st

TEXT = st.text(st.characters(max_codepoint=255), min_size=1)
JSON_VALUE = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False), st.integers(), st.booleans(), st.none()
).map(json.dumps)
DECIMAL = st.decimals(allow_nan=False, allow_infinity=False, places=None).map(str)
TENTHS = st.integers(0, 1000).map(lambda n: str(n / 10))
COLUMN = st.one_of(
    st.lists(values, min_size=1, max_size=40)
    for values in (TEXT, JSON_VALUE, DECIMAL, TENTHS, TENTHS | st.just("null"), TENTHS | DECIMAL)
)


def written(*templates: list[list[str]]) -> bytes:
    writer = Writer()
    columns = TextsWriter(writer)
    for template in templates:
        columns.begin()
        for column in template:
            columns.write(column)
    return writer.content()


def read(content: bytes, *templates: list[list[str]]) -> list[list[list[str]]]:
    reader = Reader(content)
    columns = TextsReader(reader)
    found = []
    for template in templates:
        columns.begin()
        found.append([columns.read(len(column)).read() for column in template])
    reader.finish()
    return found


@given(COLUMN)
def test_a_column_comes_back(column: list[str]) -> None:
    assert read(written([column]), [column]) == [[column]]


def columns_of(size: int) -> st.SearchStrategy[list[list[str]]]:
    return st.lists(st.lists(TENTHS, min_size=size, max_size=size), max_size=12)


@given(st.integers(1, 30).flatmap(columns_of))
def test_columns_that_may_be_told_from_each_other_come_back(template: list[list[str]]) -> None:
    again = [[*map(str, range(len(column)))] for column in template]
    assert read(written(template, again), template, again) == [template, again]


ODD = [
    "-0", "-0.0", "0.0", "00", "007", "1.", ".5", "1.50", "1e5", "1e-05", "1E+16", "nan", "inf",
    "1_000", " 5", "+5", "0x10", "1" * 18, "1" * 19, "9" * 400, "9" * 5000, "1." + "0" * 40,
    "123456789012345.6", "1234567890123456.5", "0.123456789", "0.1234567891", "-9.9", "\xb2",
    "null",    '"a\\"b"', "true",
]  # fmt: skip


@pytest.mark.parametrize("text", ODD)
def test_numbers_that_are_written_otherwise_come_back(text: str) -> None:
    for others in (["1.5", "2.25"], ["1", "2"], ["null", "x"], ["1.5"] * 30, ["4"] * 30):
        column = [*others, text, *reversed(others)]
        assert read(written([column]), [column]) == [[column]]


def test_a_column_that_is_another_takes_nothing_and_a_sum_little() -> None:
    noise = [n * n * 7919 % 1009 for n in range(600)]
    one = [str(n / 10) for n in noise]
    rest = [str((1009 - n) / 10) for n in noise]
    alone, same, sums = (len(written(t)) for t in ([one], [one, one], [one, rest]))
    assert alone > 1000
    assert same - alone < 20
    assert sums - alone < 20


@pytest.mark.parametrize(
    ("text", "figure"),
    [("1", 1000), ("-1.5", -1500), ("0.0005", 1), ("-0.0005", 0), ("1.23449", 1234), ("1e-05", 0),
     ("1e15", 10**18), ("-0.0", 0), ("null", None), ('"1"', None), ("1e999", None), ("x", None),
     ("1.", None), ("9" * 26, int("9" * 26) * 1000), ("9" * 30, None),
     ("1e30", None)],
)  # fmt: skip
def test_numbers_are_thousandths(text: str, figure: int | None) -> None:
    assert thousandths(text) == figure


@given(st.lists(TENTHS | st.just("null") | JSON_VALUE, min_size=1))
def test_figures_are_those_of_the_texts(column: list[str]) -> None:
    found = TextsReader(Reader(written([column]))).read(len(column)).figures()
    known = [thousandths(text) for text in column]
    if found is None:
        assert not any(figure is not None for figure in known)
    else:
        places, figures = found
        assert [f if f is None else shortened(f, places) for f in figures] == known


def test_null_now_and_then_does_not_make_texts_of_numbers() -> None:
    column = ["null" if n % 50 == 0 else str(n * n * 7919 % 1009 / 10) for n in range(600)]
    assert len(written([column])) < 2400


@pytest.mark.parametrize(
    "forged",
    [
        [NUMBERS + 10, 0, 2, 0, 0], [NUMBERS, 1, 2, 0, 0], [CHOICE, 4, 0, 0, 0], [CHOICE, 0],
        [MIXED, 1, 0, 2, 0, 0, 10, 2, 0, 0], [99999, 0, 2, 0, 0],
        [CHOICE, 1, 0, 2, 4, 0],
    ],
)  # fmt: skip
def test_what_was_forged_is_damage(forged: list[int]) -> None:
    writer = Writer()
    for number in forged:
        writer.number(number)
    with pytest.raises(DamagedSegment):
        TextsReader(Reader(writer.content())).read(3).read()
