"""A capsule holds what was put into it, opens with any tool, and trusts nobody."""

import zipfile
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from health_archive import capsules, columns
from health_archive.capsules import Capsule, CapsuleError
from health_archive.columns import Damage
from hypothesis import given
from hypothesis import strategies as st

from tests.health_archive.test_columns import lines

FIRST, SECOND = "2026-01-01/12-00-00", "2026-01-01/12-10-00"
TEXTS = {FIRST: lines(1, 40), SECOND: lines(41, 60)}
ABOUT: dict[str, Any] = {"version": 1, "program": "1.0.0"}


def entries(about: Any = ABOUT) -> list[tuple[str, bytes]]:
    packed = [(f"{name}.events", columns.encode(text)) for name, text in TEXTS.items()]
    return [("capsule.json", capsules.as_json(about)), *packed]


def capsule(content: bytes | list[tuple[str, bytes]], path: Path) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else b"".join(capsules.pack(content)))
    return path


WHOLE = b"".join(capsules.pack(entries()))


def all_of(read: Capsule) -> dict[str, bytes]:
    return {name: b"".join(p for p in read.lines(name) if isinstance(p, bytes))
            for name in read.segments}  # fmt: skip


def test_a_capsule_comes_back(tmp_path: Path) -> None:
    path = capsule(WHOLE, tmp_path / "a")
    assert capsules.is_capsule(path)
    read = Capsule(path)
    assert (read.about, read.segments, read.damage) == (ABOUT, [FIRST, SECOND], None)
    assert all_of(read) == TEXTS
    assert read.losses() == []


def test_any_tool_opens_it(tmp_path: Path) -> None:
    with zipfile.ZipFile(capsule(WHOLE, tmp_path / "a")) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [name for name, _ in entries()]
        assert columns.decode(archive.read(f"{FIRST}.events")) == TEXTS[FIRST]
        archive.extractall(tmp_path / "out")
    assert (tmp_path / f"out/{SECOND}.events").exists()


def test_what_was_lost_when_it_was_made_is_in_it(tmp_path: Path) -> None:
    losses = [{"segment": FIRST, "offset": 1, "size": 2, "reason": "x"}]
    more = ("losses.json", capsules.as_json({"losses": losses}))
    assert Capsule(capsule([*entries(), more], tmp_path / "a")).losses() == losses


def test_wherever_it_is_cut_off_what_is_before_that_is_read(tmp_path: Path) -> None:
    begin = len(b"".join(capsules.pack(entries()[:1]))) - 22 - 46 - len(b"capsule.json")
    for size in range(0, len(WHOLE), 7):
        path = capsule(WHOLE[:size], tmp_path / "a")
        if size < begin:
            with pytest.raises(CapsuleError):
                Capsule(path)
            continue
        read = Capsule(path)
        for name, text in all_of(read).items():
            assert TEXTS[name].startswith(text)
        damages = [p for name in read.segments for p in read.lines(name) if isinstance(p, Damage)]
        assert damages or read.damage or all_of(read) == TEXTS


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "does not begin like one"),
        (b"PK\x05\x06" + bytes(18), "has no capsule.json"),
        ([("../../etc/passwd", b"x")], "no business"),
        ([*entries()[:1], ("/etc/passwd", b"x")], "no business"),
        ([*entries()[:1], ("../2026-01-01/12-00-00.events", b"x")], "no business"),
        ([*entries()[:1], ("2026-13-01/12-00-00.events", b"x")], "no business"),
        ([*entries()[:1], ("2026-01-01/12-00-00.jsonl", b"x")], "no business"),
        ([*entries(), entries()[1]], "no business"),
        ([*entries(), entries()[0]], "no business"),
        (entries({"version": 2}), "version 2; this program knows 1"),
        (entries({}), "version None"),
        (entries([]), "damaged"),
        ([("capsule.json", b"[" * 100_000)], "damaged"),
        ([("capsule.json", bytes(capsules.MOST_JSON + 1))], "no business"),
    ],
)  # fmt: skip
def test_what_is_none_is_refused_with_its_reason(tmp_path: Path, content: Any, said: str) -> None:
    path = capsule(content, tmp_path / "a")
    with pytest.raises(CapsuleError, match=said) as caught:
        Capsule(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_one_that_is_packed_again_by_another_tool_is_refused_with_the_remedy(
    tmp_path: Path,
) -> None:
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries():
            archive.writestr(name, content)
    with pytest.raises(CapsuleError, match="packed otherwise; make it anew with"):
        Capsule(capsule(out.getvalue(), tmp_path / "a"))


def test_a_segment_that_says_it_is_huge_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bomb = columns.encode(b" " * 3_000_000 + b"\n")
    path = capsule([*entries()[:1], (f"{FIRST}.events", bomb)], tmp_path / "a")
    assert len(path.read_bytes()) < 20_000
    monkeypatch.setattr(capsules, "MOST_TEXT", 2_000_000)
    (damage,) = Capsule(path).lines(FIRST)
    assert isinstance(damage, Damage)
    assert "at most 2000000 are read" in damage.reason
    forged = bomb.replace((3_000_001).to_bytes(8, "little"), (5).to_bytes(8, "little"), 1)
    path = capsule([*entries()[:1], (f"{FIRST}.events", forged)], tmp_path / "a")
    parts = list(Capsule(path).lines(FIRST))
    assert all(isinstance(part, Damage) for part in parts)


def test_more_than_a_capsule_can_hold_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capsules, "MOST_BYTES", 300)
    with pytest.raises(CapsuleError, match="choose a shorter window"):
        list(capsules.pack(entries()))


def read_all(content: bytes, path: Path) -> None:
    """Nothing but the module's own error may come of it."""
    path.write_bytes(content)
    try:
        read = Capsule(path)
    except CapsuleError:
        return
    for name in read.segments:
        for part in read.lines(name):
            assert isinstance(part, bytes | Damage)
    with suppress(CapsuleError):
        assert isinstance(read.losses(), list)


@given(st.data())
def test_fuzzed_capsules(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    content = bytearray(WHOLE)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        piece = data.draw(st.binary(max_size=8))
        size = data.draw(st.integers(0, 8))
        content[at : at + size] = piece
    read_all(bytes(content), tmp_path_factory.getbasetemp() / "fuzzed")


@given(st.lists(st.tuples(st.sampled_from(["capsule.json", f"{FIRST}.events", "losses.json", "x"]),
                          st.binary(max_size=60)), max_size=4))  # fmt: skip
def test_capsules_of_anything(
    tmp_path_factory: pytest.TempPathFactory, found: list[tuple[str, bytes]]
) -> None:
    path = tmp_path_factory.getbasetemp() / "anything"
    read_all(b"".join(capsules.pack(found)), path)
    read_all(b"".join(capsules.pack([*entries()[:1], *found])), path)
