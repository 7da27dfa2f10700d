"""Segments of a real collector: as columns once they have ended, any moment in them, replayed."""

import json
import signal
import sys
from pathlib import Path

import pytest
from health_archive import Moment, list_segments, read_black_box, read_checkpoint, state_at
from health_wire import tree

from tests.running import records, running, start_collector, wait_for

pytestmark = pytest.mark.slow


def lines(folder: Path) -> list[bytes]:
    found = [line for segment in list_segments(folder) for line in segment.lines()]
    assert all(isinstance(line, bytes) for line in found)
    return found  # type: ignore[return-value]


def configured(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(text)
    return path


def test_any_moment_is_as_the_snapshot_had_it_whatever_the_form(tmp_path: Path) -> None:
    config = configured(tmp_path, "[record]\nsegment_seconds = 2\ntext_seconds = 1\n")
    folder = tmp_path / "data/history"
    snapshots = []
    with start_collector(tmp_path, "--config", str(config), "--interval", "0.2") as collector:

        def ended() -> int:
            snapshots.append(collector.request("snapshot"))
            return sum(1 for s in list_segments(folder) if s.columns and s.text is None)

        wait_for(lambda: ended() >= 2, "no segment has become columns alone", 30)
    whole = lines(folder)
    text = [json.loads(line) for line in whole]
    seqs = [record["seq"] for record in text if "seq" in record]
    assert seqs == list(range(1, len(seqs) + 1)), "not an event is missing in any form"
    by_seq = {record["seq"]: i for i, record in enumerate(text) if "seq" in record}
    for snapshot in snapshots[:: max(len(snapshots) // 20, 1)]:
        upto = by_seq[snapshot["seq"]] + 1
        begin = max(i for i in range(upto) if read_checkpoint(whole[i]) is not None)
        moment = state_at(whole[begin:upto], 1 << 60)
        assert isinstance(moment, Moment)
        assert moment.whole
        assert (moment.epoch, moment.seq) == (snapshot["epoch"], snapshot["seq"])
        assert json.dumps(moment.state) == json.dumps(tree.freeze(snapshot["state"]))


def test_a_replay_reads_either_form(tmp_path: Path) -> None:
    config = configured(tmp_path, "[record]\nsegment_seconds = 1\ntext_seconds = 1\n")
    folder = tmp_path / "data/history"
    with start_collector(tmp_path, "--config", str(config), "--interval", "0.2"):
        wait_for(lambda: any(s.text is None for s in list_segments(folder)), "no columns", 30)
    command = [sys.executable, "-m", "health_collectord", "replay", str(folder), "--speed", "1000",
               "--events", f"ipc://{tmp_path}/e", "--state", f"ipc://{tmp_path}/s", "--console",
               "--data-dir", str(tmp_path / "other")]  # fmt: skip
    with running(command, tmp_path, ready=True, stdout=-1) as replaying:
        assert replaying.process.stdout is not None
        said = [json.loads(line) for line in replaying.process.stdout]
    names = {record["name"] for record in said}
    assert "runtime.shutdown" in names
    assert "collector.checkpoint" not in names, "that was never an event"
    assert len(said) > len(lines(folder)) // 2


def test_what_a_loss_of_power_took_from_the_text_comes_back_from_the_black_box(
    tmp_path: Path,
) -> None:
    """The text is cut as if its last pages had never reached the disk."""
    config = configured(tmp_path, "[record]\nsync_seconds = 1\n")
    arguments = ("--config", str(config), "--interval", "0.2")
    with start_collector(tmp_path, *arguments) as collector:
        wait_for(lambda: kept(tmp_path) > 100, timeout=30)
        collector.send(signal.SIGKILL)
        collector.wait()
    [segment] = list_segments(tmp_path / "data/history")
    text = segment.text_path.read_bytes()
    synced = b"".join(each.lines for each in read_black_box(tmp_path / "data/black-box"))
    assert text.startswith(synced)
    segment.text_path.write_bytes(text[: len(text) // 2 + 3])
    with start_collector(tmp_path, *arguments) as collector:
        wait_for(lambda: "recovered" in collector.stderr or len(list_segments(
            tmp_path / "data/history")) > 1)  # fmt: skip
    back = segment.text_path.read_bytes()
    assert back.startswith(synced), "all that was synced is there again"
    assert b'"name":"collector.record.recovered"' in back[len(synced) - 1 :]
    said = [r for r in records(tmp_path / "data") if r["name"] == "collector.record.recovered"]
    assert len(said) == 1
    assert said[0]["data"]["events"] > 10
    assert said[0]["data"]["segment"] == segment.name


def kept(tmp_path: Path) -> int:
    """How many lines the black box has by now."""
    box = tmp_path / "data/black-box"
    return sum(each.lines.count(b"\n") for each in read_black_box(box)) if box.exists() else 0
