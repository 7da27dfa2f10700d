"""What a real collector answers from its record, while it goes on."""

import json
from pathlib import Path

from tests.running import start_collector, wait_for


def test_any_moment_is_as_the_snapshot_had_it(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text("[record]\nsegment_seconds = 2\ntext_seconds = 1\n")
    with start_collector(tmp_path, "--config", str(config), "--interval", "0.2") as collector:
        snapshots = []

        def ended() -> bool:
            snapshots.append(collector.request("snapshot"))
            return len(list((tmp_path / "data/history").glob("*/*.events"))) >= 2

        wait_for(ended, "no segment has ended", 30)
        same = 0
        for snapshot in snapshots[:: max(len(snapshots) // 100, 1)]:
            moment = collector.request("state_at", time=snapshot["time"])
            assert moment["ok"], moment
            assert moment["whole"] is True
            assert (moment["host"], moment["epoch"]) == (snapshot["host"], snapshot["epoch"])
            assert moment["time"] <= snapshot["time"]
            if moment["seq"] == snapshot["seq"]:  # else it was asked in the middle of a tick
                same += 1
                assert json.dumps(moment["state"]) == json.dumps(snapshot["state"])
        assert same > 50
