"""When the black box is written; what is in it is tested with the sink that it stands beside."""

from itertools import pairwise
from pathlib import Path

import pytest
from health_archive import read_black_box
from health_collectord.sinks import black_box
from health_collectord.sinks.black_box import BlackBoxWriter

NAME, LINES = "2026-01-01/12-00-00", [b'{"seq":1}\n']


def test_it_writes_and_syncs_more_often_while_the_machine_is_critical(tmp_path: Path) -> None:
    writer = BlackBoxWriter(tmp_path / "box", "e" * 32, sync_seconds=10)
    assert writer.pause(critical=False) == 0.1, "a start's first events are not to be lost"
    writer.write(NAME, LINES)
    assert writer.pause(critical=True) == pytest.approx(2.0, abs=0.5)
    assert writer.pause(critical=False) == 5.0
    writer.close()


def test_a_write_in_between_puts_no_sync_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the writer is woken by whatever is worse than usual, at any moment."""
    now = [1000.0]
    monkeypatch.setattr(black_box, "monotonic", lambda: now[0])
    writer = BlackBoxWriter(tmp_path / "box", "e" * 32, sync_seconds=10)
    synced = []
    for seconds in (0.0, 4.0, 4.9, None, None, None, 3.1, None, None, 1.0, None, None, None):
        now[0] += writer.until_next if seconds is None else seconds
        before = writer.written
        writer.write(NAME, LINES)
        if writer.written > before:
            synced.append(now[0])
    assert len(synced) > 3
    assert all(after - one <= 10 for one, after in pairwise(synced))
    writer.close()


def test_what_a_write_in_between_took_is_synced_in_time_though_no_line_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr(black_box, "monotonic", lambda: now[0])
    writer = BlackBoxWriter(tmp_path / "box", "e" * 32, sync_seconds=2)
    writer.write(NAME, LINES)
    assert not writer.flush_due(), "nothing waits"
    now[0] += 1
    writer.write(NAME, [b'{"seq":2}\n'])
    assert not writer.flush_due(), "not yet"
    now[0] += writer.until_next
    assert writer.flush_due()
    kept = b"".join(each.lines for each in read_black_box(tmp_path / "box"))
    assert kept == LINES[0] + b'{"seq":2}\n'
    assert not writer.flush_due()
    writer.close()


def test_a_box_that_cannot_be_had_is_not_tried_all_the_time(tmp_path: Path) -> None:
    writer = BlackBoxWriter(tmp_path / "none/box", "e" * 32)
    (tmp_path / "none").write_text("a file in the way")
    for _ in range(3):
        writer.write(NAME, LINES)
        assert writer.until_next > 1
    writer.close()


def test_it_counts_what_it_writes(tmp_path: Path) -> None:
    writer = BlackBoxWriter(tmp_path / "box", "e" * 32)
    writer.write(NAME, LINES)
    writer.close()
    assert writer.written == 4096, "a page at least"
    assert len(list(read_black_box(tmp_path / "box"))) == 1
