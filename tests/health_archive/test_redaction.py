"""No name remains, the same name is always the same word, and all else is as it was."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from health_archive import redaction
from health_archive.redaction import Redaction, TooManyNames
from hypothesis import given
from hypothesis import strategies as st

from tests.health_archive.made import MadeHost
from tests.health_archive.test_checkpoints import checkpoint, event

NAMES = {
    "host": ["barn.example.org", "barn"],
    "address": ["192.168.7.21", "fe80::dea6:32ff:fe01:203", "dc:a6:32:01:02:03", "enxdca632010203"],
    "serial": ["10000000abcdef01"],
    "mount": ["/srv/photos of Ann", "/mnt/backup", "nas:/export/ann", "/dev/mapper/ann-root"],
    "process": ["ann-mailer", "ok", "backup.service"],
    "home": ["/home/ann"],
}
ALL = [name for names in NAMES.values() for name in names]


def record() -> Iterator[bytes]:
    """Every name in its own field, and in whatever text may mention it."""
    host, short = NAMES["host"]
    data: Any = {"version": "1.0.0", "host": host, "epoch": "e" * 32}
    yield event(1, "collector.started", data)
    data = {"hostname": short, "serial": NAMES["serial"][0], "model": "Raspberry Pi 4",
            "addresses": ", ".join(NAMES["address"][:2])}  # fmt: skip
    yield event(2, "system.identity", data)
    devices = NAMES["mount"][2:]
    mounts = [
        {"key": key, "device": device, "status": "ok", "used_percent": 12.50}
        for key, device in zip(NAMES["mount"], [*devices, "/dev/sda1", "/dev/sda2"], strict=True)
    ]
    yield event(3, "system.disk.usage.updated", {"mounts": mounts})
    rows = [{"key": name, "cpu_percent": 1.0} for name in NAMES["process"][:2]]
    units = [{"key": name} for name in NAMES["process"][2:]]
    yield event(4, "system.processes.updated", {"processes": rows, "units": units})
    text = " and ".join(f"<{name}>, {name}: x ({name})" for name in ALL)
    problem = {"metric": "disk", "row": NAMES["mount"][0], "subject": text, "severity": "warning"}
    yield event(5, "health.updated", {"status": "ok", "summary": text, "problems": [problem]})
    yield event(6, "system.error", {"traceback": f'File "/home/ann/x.py"\nat {text}'})
    yield event(
        7, "kernel.message", {"level": "warning", "text": f"Killed process 1 (mysqld) {text}"}
    )


def redacted(lines: list[bytes]) -> tuple[Redaction, list[bytes]]:
    found = Redaction()
    for line in lines:
        found.learn(line)
    clean = [found.line(line) for line in lines]
    assert None not in clean
    return found, [line for line in clean if line is not None]


def words(value: Any) -> Iterator[str]:
    """Every text in a value but the keys."""
    if isinstance(value, dict):
        for each in value.values():
            yield from words(each)
    elif isinstance(value, list):
        for each in value:
            yield from words(each)
    elif isinstance(value, str):
        yield value


def test_no_name_remains_anywhere() -> None:
    lines = list(record())
    found, clean = redacted(lines)
    assert set(found.replaced) >= set(ALL)
    everything = "\n".join(words([json.loads(line)["data"] for line in clean]))
    # A status is a word of the program's, even where a process is called so.
    left = everything.replace("\nok\n", "\n\n").removeprefix("1.0.0")
    for name in ALL:
        assert not re.search(rf"(?<![^\W_]){re.escape(name)}(?![^\W_])", left), name
    for part in ("Ann", "ann", "mysqld", "dca632", "example"):
        assert part not in everything


def test_a_name_is_always_the_same_word_and_two_are_never_one() -> None:
    lines = list(record())
    found, clean = redacted(lines)
    replaced = found.replaced
    assert len(set(replaced.values())) == len(replaced)
    assert replaced["barn"] != replaced["barn.example.org"]
    identity = json.loads(clean[1])["data"]
    assert identity["hostname"] == replaced["barn"]
    assert identity["model"] == "Raspberry Pi 4"
    mount = json.loads(clean[2])["data"]["mounts"][0]
    problem = json.loads(clean[4])["data"]["problems"][0]
    assert problem["row"] == mount["key"] == replaced["/srv/photos of Ann"]
    assert re.fullmatch(r"/mount-\d+", mount["key"])
    assert mount["status"] == json.loads(clean[4])["data"]["status"] == "ok"
    assert json.loads(clean[2])["data"]["mounts"][2]["device"] == "/dev/sda1"
    assert json.loads(clean[6])["data"] == {"level": "warning", "text": "redacted"}
    assert redacted(lines)[1] == clean, "and the next time"


def test_what_names_nobody_comes_back_byte_for_byte(tmp_path: Path) -> None:
    lines = MadeHost(tmp_path, "pi4").text(30).splitlines(keepends=True)
    found, clean = redacted(lines)
    assert set(found.replaced) == {"garden", "made", "/run/user/1000"}
    same = [a == b for a, b in zip(lines, clean, strict=True)]
    assert all(a == b for a, b in zip(lines, clean, strict=True) if not re.search(
        b"garden|made|/run/user", a))  # fmt: skip
    assert sum(same) > 0.95 * len(same)


def test_numbers_and_order_stay_as_they_were_written() -> None:
    line = b'{"name":"a","time":"x","data":{"b":1.50,"a":-0,"c":[1e5,{},[],null,true],"b":"h"}}\n'
    assert Redaction().line(line) == line
    long = b'{"name":"a","data":' + b"9" * 5000 + b"}\n"
    assert Redaction().line(long) == long


def test_a_catalogue_stays_whole_though_a_process_is_called_like_a_metric() -> None:
    catalogue = [{"name": "memory", "title": "of barn"}]
    lines = [
        event(1, "system.processes.updated", {"processes": [{"key": "memory"}]}),
        event(2, "system.identity", {"hostname": "barn"}),
        checkpoint(2, catalogue=catalogue).line(),
    ]
    _, clean = redacted(lines)
    assert json.loads(clean[2])["data"]["catalogue"] == [{"name": "memory", "title": "of host-1"}]


def test_what_every_system_has_stays() -> None:
    pairs = (("/", "/dev/mmcblk0p2"), ("/boot/firmware", "/dev/nvme0n1p1"), ("/run", "tmpfs"))
    mounts = [{"key": key, "device": device} for key, device in pairs]
    lines = [
        event(1, "system.disk.usage.updated", {"mounts": mounts}),
        event(2, "a", {"reason": "127.0.0.1 and ::1 since 12:00:00, version 1.2"}),
    ]
    found, clean = redacted(lines)
    assert (found.replaced, clean) == ({}, lines)


def test_a_new_word_is_never_an_old_name() -> None:
    lines = [event(1, "a", {"hosts": ["host-1", "x", "host-2"]})]
    found, _ = redacted(lines)
    assert sorted(found.replaced.values()) == ["host-3", "host-4", "host-5"]


@pytest.mark.parametrize("line", [b"", b"x\n", b"[]\n", b'{"a":NaN}', b"\xff", b"[" * 9999, b"1"])
def test_what_is_no_record_is_left_out(line: bytes) -> None:
    found = Redaction()
    found.learn(line)
    assert found.line(line) is None


def test_too_many_names_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_MOST", 3)
    with pytest.raises(TooManyNames, match="more than 3 names"):
        Redaction().learn(event(1, "a", {"hosts": ["b", "c", "d", "e"]}))


KEYS = st.sampled_from([*redaction._KINDS, "key", "status", "reason", "catalogue", "data", "x"])
TEXTS = st.sampled_from([*ALL, "a", "10.0.0.1:80", "::ffff:9", "x" * 99, ":" * 99]) | st.text()
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
VALUES: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | FLOATS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


def shape(value: Any) -> Any:
    """All but the texts."""
    if isinstance(value, dict):
        return {key: shape(each) for key, each in value.items()}
    if isinstance(value, list):
        return [shape(each) for each in value]
    return "" if isinstance(value, str) else value


@given(st.lists(VALUES, min_size=1, max_size=3))
def test_any_line_keeps_its_shape_and_loses_its_names(values: list[Any]) -> None:
    lines = [
        json.dumps({"name": "a.updated", "data": v}, ensure_ascii=True).encode() for v in values
    ]
    found, clean = redacted(lines)
    for line, after in zip(lines, clean, strict=True):
        assert shape(json.loads(after)) == shape(json.loads(line))
    for kind, name in redaction._told([json.loads(line)["data"] for line in lines], ""):
        if len(name) > 3 and kind != "user" and name not in redaction.COMMON:
            assert name in found.replaced or redaction._PLAIN_DEVICE.fullmatch(name)
