"""What an open page makes of a collector that is started anew, or reads its settings anew."""

import re
import shutil
import signal
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.browser.states import FIXTURES
from tests.browser.test_live import wait_for_ticks
from tests.running import Running, start_collector, start_webui


def set_memory(host: Path, available: int) -> None:
    """In percent of all."""
    file = host / "proc/meminfo"
    text = file.read_text()
    total = int(re.findall(r"MemTotal: +(\d+)", text)[0])
    file.write_text(re.sub(r"(MemAvailable: +)\d+", rf"\g<1>{total * available // 100}", text))


def test_the_charts_keep_what_was_before_a_restart(open_page: Open, tmp_path: Path) -> None:
    host = tmp_path / "host"
    shutil.copytree(FIXTURES / "x86-server", host)
    where = ("--events", f"ipc://{tmp_path}/e", "--state", f"ipc://{tmp_path}/s")
    where += ("--procfs", f"{host}/proc", "--sysfs", f"{host}/sys")
    set_memory(host, 80)
    with (
        start_collector(tmp_path, *where, transport="ipc") as before,
        start_webui(tmp_path, before) as webui,
    ):
        page = open_page(webui.url)
        chart = page.locator("figure.chart", has=page.get_by_role("heading", name="Memory"))
        picture = chart.get_by_role("img")
        expect(picture).to_have_attribute("aria-label", re.compile("Used: now 20.0 %"))
        wait_for_ticks(page, 2)
        assert before.stop() == 0
        set_memory(host, 30)
        with start_collector(tmp_path, *where, transport="ipc"):
            both = re.compile("Used: now 70.0 %, lowest 20.0 %, highest 70.0 %")
            expect(picture).to_have_attribute("aria-label", both)
            page.get_by_role("button", name="1 h").click()
            expect(picture).to_have_attribute("aria-label", re.compile("Last 1 h"))
            expect(picture).to_have_attribute("aria-label", re.compile("lowest 20.0 %"))
            # One that has seen nothing of it has it from the collector's record.
            other = open_page(webui.url)
            chart = other.locator("figure.chart", has=other.get_by_role("heading", name="Memory"))
            expect(chart.get_by_role("img")).to_have_attribute("aria-label", both)


def test_an_open_page_follows_what_a_reload_changes(
    open_page: Open, tmp_path: Path, webui: Running, collector: Running
) -> None:
    page = open_page(webui.url)
    wait_for_ticks(page, 2)
    page.get_by_role("button", name="1 h").click()
    bar = page.locator("[data-metric=memory] [data-bar]").first
    expect(bar).to_have_attribute("data-warning", re.compile("^85"))
    page.evaluate("document.body.dataset.same = 'yes'")
    (tmp_path / "none.toml").write_text("[metrics.memory]\nused_percent_warning = 41.5\n")
    collector.send(signal.SIGHUP)
    expect(bar).to_have_attribute("data-warning", "41.5")
    assert "41.5" in (page.locator("#plan").text_content() or ""), "its limit in the chart"
    wait_for_ticks(page, 2)
    expect(page.locator("figure.chart:not([hidden]) canvas").first).to_be_visible()
    expect(page.get_by_role("button", name="1 h")).to_have_attribute("aria-pressed", "true")
    assert page.evaluate("document.body.dataset.same") == "yes", "it was not loaded anew"


def test_a_problem_shows_its_figure_of_now_beside_the_one_at_its_onset(
    open_page: Open, tmp_path: Path
) -> None:
    host = tmp_path / "host"
    shutil.copytree(FIXTURES / "x86-server", host)
    set_memory(host, 80)
    config = tmp_path / "low.toml"
    config.write_text("[metrics.memory]\nused_percent_warning = 5\nused_percent_critical = 99\n")
    where = ("--procfs", f"{host}/proc", "--sysfs", f"{host}/sys", "--config", str(config))
    with (
        start_collector(tmp_path, *where, transport="ipc") as collector,
        start_webui(tmp_path, collector) as webui,
    ):
        wide, narrow = open_page(webui.url), open_page(webui.url, scheme="dark", width=390)
        wait_for_ticks(wide, 1)
        set_memory(host, 30)
        for page in (wide, narrow):
            problem = page.locator("#problems li", has_text="memory")
            expect(problem.locator("[data-reason]")).to_have_text("memory 70.0 %")
            both = "70.0 %, limit 5 %; 20.0 % at onset"
            expect(problem.locator(".measure")).to_have_text(both)
            expect(page.locator("h1")).to_contain_text("memory 70.0 %")
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            said = problem.locator(".measure span").bounding_box()
            item = problem.bounding_box()
            assert said is not None
            assert item is not None
            assert said["x"] + said["width"] <= item["x"] + item["width"], "all of it is seen"
