"""Any moment's state: a segment's first event holds it all, the others what has changed since."""

import json
import zlib
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from health_wire import tree
from health_wire.tree import EMPTY, FrozenDict

from health_archive.lines import Heading, Headings, parse, time_text

NAME = "collector.checkpoint"
BOOTING = "runtime.booting"
STARTED = "collector.started"
_encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)


@dataclass(slots=True, frozen=True, kw_only=True)
class Checkpoint:
    """What a segment begins with: all that is known by then.

    Attributes:
        time: in milliseconds since 1970, by the wall clock.
        monotonic_seconds: by the clock that counts from the boot and does not jump.
        boot_id: of that boot (man 4 random); None where there is none to be had.
        epoch: of the collector's start.
        seq: of the event before it, 0 where there is none.
        state: the tree after that event.
        catalogue: what `describe` says of the metrics; None where it is the one before.
        catalogue_id: which one is in force, see `catalogue_id`.
    """

    time: int
    monotonic_seconds: float
    boot_id: str | None
    epoch: str
    seq: int
    state: FrozenDict
    catalogue: Any
    catalogue_id: str

    def line(self) -> bytes:
        """The event. It has no place in the order, since it was never on the wire."""
        data = {
            "version": 1,
            "epoch": self.epoch,
            "seq": self.seq,
            "boot_id": self.boot_id,
            "monotonic_seconds": self.monotonic_seconds,
            "catalogue_id": self.catalogue_id,
            "catalogue": self.catalogue,
            "state": self.state,
        }
        text = (
            f'{{"time":"{time_text(self.time)}","name":"{NAME}","data":{_encoder.encode(data)}}}\n'
        )
        return text.encode("utf-8", "replace")


def catalogue_id(catalogue: Any) -> str:
    """Tells whether a catalogue is another: 16 hexadecimal digits of its JSON's checksums."""
    text = _encoder.encode(catalogue).encode("utf-8", "replace")
    return f"{zlib.crc32(text):08x}{zlib.adler32(text):08x}"  # hashlib loads megabytes of OpenSSL


def read_checkpoint(line: bytes) -> Checkpoint | None:
    """The checkpoint of a line, or None where that is another event.

    Raises:
        ValueError: the line is no record, or a checkpoint of another form than is known here.
    """
    record = parse(line)
    if record.name != NAME:
        return None
    match record.data:
        case {
            "version": 1, "epoch": str(epoch), "seq": int(seq), "boot_id": str() | None as boot_id,
            "monotonic_seconds": int() | float() as monotonic, "state": dict(state),
            "catalogue": catalogue, "catalogue_id": str(which),
        }:  # fmt: skip
            return Checkpoint(
                time=record.time, monotonic_seconds=monotonic, boot_id=boot_id, epoch=epoch,
                seq=seq, state=tree.freeze(state), catalogue=catalogue, catalogue_id=which,
            )  # fmt: skip
    raise ValueError("not a checkpoint of a form that is known here")


@dataclass(slots=True, frozen=True)
class Moment:
    """What was known at a time.

    Attributes:
        time: of the last event until then, in milliseconds since 1970.
        epoch: None where no line says it.
        seq: of the last event in the state, 0 where there is none.
        state: the tree after it, equal to what a snapshot had in it.
        whole: whether all of the state is known, from a checkpoint or the epoch's first event on.
    """

    time: int
    epoch: str | None
    seq: int
    state: FrozenDict
    whole: bool


def state_at(lines: Iterable[bytes], time: int) -> Moment | None:
    """The state after the last event until a time, as `health_wire.tree.apply` makes it.

    Args:
        lines: a segment's, or of several that follow each other, in order; those that are no
            records are passed over.
        time: in milliseconds since 1970. Where the wall clock went back, the later of the events
            that have it, or were before it, counts.

    Returns:
        None where no event is that early.
    """
    headings, reached, later = Headings(), _Reached(), list[Heading]()
    for line in lines:
        try:
            heading = headings.read(line)
        except ValueError:
            continue
        later.append(heading)
        if heading.time <= time:
            for each in later:
                reached.add(each)
            later.clear()
    return reached.moment()


class _Reached:
    """What leads to a moment: a state to begin with, and the events that change it."""

    def __init__(self) -> None:
        self._time: int | None = None
        self._changes: list[Heading] = []
        self._epoch: str | None = None
        self._base, self._seq, self._whole = EMPTY, 0, False

    def _begin(self, base: FrozenDict, epoch: str | None, seq: int, whole: bool) -> None:
        self._changes.clear()
        self._base, self._epoch, self._seq, self._whole = base, epoch, seq, whole

    def add(self, heading: Heading) -> None:
        self._time = heading.time
        seq = heading.seq
        if seq is None:
            self._add_unnumbered(heading)
            return
        if seq == 1 or seq <= self._seq:  # another epoch; nothing is known of it but by this
            first = seq == 1
            self._begin(EMPTY, self._epoch if first and not self._seq else None, 0, first)
        elif seq != self._seq + 1:
            self._whole = False
        self._seq = seq
        if heading.name == STARTED and self._epoch is None:
            with suppress(ValueError, TypeError, KeyError):
                self._epoch = str(parse(heading.line).data["epoch"])
        if tree.state_path(heading.name) is not None:
            self._changes.append(heading)

    def _add_unnumbered(self, heading: Heading) -> None:
        if heading.name != NAME:
            return
        with suppress(ValueError):
            found = read_checkpoint(heading.line)
            assert found is not None
            self._begin(found.state, found.epoch, found.seq, True)

    def moment(self) -> Moment | None:
        if self._time is None:
            return None
        state = self._state()
        return Moment(self._time, self._epoch, self._seq, state, self._whole)

    def _state(self) -> FrozenDict:
        # Only the last of each name counts, in the order of the first: that is the keys' order.
        last = {heading.name: heading for heading in self._changes}
        paths = sorted(f"{tree.state_path(name)}." for name in last)
        if not any(b.startswith(a) for a, b in pairwise(paths)):
            with suppress(ValueError):
                return self._apply(last.values())
        # One within another, or one that is no record: then all of them, one after the other.
        state = self._base
        for heading in self._changes:
            with suppress(ValueError):  # as it was then: such an event changes nothing
                state = self._apply((heading,), state)
        return state

    def _apply(self, headings: Iterable[Heading], state: FrozenDict | None = None) -> FrozenDict:
        state = self._base if state is None else state
        for heading in headings:
            state = tree.apply(state, heading.name, tree.freeze(parse(heading.line).data))
        return state
