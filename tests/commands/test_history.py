"""What there is of a record, told from its files."""

from pathlib import Path

import pytest
from health_archive.segments import end_segment, find_segment
from health_collectord.cli import main

_LINE = b'{"time":"2026-01-01T12:00:00.000Z","name":"a","data":{"b":1},"seq":1}\n'


def _record(folder: Path, name: str, *, ended: bool = False, text: bool = True) -> None:
    path = folder / "history" / f"{name}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_LINE * 20000)
    if ended:
        segment = find_segment(folder / "history", name)
        assert segment is not None
        end_segment(segment)
    if not text:
        path.unlink()


def test_span_size_days_and_forms(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _record(tmp_path, "2026-01-01/12-00-00", ended=True, text=False)
    _record(tmp_path, "2026-01-02/00-00-00", ended=True)
    _record(tmp_path, "2026-01-02/00-10-00")
    (tmp_path / "history/2026-01-02/notes.txt").write_text("somebody else's")

    assert main(["history", "--data-dir", str(tmp_path)]) == 0

    whole, span, first, second = capsys.readouterr().out.splitlines()
    size = f"{len(_LINE) * 20000 * 2 / 1e6:.1f} MB"
    assert whole.startswith(f"{tmp_path}/history: 3 segments, ")
    assert span == "first segment 2026-01-01 12:00:00, last 2026-01-02 00:10:00 (UTC)"
    assert first.startswith("2026-01-01  1 segment, ")
    assert "0 as text 0.0 MB, 1 as columns" in first
    assert f"2 as text {size}, 1 as columns" in second


def test_no_record(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["history", "--data-dir", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"{tmp_path}/history: nothing is recorded there\n"


def test_unreadable_record(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "history").write_text("a file in the folder's place")
    assert main(["history", "--data-dir", str(tmp_path)]) == 1
    assert f"{tmp_path}/history: Not a directory" in capsys.readouterr().err
