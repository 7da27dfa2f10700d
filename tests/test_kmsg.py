"""Records of the kernel's log: what they say, and what is none."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from health_collectord import kmsg
from health_collectord.kmsg import DEVICE, KernelLog, KernelRecord, parse
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("record", "found"),
    [
        (
            b"4,339,5140900,-;Out of memory: Killed process 7\n SUBSYSTEM=block\n DEVICE=b8:0\n",
            KernelRecord(4, "kern", 339, 5.1409, "Out of memory: Killed process 7"),
        ),
        (b"30,1,0,c,caller=T1;systemd[1]: x\n", KernelRecord(6, "daemon", 1, 0.0, "systemd[1]: x")),
        (b"4,2,1,-;", KernelRecord(4, "kern", 2, 1e-6, "")),
        (b"4,2,1,-;a\\x0ab\\x5cx41\n", KernelRecord(4, "kern", 2, 1e-6, "a\nb\\x41")),
        (rb"4,2,1,-;\xc3\xa9 \xff", KernelRecord(4, "kern", 2, 1e-6, "\u00e9 \\xff")),
        (b"97,2,1,-;a;b", KernelRecord(1, "facility 12", 2, 1e-6, "a;b")),
    ],
)
def test_a_record(record: bytes, found: KernelRecord) -> None:
    assert parse(record) == found


@pytest.mark.parametrize("record", [b"", b";", b"4,5;x", b"a,1,2,-;x", b"4,-1,2,-;x", b"no;1,2,3"])
def test_what_is_no_record_is_said_to_be_none(record: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 in int()'s words or ours
        parse(record)


@given(st.binary())
def test_any_bytes_are_a_record_or_none(record: bytes) -> None:
    try:
        found = parse(record)
    except ValueError:
        return
    assert 0 <= found.priority <= 7
    found.text.encode()


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_text_comes_back_as_it_was_given(text: str) -> None:
    """The kernel escapes what is not printable ASCII, and the backslash."""
    given = b"".join(
        bytes([c]) if 32 <= c < 127 and c != 92 else rb"\x%02x" % c for c in text.encode()
    )
    assert parse(b"4,1,1,-;" + given + b"\n").text == text


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """Plays the device: a socket of whose datagrams each read gives one."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    theirs.setblocking(False)
    real = os.open
    monkeypatch.setattr(
        os, "open", lambda path, *rest: theirs.fileno() if path == DEVICE else real(path, *rest)
    )
    monkeypatch.setattr(kmsg, "_is_handed", lambda: False)
    yield ours
    ours.close()
    theirs.close()


def test_records_come_one_by_one_and_what_was_seen_does_not(device: socket.socket) -> None:
    log = KernelLog(after=6)
    for sequence in (5, 6, 7):
        device.send(b"4,%d,1,-;x" % sequence)
    device.send(b"garbage")
    device.send(b"4,8,1,-;y")
    assert [log.read(), log.read(), log.read()] == [
        KernelRecord(4, "kern", 7, 1e-6, "x"), KernelRecord(4, "kern", 8, 1e-6, "y"), None
    ]  # fmt: skip
    assert (log.position, log.overwritten) == (8, 0)


def test_what_was_overwritten_is_counted(
    device: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, real, overruns = KernelLog(), os.read, [True]

    def read(fd: int, size: int) -> Any:
        if fd == log.fd and overruns:
            overruns.clear()
            raise BrokenPipeError
        return real(fd, size)

    device.send(b"4,1,1,-;x")
    overruns.clear()
    monkeypatch.setattr(os, "read", read)
    log.read()
    overruns.append(True)
    device.send(b"4,100,1,-;x")
    found = log.read()
    assert found is not None
    assert (found.sequence, log.overwritten) == (100, 98)


def test_a_log_that_ends_has_failed(tmp_path: Path) -> None:
    (tmp_path / "kmsg").touch()
    log = KernelLog(tmp_path / "kmsg")
    with pytest.raises(OSError, match="ended"):
        log.read()
    log.close()


@pytest.mark.skipif(not os.access(DEVICE, os.R_OK), reason="no kernel's log to be read here")
def test_the_real_one() -> None:
    try:
        log = KernelLog()
    except PermissionError:
        pytest.skip("the kernel's log is not for this user")
    first, second = log.read(), log.read()
    assert first is not None
    assert second is not None
    assert second.sequence == first.sequence + 1
    log.close()
