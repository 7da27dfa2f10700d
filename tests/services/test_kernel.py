"""What the kernel warns of becomes events: once, not too many, and it is said what is not told."""

import errno
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from bussdcc import message
from health_collectord.host import Host
from health_collectord.messages import KernelLogStatus, KernelMessage, KernelMessagesMissed
from health_collectord.services import kernel
from health_collectord.services.kernel import KernelService

from tests.doubles import Context, sequenced
from tests.running import wait_for

DEVICE = Path("/dev/kmsg")
real_open = os.open


class Kernel:
    """Plays the device; a datagram is a record, and each opening gives all there was."""

    def __init__(self) -> None:
        self.records: list[bytes] = []
        self._given: list[socket.socket] = []

    def open(self) -> int:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        theirs.setblocking(False)
        for record in self.records:
            ours.send(record)
        self._given.append(ours)
        return theirs.detach()

    def say(self, *records: bytes) -> None:
        self.records += records
        for record in records:
            self._given[-1].send(record)

    def fail(self) -> None:
        self._given.pop().close()

    def close(self) -> None:
        for each in self._given:
            each.close()


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> Iterator[Kernel]:
    played = Kernel()
    monkeypatch.setattr(
        os, "open", lambda path, *rest, **more:
        played.open() if path == DEVICE else real_open(path, *rest, **more),
    )  # fmt: skip
    monkeypatch.setattr("health_collectord.kmsg._is_handed", lambda: False)
    yield played
    played.close()


class Running:
    """A service of which each tick is asked for; the clock stands still in between."""

    def __init__(self, host: Host) -> None:
        self.ctx = Context()
        self.service = KernelService(host, DEVICE)
        self.service.start(self.ctx)

    def tick(self, seconds: float = 0.0) -> None:
        """A tick that has something to do: one that has not waits for ever."""
        self.ctx.clock.advance(seconds)  # type: ignore[attr-defined]
        ticking = threading.Thread(target=self.service.tick, args=(self.ctx,), daemon=True)
        ticking.start()
        ticking.join(20)
        assert not ticking.is_alive(), "it waits for the kernel"

    def stop(self) -> None:
        self.service.stop(self.ctx)

    @property
    def status(self) -> list[tuple[str, str | None]]:
        return [(s.status, s.reason) for s in self.ctx.payloads if isinstance(s, KernelLogStatus)]

    @property
    def sequences(self) -> list[int]:
        return [s.sequence for s in self.ctx.payloads if isinstance(s, KernelMessage)]

    @property
    def missed(self) -> list[tuple[int, int]]:
        return [
            (s.suppressed, s.overwritten)
            for s in self.ctx.payloads if isinstance(s, KernelMessagesMissed)
        ]  # fmt: skip


def line(sequence: int, prefix: int = 4) -> bytes:
    return b"%d,%d,1500000,-;EXT4-fs error\n" % (prefix, sequence)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(memory=tmp_path / "data")


def test_warnings_and_worse_are_told_as_the_kernel_has_them(host: Host, device: Kernel) -> None:
    device.records = [line(1, 6), line(2, 4), line(3, 0), line(4, 5), line(5, 3 << 3 | 3)]
    running = Running(host)
    running.tick()
    assert running.status == [("ok", None)]
    assert running.sequences == [2, 3, 5]
    assert running.ctx.payloads[1] == KernelMessage(
        priority=4, facility="kern", sequence=2, boot_seconds=1.5, text="EXT4-fs error"
    )
    device.say(line(6))
    running.tick()
    assert running.sequences[-1] == 6
    running.stop()


def test_what_was_told_in_this_boot_is_not_told_again(host: Host, device: Kernel) -> None:
    device.records = [line(n) for n in range(1, 6)]
    first = Running(host)
    first.tick()
    device.say(line(6, 6))
    device.say(line(7))
    first.tick()
    first.stop()
    again = Running(host)
    device.records.append(line(8))
    again.tick()
    assert (first.sequences, again.sequences) == ([1, 2, 3, 4, 5, 7], [8])
    again.stop()
    assert host.memory is not None
    (host.memory / "kernel-log.seen").write_text("another-boot 8\n")
    after_a_boot = Running(host)
    after_a_boot.tick()
    assert after_a_boot.sequences == [1, 2, 3, 4, 5, 7, 8]
    after_a_boot.stop()


@pytest.mark.parametrize("content", ["", "x", "a b c", "boot nine", "\udcff"])
def test_a_memory_that_is_garbage_is_none(host: Host, device: Kernel, content: str) -> None:
    assert host.memory is not None
    host.memory.mkdir()
    (host.memory / "kernel-log.seen").write_bytes(content.encode(errors="surrogateescape"))
    device.records = [line(1)]
    running = Running(host)
    running.tick()
    assert running.sequences == [1]
    running.stop()


def test_a_memory_that_cannot_be_written_costs_nothing_else(
    host: Host, device: Kernel, caplog: pytest.LogCaptureFixture
) -> None:
    assert host.memory is not None
    host.memory.write_text("a file in the way")
    running = Running(host)
    device.records = [line(1)]
    running.tick()
    device.say(line(2))
    running.tick()
    assert running.sequences == [1, 2]
    assert caplog.text.count("again") == 1
    running.stop()


def test_at_most_twenty_a_second_and_of_too_many_the_rest_is_counted(
    host: Host, device: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernel, "_MOST", 50)
    device.records = [line(n) for n in range(1, 101)]
    running = Running(host)
    counts = []
    for _ in range(3):
        running.tick(1)
        counts.append(len(running.sequences))
    assert counts == [20, 40, 50]
    assert running.sequences == list(range(1, 51))
    assert running.missed == [(50, 0)]
    running.stop()


def test_a_restart_in_the_middle_goes_on_where_it_was(host: Host, device: Kernel) -> None:
    device.records = [line(n) for n in range(1, 31)]
    first = Running(host)
    first.tick(1)
    first.stop()
    second = Running(host)
    second.tick(1)
    second.stop()
    assert (first.sequences, second.sequences) == (list(range(1, 21)), list(range(21, 31)))


def test_what_the_kernel_overwrote_is_counted(host: Host, device: Kernel) -> None:
    device.records = [line(1), line(41)]
    running = Running(host)
    running.tick(1)
    assert (running.sequences, running.missed) == ([1, 41], [(0, 39)])
    running.stop()


def test_another_machines_log_is_not_this_ones(tmp_path: Path, device: Kernel) -> None:
    running = Running(Host(str(tmp_path)))
    running.tick()
    running.tick()
    [(status, reason)] = running.status
    assert (status, reason is not None and "run a collector there" in reason) == ("denied", True)
    assert running.service.interval >= 60
    running.stop()


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (errno.EPERM, "denied", "CAP_SYSLOG"),
        (errno.ENOENT, "unavailable", "no /dev/kmsg"),
        (errno.EIO, "failing", "Input/output error"),
    ],
)
def test_why_it_cannot_be_read_is_said_once_and_it_is_tried_again(
    host: Host, device: Kernel, monkeypatch: pytest.MonkeyPatch, error: int, status: str, words: str
) -> None:
    def refuse() -> int:
        raise OSError(error, os.strerror(error), str(DEVICE))

    opened = device.open
    monkeypatch.setattr(device, "open", refuse)
    running = Running(host)
    running.tick()
    running.tick()
    [(said, reason)] = running.status
    assert (said, words in (reason or "")) == (status, True), reason
    monkeypatch.setattr(device, "open", opened)
    device.records = [line(1)]
    running.tick()
    assert (running.status[-1], running.sequences) == (("ok", None), [1])
    running.stop()


def test_a_log_that_fails_is_opened_again_and_nothing_is_told_twice(
    host: Host, device: Kernel
) -> None:
    device.records = [line(1)]
    running = Running(host)
    running.tick()
    device.fail()
    running.tick()
    assert running.status[-1][0] == "failing"
    device.records.append(line(2))
    running.tick()
    assert (running.status[-1][0], running.sequences) == ("ok", [1, 2])
    running.stop()


def test_it_waits_without_a_pause_and_ends_when_the_collector_does(
    host: Host, device: Kernel
) -> None:
    running = Running(host)
    ticking = threading.Thread(target=running.service.tick, args=(running.ctx,))
    ticking.start()
    wait_for(lambda: running.status)
    stopping = sequenced(message.RuntimeShuttingDown(reason="told to"))
    running.service.handle_event(running.ctx, stopping)
    ticking.join(10)
    assert not ticking.is_alive()
    running.stop()
