"""What each segment of the record begins with, see `health_archive.checkpoints`."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from bussdcc.clock import ClockProtocol
from health_archive.checkpoints import Checkpoint, catalogue_id

from health_collectord.runtime.store import SnapshotStore


class Checkpoints:
    """Makes checkpoints, on the thread that dispatches: a segment's first event is not yet in them.

    Args:
        store: the state.
        clock: the monotonic one is told.
        catalogue: what `describe` says of the metrics, as it is now.
        boot_id: of this boot.
        epoch: of this start.
    """

    def __init__(
        self,
        store: SnapshotStore,
        clock: ClockProtocol,
        catalogue: Callable[[], list[dict[str, Any]]],
        boot_id: str | None,
        epoch: str,
    ) -> None:
        self._store = store
        self._clock = clock
        self._catalogue = catalogue
        self._boot_id = boot_id
        self._epoch = epoch
        self._told: tuple[str, str] | None = None  # which catalogue, and on which day

    def __call__(self, time: datetime) -> Checkpoint:
        """The one before an event of that time. Its text is made by whoever writes it."""
        seq, state = self._store.snapshot()
        catalogue = self._catalogue()
        told = catalogue_id(catalogue), f"{time:%Y-%m-%d}"
        known, self._told = told == self._told, told
        return Checkpoint(
            time=round(time.timestamp() * 1000),
            monotonic_seconds=round(self._clock.monotonic(), 3),
            boot_id=self._boot_id,
            epoch=self._epoch,
            seq=seq,
            state=state,
            catalogue=None if known else catalogue,
            catalogue_id=told[0],
        )
