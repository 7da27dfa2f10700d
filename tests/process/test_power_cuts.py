"""After a loss of power, and after kill -9: what is older than may be lost is there, unrepaired.

Many more of either: benchmarks/power_cuts.py.
"""

import os
import random
import shutil
from pathlib import Path

import pytest

from tests.process.conftest import lacking
from tests.process.cutting import SYNC_SECONDS, kills, power_cuts

pytestmark = pytest.mark.slow

_LATE = 3.0  # seconds that a busy machine may take on top, to write and to sync


def test_power_cuts(tmp_path: Path) -> None:
    if os.geteuid() != 0 or not os.path.exists("/dev/fuse"):
        lacking("only root can mount a disk whose power can be cut, and with FUSE")
    if shutil.which("mkfs.ext4") is None:
        lacking("there is no mkfs.ext4")
    left = list(power_cuts(tmp_path, 4, random.Random(1)))
    assert len(left) == 4
    assert all(each.age <= SYNC_SECONDS + _LATE for each in left), left
    assert left[-1].events > 50


def test_kills(tmp_path: Path) -> None:
    left = list(kills(tmp_path, 4, random.Random(1)))
    assert len(left) == 4
    assert all(each.age <= SYNC_SECONDS + _LATE for each in left), left
    assert max(each.events for each in left) > 20
