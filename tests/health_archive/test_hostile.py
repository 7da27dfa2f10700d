"""Records that a stranger made, or a failing disk: whatever is in them, they are read or refused.

Nothing but the module's own errors may come of it, from any reader.
"""

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from health_archive import segments
from health_archive.black_box import BlackBox, read_black_box
from health_archive.checkpoints import state_at
from health_archive.coverage import covered
from health_archive.history import History
from health_archive.index import Index
from health_archive.numbers import DamagedSegment
from health_archive.redaction import Redaction
from health_archive.verification import Verified
from health_archive.windows import Window, lines_of, segments_of, span_of
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.health_archive.test_checkpoints import BEGIN, checkpoint, event
from tests.health_archive.test_segments import put

NAMES = (
    "collector.checkpoint", "collector.started", "collector.record.recovered", "health.updated",
    "system.restart.updated", "collector.sink.degraded", "collector.sink.recovered",
    "collector.events.dropped", "collector.heartbeat", "kernel.message", "runtime.shutdown",
    "system.load.updated", "system.updated", "system.load.x.updated", "system.identity",
)  # fmt: skip
KEYS = st.sampled_from((
    "epoch", "seq", "state", "catalogue", "catalogue_id", "boot_id", "version", "monotonic_seconds",
    "status", "problems", "summary", "kind", "time", "count", "cause", "key", "rows", "load1",
))  # fmt: skip
LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4)
    | st.sampled_from((10**400, 10**30, 2**98 // 1000, 1e308, -1e28, -0.0, 0.00049, "b" * 32))
)  # fmt: skip
VALUES: Any = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=9,
)
TIMES = st.sampled_from((
    "2026-01-01T12:00:00.000Z", "2026-01-01T12:00:01.000Z", "2026-01-01T11:59:00.000Z",
    "0001-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z", "2026-01-01T12:00:00+14:00", "x",
    "0001-01-01T00:00:00+14:00", "2026-01-01T12:00:00",
))  # fmt: skip
SEQS = st.sampled_from((1, 2, 3, 5, 10**18 - 1, 10**30, -1, 1.5, None, True))
ORDINARY = [checkpoint(0).line(), event(1, "system.load.updated", {"load1": 0.5}),
            event(2, "collector.heartbeat", {"monotonic_seconds": 1.5})]  # fmt: skip


@st.composite
def texts(draw: Any) -> bytes:
    """A segment's text: ordinary lines, odd ones, and bytes."""

    def line() -> bytes:
        record = {"time": draw(TIMES), "name": draw(st.sampled_from(NAMES)), "data": draw(VALUES)}
        seq = draw(SEQS)
        record |= {} if seq is None else {"seq": seq}
        compact = json.dumps(record, separators=(",", ":"), ensure_ascii=draw(st.booleans()))
        return compact.encode("utf-8", "surrogatepass") + b"\n"

    parts = []
    for kind in draw(st.lists(st.sampled_from("olbL"), max_size=8)):
        if kind == "o":
            parts.append(draw(st.sampled_from(ORDINARY)))
        elif kind == "b":
            parts.append(draw(st.binary(max_size=20)))
        else:
            parts += [line()] * (3 if kind == "L" else 1)
    return b"".join(parts)


def read_all(folder: Path) -> None:
    """Everything that reads a record, reads this one."""
    found = segments.list_segments(folder)
    verified, redaction = Verified(), Redaction()
    for segment in found:
        verified.add(segment)
    verified.epochs()
    span_of(found)
    for window in (Window(), Window(BEGIN, BEGIN + 1000)):
        parts = list(lines_of(segments_of(folder, window), window))
        lines = [part for part in parts if isinstance(part, bytes)]
        state_at(lines, BEGIN + 500)
        for line in lines:
            redaction.learn(line)
        for line in lines:
            clean = redaction.line(line)
            assert clean is None or isinstance(json.loads(clean), dict)
    index = folder.parent / "index"
    made = Index(index, folder)
    list(made.update())
    made.close()
    covered(index, folder, BEGIN, BEGIN + 1000)
    history = History(folder, index)
    for span in (1000, 86_400_000, 86_400_000 * 90):
        history.query([*history.series(), "system.load.load1"], BEGIN, BEGIN + span)
    history.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hostile") / "history"


def kept(folder: Path, parts: list[bytes]) -> Iterator[segments.Segment]:
    for segment in segments.list_segments(folder):
        segments.remove_segment(segment)
    for number, part in enumerate(parts):
        yield put(folder, f"2026-01-01/12-{number}0-00", part)


@settings(max_examples=max(settings().max_examples // 3, 1))
@given(parts=st.lists(texts(), min_size=1, max_size=2))
def test_any_lines_as_text_and_as_columns(folder: Path, parts: list[bytes]) -> None:
    found = list(kept(folder, parts))
    read_all(folder)
    for segment in found:
        segments.remove_text(segments.end_segment(segment))
    read_all(folder)


@settings(max_examples=max(settings().max_examples // 3, 1))
@given(text=texts(), data=st.data())
def test_columns_that_are_damaged_anywhere(folder: Path, text: bytes, data: st.DataObject) -> None:
    (segment,) = kept(folder, [b"".join(ORDINARY) + text])
    path = segments.remove_text(segments.end_segment(segment)).columns_path
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 5))] = data.draw(st.binary(max_size=5))
    path.write_bytes(content)
    read_all(folder)


@given(data=st.data())
def test_a_black_box_that_is_damaged_anywhere(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "box"
    path.unlink(missing_ok=True)
    box = BlackBox(path, size=5 * 4096)
    for _ in range(3):
        box.write("2026-01-01/12-00-00", "a" * 32, ORDINARY)
    box.close()
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        page = 4096 * data.draw(st.integers(0, 3))
        at = page + data.draw(st.integers(0, 200))
        content[at : at + 3] = data.draw(st.binary(min_size=3, max_size=3))
    path.write_bytes(content)
    with suppress(DamagedSegment):
        for each in read_black_box(path):
            assert each.lines.endswith(b"\n")
