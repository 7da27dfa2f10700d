"""A disk whose power can be cut at any moment, and what has to be left of a record after that."""

import errno
import json
import os
import random
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zmq
from health_archive import list_segments, parse
from health_archive.coverage import covered
from health_archive.index import Index

from tests.metrics.silent_fuse import _MNT_DETACH, SilentFuse, _libc

# include/uapi/linux/fuse.h
_LOOKUP, _FORGET, _GETATTR, _OPEN, _READ, _WRITE, _RELEASE = 1, 2, 3, 14, 15, 16, 18
_FSYNC, _FLUSH, _INIT, _INTERRUPT, _BATCH_FORGET = 20, 25, 26, 36, 42
_BIG_WRITES = 1 << 5
_IN, _OUT = struct.Struct("=IIQQIIII"), struct.Struct("=IiQ")
_WRITE_IN = struct.Struct("=QQIIQII")
_MNT_FORCE = 1
_IMAGE = 2  # the only file's node


class CuttableDisk(SilentFuse):
    """One file, ``image``, for a loop device: what no flush covers yet can be dropped.

    This is what a device with a volatile write cache does: a write is there for who reads, and
    lasts once a flush has followed it (the loop device makes fsync of the file of that).

    Args:
        point: where it is mounted; must not exist.
        image: what it holds at first.

    Raises:
        OSError: not root, or no ``/dev/fuse``.
    """

    def __init__(self, point: Path, image: bytes) -> None:
        self._now, self._lasting = bytearray(image), bytearray(image)
        self._unsynced: list[tuple[int, bytes]] = []
        self._lock = threading.Lock()
        self.written = self.flushes = 0
        super().__init__(point)
        self._server = threading.Thread(target=self._serve, daemon=True)
        self._server.start()

    def cut(self, chance: random.Random) -> bytes:
        """What would be on it if the power went now: of what no flush covers, some or nothing."""
        with self._lock:
            left = bytearray(self._lasting)
            part = chance.choice((0.0, 0.5, 0.9))
            for at, data in self._unsynced:
                for piece in range(0, len(data), 4096):
                    if chance.random() < part:
                        some = data[piece : piece + 4096]
                        left[at + piece : at + piece + len(some)] = some
            return bytes(left)

    def close(self) -> None:
        if self._fd >= 0:
            _libc.umount2(os.fsencode(self.point), _MNT_FORCE | _MNT_DETACH)
            self._server.join(10)
            os.close(self._fd)
            self._fd = -1

    def _serve(self) -> None:
        while True:
            try:
                request = os.read(self._fd, 1 << 18)
            except OSError:  # unmounted
                return
            _, operation, unique, node, *_ = _IN.unpack_from(request)
            if operation in (_FORGET, _BATCH_FORGET, _INTERRUPT):
                continue
            told = self._told(operation, node, request[_IN.size :])
            error, data = (-told, b"") if isinstance(told, int) else (0, told)
            with suppress(OSError):  # unmounted, or whoever asked has gone
                os.write(self._fd, _OUT.pack(_OUT.size + len(data), error, unique) + data)

    def _told(self, operation: int, node: int, body: bytes) -> bytes | int:
        match operation:
            case 26:
                return struct.pack(
                    "=IIIIHHIIHHI28x", 7, 31, 0, _BIG_WRITES, 16, 12, 1 << 17, 1, 0, 0, 0
                )
            case 1:
                if body.partition(b"\0")[0] != b"image":
                    return errno.ENOENT
                return struct.pack("=QQQQII", _IMAGE, 0, 9, 9, 0, 0) + self._attributes(_IMAGE)
            case 3:
                return struct.pack("=QII", 9, 0, 0) + self._attributes(node)
            case 14:
                return struct.pack("=QII", 0, 0, 0)
            case 15:
                _, at, size = struct.unpack_from("=QQI", body)
                return bytes(self._now[at : at + size])
            case 16:
                _, at, size, *_ = _WRITE_IN.unpack_from(body)
                self._write(at, body[_WRITE_IN.size : _WRITE_IN.size + size])
                return struct.pack("=II", size, 0)
            case 20:
                self._flush()
                return b""
            case 18 | 25:
                return b""
        return errno.ENOSYS

    def _write(self, at: int, data: bytes) -> None:
        with self._lock:
            self._now[at : at + len(data)] = data
            self._unsynced.append((at, data))
            self.written += len(data)

    def _flush(self) -> None:
        with self._lock:
            self.flushes += 1
            for at, data in self._unsynced:
                self._lasting[at : at + len(data)] = data
            self._unsynced.clear()

    def _attributes(self, node: int) -> bytes:
        mode, size = (0o040755, 0) if node == 1 else (0o100600, len(self._now))
        return struct.pack("=QQQ24x12xIIIIIII", node, size, size // 512, mode, 1, 0, 0, 0, 4096, 0)


def ext4(path: Path, size: int = 48 << 20) -> Path:
    """An image with an empty file system."""
    with path.open("wb") as file:
        file.truncate(size)
    subprocess.run(["mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", path],
                   check=True, capture_output=True)  # fmt: skip
    return path


@contextmanager
def mounted(image: Path, point: Path) -> Iterator[None]:
    """A loop device with that image, mounted; its journal is replayed, and nothing is repaired.

    Raises:
        subprocess.CalledProcessError: it cannot be.
    """
    point.mkdir(exist_ok=True)
    subprocess.run(["mount", "-o", "loop", image, point], check=True, capture_output=True)
    try:
        yield
    finally:
        subprocess.run(["umount", point], check=True)


@dataclass(slots=True, frozen=True)
class Said:
    """An event as it was published: its time in milliseconds since 1970, name and data."""

    time: int
    name: str
    data: Any


class Listener:
    """Hears what collectors publish: each epoch's events by their places."""

    def __init__(self, endpoint: str) -> None:
        self.epochs: dict[str, dict[int, Said]] = {}
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.SUB)
        self._socket.linger = 0
        self._socket.rcvhwm = 0
        self._socket.reconnect_ivl = 20
        self._socket.subscribe(b"")
        self._socket.connect(endpoint)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._ending.set()
        self._thread.join(10)
        self._socket.close()
        self._context.term()

    def _listen(self) -> None:
        while not self._ending.is_set():
            while self._socket.poll(100):
                event = json.loads(self._socket.recv_multipart()[1])
                line = {name: event[name] for name in ("time", "name", "data", "seq")}
                record = parse(json.dumps(line).encode())
                self.epochs.setdefault(event["epoch"], {})[event["seq"]] = Said(
                    record.time, record.name, record.data
                )


@dataclass(slots=True, frozen=True)
class Left:
    """What was left of an epoch.

    Attributes:
        events: how many.
        lost: how many of those that were heard are missing.
        age: of the oldest one that is missing, in seconds before the cut; 0 where none is.
    """

    events: int
    lost: int
    age: float


def check(folder: Path, index: Path, epoch: str, heard: dict[int, Said], cut: int) -> Left:
    """Holds a record against what was heard.

    Args:
        folder: the record's, after another start.
        index: where an index can be made.
        heard: all of that epoch until the cut.
        cut: when it was, in milliseconds since 1970.

    Raises:
        AssertionError: something is there that never was, or coverage is wrong about what is.
    """
    made = Index(index, folder)
    list(made.update())
    made.close()
    epochs = covered(index, folder, 0, 10**14)
    there = _read(folder, epoch)
    for seq, said in there.items():
        assert heard.get(seq, said) == said, f"{seq} was changed"
    # Before the first checkpoint and event are on the disk nothing tells of this start at all.
    told = next((each for each in epochs if each.epoch == epoch), None)
    covers = {seq for a, b in (told.runs if told else ()) for seq in range(a, b + 1)}
    assert covers == set(there), "coverage is wrong about what is there"
    missing = {seq: said for seq, said in heard.items() if seq not in there}
    if told is not None and missing and told is not epochs[-1]:
        hole = told.holes[-1]
        assert hole.first_seq == max(there) + 1
        assert hole.cause in ("crash", "restart"), hole
    oldest = min((said.time for said in missing.values()), default=cut)
    return Left(len(there), len(missing), (cut - oldest) / 1000)


def _read(folder: Path, epoch: str) -> dict[int, Said]:
    """The events of an epoch that are there, by their places."""
    found: dict[int, Said] = {}
    for segment in list_segments(folder):
        records = [parse(line) for line in segment.lines() if isinstance(line, bytes)
                   and line.startswith(b"{") and line.endswith(b"}\n")]  # fmt: skip
        of = {r.data["epoch"] for r in records
              if r.name in ("collector.checkpoint", "collector.started")}  # fmt: skip
        if epoch in of:
            found |= {r.seq: Said(r.time, r.name, r.data) for r in records if r.seq is not None}
    return found


def now() -> int:
    """In milliseconds since 1970."""
    return time.time_ns() // 1_000_000
