"""When the black box is written; what is in it is tested with the sink that it stands beside."""

from pathlib import Path

from health_archive import read_black_box
from health_collectord.sinks.black_box import BlackBoxWriter


def test_it_writes_and_syncs_more_often_while_the_machine_is_critical(tmp_path: Path) -> None:
    writer = BlackBoxWriter(tmp_path / "box", "e" * 32, sync_seconds=10)
    assert writer.pause(critical=True) == 2.0
    assert writer.pause(critical=False) == 5.0
    assert BlackBoxWriter(tmp_path / "box", "e", sync_seconds=1).pause(critical=False) == 1.0


def test_it_counts_what_it_writes(tmp_path: Path) -> None:
    writer = BlackBoxWriter(tmp_path / "box", "e" * 32)
    writer.write("2026-01-01/12-00-00", [b'{"seq":1}\n'])
    writer.close()
    assert writer.written == 4096, "a page at least"
    assert len(list(read_black_box(tmp_path / "box"))) == 1
