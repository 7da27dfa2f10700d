"""The record, as the design gives it, on standard output."""

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from health_collectord.messages import CollectorHeartbeat, CollectorSinkDegraded
from health_collectord.sinks.console import ConsoleSink

from tests.declarations import sample
from tests.doubles import START, Context, sequenced
from tests.running import wait_for


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    yield reader, writer
    for end in (reader, writer):
        with suppress(OSError):  # a test may have closed it
            os.close(end)


def test_writes_each_record_as_one_line(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    sink = ConsoleSink(writer)
    sink.start(Context())
    sink.handle(sequenced(sample(12.4), 7))
    sink.handle(sequenced(CollectorHeartbeat(monotonic_seconds=5.0, uptime_seconds=1.5), 8))
    sink.stop()
    assert os.read(reader, 10_000).decode() == (
        '{"time":"2026-01-01T12:00:00.000Z","name":"system.probe.updated",'
        '"data":{"used_percent":12.4,"rows":[]},"seq":7}\n'
        '{"time":"2026-01-01T12:00:00.000Z","name":"collector.heartbeat",'
        '"data":{"monotonic_seconds":5.0,"uptime_seconds":1.5},"seq":8}\n'
    )


def test_more_than_a_pipe_holds_is_written_in_parts(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    sink = ConsoleSink(writer)
    sink.start(Context())
    for seq in range(1, 2001):
        sink.handle(sequenced(sample(1.0), seq))
    sink.handle(sequenced(CollectorHeartbeat(monotonic_seconds=5.0, uptime_seconds=1.5), 2001))
    text = b""
    while text.count(b"\n") < 2001:
        text += os.read(reader, 5000)
    sink.stop()
    assert [json.loads(line)["seq"] for line in text.splitlines()] == list(range(1, 2002))


def test_a_reader_that_is_gone_is_said_and_ends_nothing(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    os.close(reader)
    ctx = Context()
    sink = ConsoleSink(writer)
    sink.start(ctx)
    sink.handle(sequenced(CollectorHeartbeat(monotonic_seconds=5.0, uptime_seconds=1.5), 1))
    wait_for(lambda: ctx.payloads)
    assert ctx.payloads == [CollectorSinkDegraded(sink="console", error="Broken pipe", lost=0)]
    sink.stop()


def test_what_a_machine_says_is_escaped_and_says_the_same(tmp_path: Path) -> None:
    path = tmp_path / "out"
    fd = os.open(path, os.O_RDWR | os.O_CREAT)
    said = {"n": "\x9b2J\u202ex\u2028", "e": "é 写真"}
    line = json.dumps(said, ensure_ascii=False).encode() + b"\n"
    ConsoleSink(fd).write([(START, line), (START, b'{"n":1}\n')])
    os.close(fd)
    shown = path.read_text(encoding="utf-8")
    assert all(text.isprintable() for text in shown.split("\n"))
    assert [json.loads(text) for text in shown.splitlines()] == [said, {"n": 1}]
