"""What there is at a path, in which order."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from health_archive import capsules, columns
from health_collectord.replay.sources import RecordingError, sources_of

ABOUT = ("capsule.json", capsules.as_json({"version": 1}))
EVENTS = columns.encode(b"{}\n")


def test_folders_in_the_order_of_time_and_of_both_forms_the_columns(tmp_path: Path) -> None:
    for name in ("2026-01-02/00-00-00.jsonl", "2026-01-01/12-10-00.jsonl",
                 "2026-01-01/12-00-00.jsonl", "2026-01-01/12-00-00.events"):  # fmt: skip
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(EVENTS if path.suffix == ".events" else b"{}\n")
    (tmp_path / "notes.txt").write_text("somebody else's")
    found = sources_of([tmp_path])
    assert [str(source.path.relative_to(tmp_path)) for source in found] == [
        "2026-01-01/12-00-00.events", "2026-01-01/12-10-00.jsonl", "2026-01-02/00-00-00.jsonl",
    ]  # fmt: skip
    assert found[0].begin == datetime(2026, 1, 1, 12, tzinfo=UTC)
    assert [list(source.lines()) for source in found] == [[b"{}\n"]] * 3


def test_a_capsule_has_its_segments(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    names = ["2026-01-01/12-00-00", "2026-01-01/12-10-00"]
    entries = [ABOUT, *((f"{name}.events", EVENTS) for name in names)]
    path.write_bytes(b"".join(capsules.pack(entries)))
    found = sources_of([path])
    assert [str(source) for source in found] == [f"{path}: {name}" for name in names]
    assert [list(source.lines()) for source in found] == [[b"{}\n"]] * 2


def test_a_file_of_any_name_is_lines(tmp_path: Path) -> None:
    path = tmp_path / "some.log"
    path.write_bytes(b"a\nb")
    (source,) = sources_of([path])
    assert (source.begin, list(source.lines())) == (None, [b"a\n", b"b"])


@pytest.mark.parametrize("name", ["none", "none/at/all"])
def test_what_is_not_there(tmp_path: Path, name: str) -> None:
    with pytest.raises(RecordingError, match=f"{name}: No such file or directory"):
        sources_of([tmp_path / name])
