"""A recording is never taken for what happens now."""

import json
import sys
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.running import ROOT, running, start_webui


def test_a_replay_says_so_and_of_when(open_page: Open, tmp_path: Path) -> None:
    record = tmp_path / "day.jsonl"
    times = [f"2025-03-04T05:{second // 60:02}:{second % 60:02}.000Z" for second in range(120)]
    beat = {"monotonic_seconds": 1.0, "uptime_seconds": 1.0}
    started = {"version": "1", "host": "barn", "epoch": "e", "interval_seconds": 1.0}
    lines = [{"time": times[0], "name": "collector.started", "data": started}]
    lines += [{"time": t, "name": "collector.heartbeat", "data": beat} for t in times]
    record.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    command = [sys.executable, "-m", "health_collectord", "replay", str(record)]
    command += ["--events", f"ipc://{tmp_path}/e", "--state", f"ipc://{tmp_path}/s"]
    with running(command, ROOT) as replay, start_webui(tmp_path, replay) as webui:
        page = open_page(webui.url)
        # Berlin's time, as everywhere on a page.
        expect(page.locator("#link")).to_contain_text("Replay of 2025-03-04 06:0")
        expect(page.locator("#host")).to_have_text("barn")
        shown = page.locator("#link").inner_text()
        expect(page.locator("#link")).not_to_have_text(shown)  # frames have come, not the snapshot
        expect(page.locator("#clock")).to_be_hidden()  # a past time is no wrong clock
        page.reload()
        expect(page.get_by_text("This is a replay")).to_be_visible()
