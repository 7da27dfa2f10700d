"""The process that reads the record, over its pipe."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from health_collectord.reader import Reader
from health_wire import tree
from health_wire.protocol import ProtocolError

from tests.health_archive.test_checkpoints import BEGIN, EPOCH, checkpoint, event
from tests.health_archive.test_moments import NAME, write
from tests.running import as_nobody, environment


@pytest.fixture
def record(tmp_path: Path) -> Path:
    folder = tmp_path / "history"
    state = tree.freeze({"a": {"ü": None}})
    lines = [checkpoint(4, state).line(), event(5, "b.c.updated", [1, 2.5])]
    write(folder, NAME, lines, end=True)
    return folder


@pytest.fixture
def reader(record: Path) -> Reader:
    return Reader(record, record.parent / "index")


def ask(reader: Reader, op: str, **members: Any) -> dict[str, Any]:
    found = json.loads(reader.answer({"op": op, **members}))
    assert isinstance(found, dict)
    return found


def test_state_at(reader: Reader) -> None:
    found = reader.answer({"op": "state_at", "time": BEGIN + 5001})
    assert found.decode() == (
        f'{{"epoch":"{EPOCH}","seq":5,"time":"2026-01-01T12:00:05.000Z","whole":true,'
        '"state":{"a":{"ü":null},"b":{"c":[1,2.5]}}}'
    )


def test_what_is_not_recorded_is_not_found(reader: Reader) -> None:
    with pytest.raises(ProtocolError, match="the record begins at") as error:
        ask(reader, "state_at", time=5)
    assert error.value.error == "not_found"


def test_a_state_that_belongs_to_no_start_is_none(reader: Reader, record: Path) -> None:
    lines = [event(5, "b.updated", 1, BEGIN + 86_400_000)]  # of version 1.0.0
    write(record, "2026-01-02/12-00-00", lines)
    with pytest.raises(ProtocolError, match="does not say which start"):
        ask(reader, "state_at", time=BEGIN + 86_400_000)


def test_a_record_that_may_not_be_read_is_said(reader: Reader, record: Path) -> None:
    with as_nobody(record), pytest.raises(ProtocolError, match=r"read: .*Permission") as e:
        ask(reader, "state_at", time=BEGIN + 5001)
    assert e.value.error == "internal"


@pytest.fixture
def process(record: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-P", "-m", "health_collectord.reader"]
    command += [str(record), str(record.parent / "index")]
    with subprocess.Popen(
        command, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        yield process
        process.kill()


def test_it_answers_until_the_pipe_ends(process: "subprocess.Popen[bytes]") -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    for time, sign in ((BEGIN + 5001, b"+"), (5, b"-")):
        process.stdin.write(b'{"op":"state_at","time":%d}\n' % time)
        process.stdin.flush()
        head = process.stdout.readline()
        assert head[:1] == sign
        found = json.loads(process.stdout.read(int(head[1:])))
        assert found.get("seq", found.get("error")) in (5, "not_found")
    process.stdin.close()
    assert process.wait(10) == 0
