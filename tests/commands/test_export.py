"""What `history export` writes, and what it says."""

import csv
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from health_archive import segments
from health_archive.capsules import Capsule
from health_archive.segments import list_segments
from health_collectord.cli import main

from tests.commands.test_files import Terminal
from tests.health_archive.kept import FIRST, HOUR, Kept, days
from tests.health_archive.made import MadeHost
from tests.health_archive.test_checkpoints import checkpoint
from tests.health_archive.test_segments import put

NAME = "2026-01-01/12-00-00"


def export(folder: Path, *words: str) -> int:
    return main(["history", "export", *words, "--data-dir", str(folder)])


def text_of(folder: Path) -> bytes:
    parts = (part for segment in list_segments(folder / "history") for part in segment.read())
    return b"".join(part for part in parts if isinstance(part, bytes))


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    """Two days of four segments, and one that has not ended."""
    kept = days(tmp_path / "history", 2)
    kept.add(FIRST + 48 * HOUR, end=False)
    return kept


def test_all_lines_are_the_very_same(tmp_path: Path, kept: Kept) -> None:
    out = tmp_path / "out.jsonl"
    assert export(tmp_path, str(out)) == 0
    assert out.read_bytes() == text_of(tmp_path)


def test_a_windows_lines_are_the_very_same(tmp_path: Path, kept: Kept) -> None:
    out = tmp_path / "out.jsonl"
    assert export(tmp_path, "--from", "2026-01-01T06:05", "--to", "12:05", str(out)) == 0
    start, end = "2026-01-01T06:05:00.000Z", "2026-01-01T12:05:00.000Z"
    expected = [line for line in text_of(tmp_path).splitlines(keepends=True)
                if start <= json.loads(line)["time"] < end]  # fmt: skip
    assert out.read_bytes().splitlines(keepends=True) == expected
    assert len(expected) > 20


def test_figures_as_a_table(tmp_path: Path, kept: Kept) -> None:
    out = tmp_path / "out.csv"
    assert export(tmp_path, "--format", "csv", str(out)) == 0
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["time", "system.load.cores", "system.load.load1",
                             "system.net.links[e.0].rx"]  # fmt: skip
    assert [float(row["system.load.load1"]) for row in rows] == [v for _, v in kept.load]
    assert [float(row["system.net.links[e.0].rx"]) for row in rows] == [v for _, v in kept.rows]
    assert {row["system.load.cores"] for row in rows} == {"2"}


def test_a_capsule_has_whole_segments_as_they_are(tmp_path: Path, kept: Kept) -> None:
    out = tmp_path / "out.zip"
    window = ("--from", "2026-01-01T06:05", "--to", "2026-01-01T12:01")
    assert export(tmp_path, *window, "--format", "capsule", str(out)) == 0
    capsule = Capsule(out)
    assert capsule.segments == ["2026-01-01/06-00-00", NAME]
    assert capsule.about["from"] == "2026-01-01T06:05:00.000Z"
    assert capsule.about["redacted"] is None
    for name in capsule.segments:
        segment = segments.find_segment(kept.folder, name)
        assert segment is not None
        assert segment.columns_path.read_bytes() in out.read_bytes()
        assert list(capsule.lines(name)) == list(segment.lines())


def test_a_capsule_has_the_catalogue_though_it_stands_in_a_segment_before(tmp_path: Path) -> None:
    catalogue = [{"name": "a"}]
    for number, known in ((0, catalogue), (1, None)):
        line = checkpoint(number, catalogue=known, time=FIRST + number * HOUR).line()
        put(tmp_path / "history", f"2026-01-01/0{number}-00-00", line)
    out = tmp_path / "out.zip"
    assert export(tmp_path, "--from", "2026-01-01T01:00", "--format", "capsule", str(out)) == 0
    assert Capsule(out).segments == ["2026-01-01/01-00-00"]
    assert Capsule(out).about["catalogue"] == catalogue


@pytest.mark.parametrize("form", ["jsonl", "csv", "capsule"])
def test_redacted_no_name_remains(
    tmp_path: Path, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = MadeHost(tmp_path / "host", "pi4").text(40)
    put(tmp_path / "history", NAME, text + b'{"no record of garden\n')
    out = tmp_path / "out"
    assert export(tmp_path, "--redact", "--format", form, str(out)) == 0
    assert "names replaced: " in capsys.readouterr().err
    content = out.read_bytes()
    if form == "capsule":
        capsule = Capsule(out)
        assert "host" in capsule.about["redacted"]
        content = json.dumps(capsule.about).encode() + b"".join(
            part for part in capsule.lines(NAME) if isinstance(part, bytes)
        )
        assert b'"lines_left_out": 1' in out.read_bytes()
    for name in (b"garden", b"made", b"/run/user/1000"):
        assert name in text
        assert name not in content
    if form == "jsonl":
        lines = list(zip(text.splitlines(), content.splitlines(), strict=True))
        assert sum(a == b for a, b in lines) > 0.9 * len(lines)


def test_what_is_damaged_is_left_out_and_said(
    tmp_path: Path, kept: Kept, capsys: pytest.CaptureFixture[str]
) -> None:
    path = kept.folder / "2026-01-01/06-00-00.events"
    path.write_bytes(path.read_bytes()[:-9])
    whole = text_of(tmp_path)
    for form in ("jsonl", "csv", "capsule"):
        assert export(tmp_path, "--format", form, str(tmp_path / form)) == 1
        said = capsys.readouterr().err
        assert f"health-collectord: {path}: the file ends 9 bytes before its block does" in said
        assert "25 lines); that is not in it" in said
    assert (tmp_path / "jsonl").read_bytes() == whole
    (loss,) = Capsule(tmp_path / "capsule").losses()
    assert loss["segment"] == "2026-01-01/06-00-00"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["there"], "there is there already: name another, or give --force"),
        (["--from", "2027-01-01", "out"], "nothing is recorded there in that time; see `health-"),
        (["--from", "2026-01-02", "--to", "2026-01-01", "out"], "is not after --from"),
        (["--from", "05:00", "--to", "2026-01-01", "out"], "is not after --from"),
    ],
)
def test_what_cannot_be_exported(
    tmp_path: Path, kept: Kept, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "there").write_bytes(b"before")
    *words, target = words
    assert export(tmp_path, *words, str(tmp_path / target)) == 1
    assert said in capsys.readouterr().err
    assert (tmp_path / "there").read_bytes() == b"before"
    assert not (tmp_path / "out").exists()


def test_where_nothing_is_recorded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert export(tmp_path, str(tmp_path / "out")) == 1
    assert f"{tmp_path}/history: nothing is recorded there; see" in capsys.readouterr().err


def test_a_capsule_is_nothing_for_a_terminal(
    tmp_path: Path, kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setattr(sys, "stderr", said := Terminal())
    assert export(tmp_path, "--format", "capsule", "-") == 1
    assert "name a file, or pipe it on" in said.getvalue()


def test_stopped_it_leaves_nothing(
    tmp_path: Path, kept: Kept, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr("health_collectord.commands.export.lines_of", interrupted)
    assert export(tmp_path, str(tmp_path / "out")) == 1
    assert capsys.readouterr().err == "health-collectord: stopped; nothing was written\n"
    assert [p.name for p in tmp_path.iterdir()] == ["history"]
