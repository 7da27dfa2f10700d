"""Every metric on every recorded host against its golden file, one small file each.

``GOLDEN=rewrite pytest tests/metrics/test_golden.py`` rewrites them: read the difference.
"""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from health_collectord import catalogue
from health_collectord.events import data_of
from health_collectord.vocabulary import Unavailable

from .conftest import FIXTURES, RecordedHost

GOLDEN = Path(__file__).parents[1] / "golden"
ENTRIES = {entry.name: entry for entry in catalogue.load()}
HOSTS = sorted(path.name for path in FIXTURES.iterdir())
REWRITE = os.environ.get("GOLDEN") == "rewrite"


def compare(path: Path, value: Any) -> None:
    text = json.dumps(value, indent=1, ensure_ascii=False) + "\n"
    if REWRITE:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert path.exists(), f"no golden file: GOLDEN=rewrite makes {path}"
    assert json.loads(path.read_text()) == json.loads(text)


def outcome(read: Callable[[], Any], folder: Path) -> Any:
    """A sample as its event carries it, or the kind and text of what stopped it."""
    try:
        sample = read()
    except Exception as problem:  # noqa: BLE001 which one it is, is what the golden file holds
        text = str(problem).replace(str(folder), "")
        return {type(problem).__name__: text}
    data = None if sample is None else data_of(sample)
    return json.loads(json.dumps(data, ensure_ascii=False).replace(str(folder), ""))


@pytest.mark.parametrize("metric", ENTRIES)
@pytest.mark.parametrize("name", HOSTS)
def test_golden(name: str, metric: str, recorded: Callable[[str], RecordedHost]) -> None:
    host = recorded(name)
    reader = host.reader(ENTRIES[metric].metric)
    first = outcome(lambda: reader.read(100.0), host.folder)
    host.a_second_passes()
    second = outcome(lambda: reader.read(101.0), host.folder)
    compare(GOLDEN / name / f"{metric}.json", {"first": first, "second": second})


# Which metrics read which file of the Pi 4; all others have to stay as they are without it.
READ_BY = {
    "proc/stat": {"cpu", "identity"},
    "proc/meminfo": {"memory", "identity"},
    "proc/loadavg": {"load"},
    "proc/net/dev": {"network"},
    "proc/1/mountinfo": {"disk"},
    "proc/1/root/etc/os-release": {"identity"},
    "proc/sys/kernel/hostname": {"identity"},
    "proc/sys/kernel/random/boot_id": {"identity"},
    "proc/device-tree/model": {"identity", "throttling"},
    "sys/devices/system/cpu/online": {"load"},
    "sys/class/thermal/thermal_zone0/temp": {"temperature"},
    "sys/class/thermal/thermal_zone0/type": {"temperature"},
    "sys/class/net/eth0/operstate": {"network"},
    "sys/class/net/eth0/speed": {"network"},
    "sys/class/hwmon/hwmon1/name": {"temperature", "throttling"},
    "bin/vcgencmd": {"throttling"},
}


@pytest.mark.parametrize("damage", [None, b"", b"\x00\xff\xfe", b"nonsense\n", b"-1"])
@pytest.mark.parametrize("path", READ_BY)
def test_a_broken_file_fails_its_own_metric_only(
    path: str, damage: bytes | None, recorded: Callable[[str], RecordedHost]
) -> None:
    host = recorded("pi4")
    shutil.rmtree(host.folder / "proc.next")
    shutil.rmtree(host.folder / "sys.next")
    if damage is None:
        (host.folder / path).unlink()
    else:
        (host.folder / path).write_bytes(damage)
    for name, entry in ENTRIES.items():
        try:
            host.reader(entry.metric).read(100.0)
            sound = True
        except (Unavailable, OSError, ValueError):
            sound = False
        assert sound or name in READ_BY[path]


def test_catalogue() -> None:
    compare(GOLDEN / "catalogue.json", [entry.describe() for entry in ENTRIES.values()])


def test_no_golden_without_its_metric() -> None:
    known = {GOLDEN / h / f"{m}.json" for h in HOSTS for m in ENTRIES} | {GOLDEN / "catalogue.json"}
    assert set(GOLDEN.rglob("*.json")) == known
