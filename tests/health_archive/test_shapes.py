"""Lines come back from their templates and columns, and texts that change make no templates."""

import json
import time
from contextlib import suppress

import pytest
from health_archive.numbers import DamagedSegment, Reader, Writer
from health_archive.shapes import Lines, read
from hypothesis import given
from hypothesis import strategies as st

LATIN = st.text(st.characters(max_codepoint=255))
VALUE: st.SearchStrategy[object] = st.recursive(
    st.one_of(st.floats(), st.integers(), st.booleans(), st.none(), st.text()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=12,
)
TIME = st.one_of(
    st.datetimes().map(lambda t: t.isoformat(timespec="milliseconds") + "Z"),
    st.sampled_from(
        ["2026-01-01T12:00:60.000Z", "2026-1-1T12:00:00.0000Z", "2026-W01-1T12:00:00.000Z",
         "2026-01-01T24:00:00.000Z", "2026-01-01 12:00:00.000Z", "", "0001-01-01T00:00:00.000Z",
         "2026-01-01T12:00:00.000z", "9999-12-31T23:59:59.999Z"]
    ),
)  # fmt: skip
SEQ = st.one_of(st.integers(), st.just(-0.0), st.integers(10**17, 10**20)).map(str)


@st.composite
def records(draw: st.DrawFn) -> str:
    data = json.dumps(draw(VALUE), ensure_ascii=draw(st.booleans()))
    text = f'{{"time":"{draw(TIME)}","name":"a.b","data":{data},"seq":{draw(SEQ)}}}'
    return text.encode("utf-8", "surrogatepass").decode("latin-1")


ENDS = st.sampled_from(["\n", "\n\n", "\r\n", "", "\r", " \n", "}\n"])
TEXTS = st.lists(st.tuples(st.one_of(records(), LATIN), ENDS), max_size=12).map(
    lambda parts: "".join(line + end for line, end in parts)
)


def written(text: str) -> bytes:
    writer = Writer()
    Lines(text).write(writer)
    return writer.content()


def again(text: str) -> str:
    return read(Reader(written(text)), len(text)).text()


@given(TEXTS)
def test_any_text_comes_back(text: str) -> None:
    assert again(text) == text


@given(st.lists(st.sampled_from(['{"a":1}', '{"a":"x"}', '{"a":["y",2]}']), max_size=9), TEXTS)
def test_many_templates_of_one_family_come_back(lines: list[str], other: str) -> None:
    text = "\n".join(line.replace("x", str(i)) for i, line in enumerate(lines)) + other
    assert again(text) == text


@pytest.mark.parametrize(
    "text",
    ["", "\n", "\n\n", "x", "x\n", "x\r\ny", '{"a":1}\n{"a":1', '":1":2', '":', '{"time":"',
     '{"seq":007}', '{"a":1,"seq":007}', '{"a":1,"seq":1.0}', '{"a":1,"seq":-1}', '{"a":1,"seq":0}',
     '{"a":1,"seq":1}}', "[1,2,3]\n[4,5,6]", "\0\xff", '{"a":"\\"}', '{"a":"\\\\",,"":"",[]}'],
)  # fmt: skip
def test_odd_texts_come_back(text: str) -> None:
    for repeated in (1, 2, 7):
        assert again(text * repeated) == text * repeated


def line(number: int, name: str, address: str) -> str:
    data = {"top": [{"process": name, "cpu": number / 10, "memory": None}], "address": address}
    event = {"time": f"2026-01-01T12:00:{number % 60:02}.000Z", "name": "x.updated", "data": data}
    return json.dumps({**event, "seq": number}, separators=(",", ":")) + "\n"


def test_texts_that_change_become_columns() -> None:
    names = [f"process {i * i % 17}" for i in range(600)]
    changing = "".join(line(i, name, f"10.0.0.{i % 7}") for i, name in enumerate(names))
    same = "".join(line(i, "process", "10.0.0.1") for i in range(600))
    assert again(changing) == changing
    assert len(written(changing)) < len(written(same)) + 2100, (
        "two small numbers a line, not a text"
    )


def test_times_and_places_are_told() -> None:
    lines = Lines(line(3, "a", "b") + "no record\n" + line(5, "a", "b") + '{"seq":1}\n')
    assert (len(lines), lines.times, lines.seqs) == (4, [1767268803000, 1767268805000], [3, 5])


def test_one_long_line_takes_bounded_time() -> None:
    for hostile in ('{"a":"' + "\\\\" * 400_000, ':"' * 400_000, ',"\\' * 300_000, '":' * 500_000):
        text = "\n".join((hostile, *(f'{{"a":"{i}"}}' for i in range(5)), hostile + "x"))
        begin = time.process_time()
        assert again(text) == text
        assert time.process_time() - begin < 60, "seconds where a quadratic search takes hours"


def test_a_text_longer_than_it_says_is_damage() -> None:
    text = "".join(line(i, "a", "b") for i in range(50))
    for size in (0, 1, 100, len(text) - 200):
        with pytest.raises(DamagedSegment, match="longer than its block says"):
            read(Reader(written(text)), size).text()


def forged(*template: int | str, count: int, columns: tuple[int, ...]) -> bytes:
    """One template for so many lines, and columns as numbers."""
    writer = Writer()
    for number in (count, 1, 1):
        writer.number(number)
    for part in template:
        writer.text(part) if isinstance(part, str) else writer.number(part)
    for number in columns:
        writer.number(number)
    return writer.content()


def test_a_small_block_cannot_become_a_large_text() -> None:
    bombs = (
        forged(0, "x" * 100, 0, count=1 << 20, columns=(2, 0, 0)),  # a long template, often
        forged(4, "", 1000, *[""] * 1000, count=1 << 20, columns=(2, 0, 0)),  # empty values
        forged(0, "", 0, count=1 << 60, columns=(2, 0, 0)),  # lines
        forged(0, "", 1 << 50, count=1, columns=()),  # texts around values
        forged(9, "", 0, count=1, columns=(2, 2, 0)),  # a template that is not there
        forged(1, "", 0, count=1, columns=(2, 0, 0, 2, 2**63 - 1, 0)),  # a time in no year
    )
    for bomb in bombs:
        with pytest.raises(DamagedSegment):
            read(Reader(bomb), 1 << 20).text()


@given(st.binary(max_size=80))
def test_whatever_bytes_there_are_it_is_a_text_or_damage(content: bytes) -> None:
    with suppress(DamagedSegment):
        assert len(read(Reader(content), 1000).text()) <= 1000 + 80
