"""What `history verify` and `history rebuild` say, and end with."""

import random
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from health_archive import segments
from health_archive.index import Index
from health_archive.verification import Verified
from health_collectord.cli import main

from tests.health_archive.kept import FIRST, HOUR, Kept, days
from tests.health_archive.test_coverage import A, B, Record


def run(folder: Path, *words: str) -> int:
    return main(["history", *words, "--data-dir", str(folder)])


def dumped(folder: Path) -> list[str]:
    index = Index(folder / "index", folder / "history")
    found = list(index.dump())
    index.close()
    return found


def test_a_whole_record(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = Record(tmp_path)
    record.add(A, 1, 2, (3, "runtime.shutdown", {}))
    record.add(B, 1, 2, ended=False)
    assert run(tmp_path, "verify") == 0
    amount, events, verdict = capsys.readouterr().out.splitlines()
    assert amount.startswith(f"{tmp_path}/history: 2 segments, ")
    assert amount.endswith(", 7 lines")
    assert (events, verdict) == ("5 events of 2 starts", "all is there, or its absence explained")


def test_what_is_damaged_and_missing_is_said_with_its_cause(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = Record(tmp_path)
    record.add(A, 1, 2, 3)
    damaged = record.add(A, 4, 5, 6).columns_path
    record.add(A, 7, 8, (9, "collector.events.dropped", {"count": 3}))
    record.add(A, 12)
    record.add(B, 1, boot="y")
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"\0")
    assert run(tmp_path, "verify") == 1
    _, flaw, first, second, dropped, ended, events, verdict = capsys.readouterr().out.splitlines()
    assert flaw.startswith(f"damaged: {damaged}: ")
    assert flaw.endswith("; 4 lines were there, seq 4 to 6")
    begin = "start aaaaaaaa of 2026-01-01T12:00:00Z"
    assert first.startswith(f"{begin}: seq 4 to 6 missing (3 events), after 2026-01-01T12:00:03Z "
                            "and before 2026-01-01T12:00:07Z: damaged (")  # fmt: skip
    assert second.endswith("12:00:12Z: nothing says why")
    assert "3 samples dropped" in dropped
    assert ended.endswith("12:00:00Z: the machine ended")
    assert (events, verdict) == ("8 events of 2 starts", "not all is there: see above")


def test_a_black_box_is_read_as_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Record(tmp_path).add(A, 1, 2, 3)
    (tmp_path / "black-box").write_bytes(b"something else")
    assert run(tmp_path, "verify") == 1
    assert f"damaged: {tmp_path}/black-box: not a black box" in capsys.readouterr().out


@pytest.mark.parametrize("words", [["verify"], ["rebuild"]])
def test_where_nothing_is_recorded_nothing_is_made(
    tmp_path: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path / "none", *words) == 0
    assert capsys.readouterr().out.startswith(f"{tmp_path}/none/history: no")
    assert list(tmp_path.iterdir()) == []


def test_it_stops_when_told_to_and_says_how_far_it_came(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    record = Record(tmp_path)
    for seq in (1, 2, 3):
        record.add(A, seq)
    add, left = Verified.add, [1]

    def interrupted(self: Verified, segment: segments.Segment) -> None:
        if not left:
            raise KeyboardInterrupt
        left.pop()
        add(self, segment)

    monkeypatch.setattr(Verified, "add", interrupted)
    assert run(tmp_path, "verify") == 1
    assert capsys.readouterr() == (
        "", "health-collectord: stopped: verified 1 of 3 segments, no flaw so far\n"
    )  # fmt: skip


def test_an_index_made_anew_is_the_same_as_one_that_grew(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = Kept(tmp_path / "history")
    index = Index(tmp_path / "index", kept.folder)
    ended = []
    for number in random.Random(2).sample(range(40), 12):  # in any order, some of them gone again
        ended.append(kept.add(FIRST + number * HOUR))
        list(index.update())
    segments.remove_segment(ended[3])
    list(index.update())
    before = list(index.dump())
    index.close()

    assert run(tmp_path, "rebuild") == 0
    assert "; the same as before" in capsys.readouterr().out
    (tmp_path / "index").unlink()
    assert run(tmp_path, "rebuild") == 0
    assert dumped(tmp_path) == before
    assert (tmp_path / "index").stat().st_mode & 0o777 == 0o640
    content = (tmp_path / "index").read_bytes()
    (tmp_path / "index").unlink()
    assert run(tmp_path, "rebuild") == 0
    assert (tmp_path / "index").read_bytes() == content
    assert sorted(p.name for p in tmp_path.iterdir()) == ["history", "index"]


@pytest.mark.parametrize("found", ["garbage", "other"])
def test_an_index_that_is_wrong_gives_way(
    tmp_path: Path, found: str, capsys: pytest.CaptureFixture[str]
) -> None:
    days(tmp_path / "history", 2)
    assert run(tmp_path, "rebuild") == 0
    before = dumped(tmp_path)
    if found == "garbage":
        (tmp_path / "index").write_bytes(b"SQLite format 3\0" + b"x" * 9000)
    else:
        with sqlite3.connect(tmp_path / "index") as db:
            db.execute("DELETE FROM segments WHERE name LIKE '%/06-00-00'")
        db.close()
    assert run(tmp_path, "rebuild") == 0
    assert "it was another before" in capsys.readouterr().out
    assert dumped(tmp_path) == before


def test_who_reads_an_index_meanwhile_has_the_new_one(tmp_path: Path) -> None:
    days(tmp_path / "history", 2)
    index = Index(tmp_path / "index", tmp_path / "history")
    assert run(tmp_path, "rebuild") == 0
    assert len([line for line in index.dump() if '"edges"' not in line]) > 8
    index.close()


def test_rebuild_that_is_stopped_leaves_the_index_as_it_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    days(tmp_path / "history", 1)
    assert run(tmp_path, "rebuild") == 0
    before = dumped(tmp_path)

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("health_archive.index.facts_of", interrupted)
    capsys.readouterr()
    assert run(tmp_path, "rebuild") == 1
    assert capsys.readouterr().err == (
        "health-collectord: stopped: indexed 0 of 4 segments; the index is as it was\n"
    )
    assert dumped(tmp_path) == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["history", "index"]
