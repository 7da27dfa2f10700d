"""Lines as events, with their data and without."""

import json
from datetime import UTC, datetime

import pytest
from health_archive.lines import Heading, Headings, Record, milliseconds, parse, time_text
from hypothesis import given
from hypothesis import strategies as st

OWN = b'{"time":"2026-01-01T12:00:00.250Z","name":"system.load.updated","data":{"a":1},"seq":7}\n'
TIME = 1767268800250


def test_an_event_is_read_with_its_data_and_without() -> None:
    assert parse(OWN) == Record(TIME, "system.load.updated", {"a": 1}, 7)
    assert Headings().read(OWN) == Heading(TIME, "system.load.updated", 7, OWN)


@pytest.mark.parametrize(
    ("line", "seq"),
    [
        ('{"seq": 3, "name": "a.b", "time": "2026-01-01T13:00:00.25+01:00", "data": null}', 3),
        ('{"time":"2026-01-01T12:00:00.250Z","name":"a.b","data":{}}', None),
        ('{"time":"2026-01-01T12:00:00.250Z","name":"a.b","data":{},"seq":true}', None),
        ('{"time":"2026-01-01T12:00:00.250Z","name":"a.b","data":{},"seq":7}\r', 7),
    ],
)
def test_an_event_as_others_write_it_is_read(line: str, seq: int | None) -> None:
    found = Headings().read(line.encode())
    assert (found.time, found.name, found.seq) == (TIME, "a.b", seq)


BAD = [
    b"", b"\n", b"{", b"[]", b"null", b"\x00" * 50, b"\xff", b"[" * 100_000,
    b'{"time":"2026-01-01T12:00:00.250Z","name":"a.b"}',
    b'{"time":"2026-01-01T12:00:00.250Z","name":"a b","data":1}',
    b'{"time":"2026-01-01T12:00:00.250","name":"a.b","data":1}',
    b'{"time":"2026-13-01T12:00:00.250Z","name":"a.b","data":1,"seq":1}',
    b'{"time":"2026-01-01T12:00:00.250Z","name":"a.b","data":NaN}',
    b'{"time":1,"name":"a.b","data":1}', OWN[:-4], OWN[:40],
]  # fmt: skip


@pytest.mark.parametrize("line", BAD)
def test_what_is_no_record_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse(line)
    with pytest.raises(ValueError, match=r"."):
        Headings().read(line)


@given(st.datetimes(timezones=st.just(UTC)))
def test_times_come_back(time: datetime) -> None:
    time = time.replace(microsecond=time.microsecond // 1000 * 1000)
    text = time_text(milliseconds(time))
    assert text == time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    line = json.dumps({"time": text, "name": "a", "data": None}).encode()
    assert parse(line).time == milliseconds(time)
