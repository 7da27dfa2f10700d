"""What a segment begins with: the state before it, and a catalogue where that is news."""

from typing import Any

from health_archive import read_checkpoint
from health_collectord.runtime.store import SnapshotStore
from health_collectord.sinks.checkpoints import Checkpoints

from tests.doubles import ManualClock, at

CATALOGUE = [{"name": "probe", "fields": []}]


def made(catalogue: list[dict[str, Any]]) -> tuple[SnapshotStore, Checkpoints]:
    store = SnapshotStore()
    return store, Checkpoints(store, ManualClock(), lambda: catalogue, "boot", "e" * 32)


def test_it_holds_the_state_as_it_was_committed() -> None:
    store, checkpoints = made(CATALOGUE)
    store.set("system.probe", {"n": 1})
    store.commit(7)
    store.set("system.probe", {"n": 2})
    found = checkpoints(at(0.5))
    assert (found.seq, found.state) == (7, {"system": {"probe": {"n": 1}}})
    assert (found.time, found.epoch, found.boot_id) == (1767268800500, "e" * 32, "boot")
    assert found.monotonic_seconds == 1000.0
    assert read_checkpoint(found.line()) == found


def test_a_catalogue_comes_where_it_has_changed_and_once_a_day() -> None:
    catalogue = list(CATALOGUE)
    _, checkpoints = made(catalogue)
    hours = [checkpoints(at(3600.0 * hour)).catalogue is not None for hour in (0, 1, 11, 12, 13)]
    assert hours == [True, False, False, True, False], "the first begins at noon"
    before = checkpoints(at(0)).catalogue_id
    catalogue.append({"name": "other"})
    changed = checkpoints(at(60))
    assert changed.catalogue == catalogue
    assert changed.catalogue_id != before
