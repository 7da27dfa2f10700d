"""Figures are read from columns as they would be from the lines."""

from pathlib import Path
from typing import Any

from health_archive.columns import encode
from health_archive.facts import is_notable
from health_archive.lines import parse
from health_archive.series import Contents, read_contents, read_lines
from health_archive.texts import thousandths
from hypothesis import given
from hypothesis import strategies as st

from tests.health_archive.made import MadeHost
from tests.health_archive.test_checkpoints import checkpoint, event


def everything(_: str) -> bool:
    return True


def flat(contents: Contents) -> dict[tuple[str, str], list[tuple[int, int]]]:
    found = {}
    for metric, series in contents.series.items():
        for name, parts in series.items():
            pairs = sorted(
                (time, figure)
                for part in parts
                for time, figure in zip(part.times, part.figures, strict=True)
                if figure is not None
            )
            if pairs:
                found[metric, name] = pairs
    return found


def places(contents: Contents) -> dict[int, int]:
    return {
        seq: time for seqs, times in contents.placed for seq, time in zip(seqs, times, strict=True)
    }


def both(lines: list[bytes]) -> tuple[Contents, Contents]:
    text = b"".join(lines)
    return (
        read_contents(encode(text), everything, is_notable),
        read_lines(lines, everything, is_notable),
    )


def test_a_hosts_figures_are_those_of_its_lines(tmp_path: Path) -> None:
    lines = [checkpoint(0).line()]
    lines += [line for said in MadeHost(tmp_path, "pi4").record(70) for line in said]
    columns, plain = both(lines)
    assert flat(columns) == flat(plain)
    assert columns.events == sorted(plain.events, key=lambda record: record.seq or 0)
    assert columns.events[0].name == "collector.checkpoint"
    assert (columns.times, columns.lines) == (plain.times, plain.lines)
    assert places(columns) == places(plain)
    assert len(places(columns)) == len(lines) - 1
    loads = [(parse(x).time, parse(x).data["load1"]) for x in lines if b"system.load.up" in x]
    found = flat(columns)["system.load", "load1"]
    assert found == [(time, thousandths(repr(load))) for time, load in loads]
    assert ("system.cpu.usage", "cores[3].user") in flat(columns)
    assert ("system.network.usage", "interfaces[eth0].rx_bytes_per_second") in flat(columns)
    assert ("collector.heartbeat", "monotonic_seconds") in flat(columns)


FIGURE = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 5), st.integers(), st.text(max_size=3),
    st.floats(-1e6, 1e6).map(lambda f: round(f, 3)), st.sampled_from([1e-5, 1e22, -0.0]),
)  # fmt: skip
KEY = st.sampled_from(["a", "b", "é", "x.y", 'q"', "\ue0001", "\\"])
DATA = st.one_of(
    FIGURE,
    st.dictionaries(KEY, FIGURE, max_size=3),
    st.dictionaries(
        KEY, st.lists(st.fixed_dictionaries({"key": KEY, "v": FIGURE}), max_size=3), max_size=2
    ),
)
NAMES = st.sampled_from(["system.a.updated", "system.b.updated", "system.identity", "other"])


@given(st.lists(st.tuples(NAMES, DATA), max_size=14))
def test_any_events_figures_are_those_of_their_lines(events: list[tuple[str, Any]]) -> None:
    columns, plain = both([event(i, name, data) for i, (name, data) in enumerate(events, 1)])
    assert flat(columns) == flat(plain)
    assert places(columns) == places(plain)
    assert [(e.seq, e.name, e.data) for e in columns.events] == [
        (e.seq, e.name, e.data) for e in plain.events
    ]


def test_only_what_is_wanted_is_read() -> None:
    lines = [event(i, f"system.{'ab'[i % 2]}.updated", {"x": i, "y": 2.5}) for i in range(1, 9)]
    found = read_contents(
        encode(b"".join(lines)), lambda m: m == "system.a", lambda n: False, lambda s: s == "y"
    )
    assert list(flat(found)) == [("system.a", "y")]
    text = encode(b"".join(lines))
    unplaced = read_contents(text, lambda m: m == "system.a", lambda n: False, placed=False)
    assert flat(unplaced)["system.a", "y"] == flat(found)["system.a", "y"]
    assert places(unplaced) == {}
    assert flat(found)["system.a", "y"] == [(1767268800000 + 1000 * i, 2500) for i in (2, 4, 6, 8)]


def test_what_cannot_be_read_is_told_and_the_rest_is_read() -> None:
    segment = bytearray(encode(event(1, "system.a.updated", {"x": 1}) * 50))
    segment[-1] ^= 1
    found = read_contents(bytes(segment), everything, everything)
    assert [damage.extent.first_seq for damage in found.damages if damage.extent] == [1]
    assert not found.series


def test_lines_that_are_no_records_have_no_figures() -> None:
    columns, plain = both([b"\x00\x01\n", b"{}\n", b'{"time":"x","name":3,"data":{"a":1}}\n'])
    assert (flat(columns), flat(plain)) == ({}, {})
    assert columns.lines == plain.lines == 3


def test_events_as_others_write_them_have_their_places() -> None:
    lines = [
        b'{"seq":1,"time":"2026-01-01T12:00:00.000Z","name":"system.a.updated","data":{"x":1}}\n',
        b'{"time":"2026-01-01T12:00:01.000Z","name":"a","data":{},"seq":2}\r\n',
        b'{"time":"2026-01-01T12:00:02.000Z","seq":3,"name":"b","data":{}}\n',
    ]
    columns, plain = both(lines * 3)
    assert places(columns) == places(plain)
    assert sorted(places(columns)) == [1, 2, 3]
    assert flat(columns) == flat(plain)
