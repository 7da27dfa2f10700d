"""One time axis for all charts: ranges, zoom by dragging and by keys, a problem's onset, units."""

import itertools
import re
import shutil
import threading
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.conftest import Open
from tests.browser.simulated import FULL
from tests.browser.states import recorded, simulated
from tests.browser.test_accessibility import violations
from tests.browser.test_live import wait_for_ticks
from tests.running import ROOT, Running, start_collector, start_webui


def drawn(page: Page) -> Page:
    wait_for_ticks(page, 1)
    expect(page.locator("figure.chart:not([hidden]) canvas").first).to_be_visible()
    return page


def stands_still(page: Page) -> str:
    """The window's words, which do not change with the next frames."""
    expect(page.get_by_role("button", name="Back to live")).to_be_visible()
    said = page.locator("#window").inner_text()
    wait_for_ticks(page, 2)
    page.mouse.move(0, 0)
    assert page.locator("#window").inner_text() == said
    return said


def test_dragging_across_one_chart_zooms_all_and_a_double_click_goes_back(
    open_page: Open, webui: Running
) -> None:
    page = drawn(open_page(webui.url))
    assert page.locator("#window").inner_text().startswith("Last 5 min · Europe/Berlin")
    over = page.locator(".u-over").first
    over.scroll_into_view_if_needed()
    box = over.bounding_box()
    assert box is not None
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.5, y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.7, y, steps=4)
    page.mouse.move(box["x"] + box["width"] * 0.9, y, steps=4)
    page.mouse.up()
    page.mouse.move(0, 0)
    first, last = stands_still(page).split(" · ")[0].split(" to ")
    span = [sum(int(n) * s for n, s in zip(t.split(":"), (3600, 60, 1), strict=True))
            for t in (first, last)]  # fmt: skip
    assert 100 <= span[1] - span[0] <= 140  # two fifths of five minutes
    labels = page.locator("figure.chart:not([hidden]) .plot").evaluate_all(
        "all => all.map(e => e.getAttribute('aria-label'))"
    )
    assert labels
    assert all(f"{first} to {last}" in label for label in labels)
    over.dblclick()
    expect(page.get_by_role("button", name="Back to live")).to_be_hidden()


def test_keys_zoom_move_and_go_back(open_page: Open, webui: Running) -> None:
    page = drawn(open_page(webui.url))
    page.keyboard.press("+")  # WCAG 2.1.4: a character does nothing without the focus
    expect(page.get_by_role("button", name="Back to live")).to_be_hidden()
    page.get_by_role("button", name="5 min").focus()
    page.keyboard.press("+")
    before = stands_still(page)
    page.keyboard.press("ArrowLeft")
    assert stands_still(page) != before
    page.keyboard.press("-")
    page.keyboard.press("Home")
    expect(page.get_by_role("button", name="Back to live")).to_be_hidden()
    expect(page.get_by_role("button", name="5 min")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("+")
    page.keyboard.press("Escape")
    expect(page.locator("#window")).to_contain_text("Last 5 min")


def test_ranges_are_those_that_the_collector_keeps(open_page: Open, webui: Running) -> None:
    page = drawn(open_page(webui.url))
    ranges = page.get_by_role("group", name="Time shown").get_by_role("button")
    assert ranges.all_inner_texts() == ["5 min", "1 h"]
    with page.expect_response(lambda r: "/history" in r.url and "points=" in r.url) as asked:
        ranges.nth(1).click()
    answer = asked.value.json()
    assert answer["end"] - answer["start"] == 3600
    expect(page.locator("#window")).to_contain_text("Last 1 h")
    expect(ranges.nth(1)).to_have_attribute("aria-pressed", "true")
    wait_for_ticks(page, 1)


def test_one_sensor_has_one_chart(open_page: Open, tmp_path: Path) -> None:
    with recorded(tmp_path, "pizero") as collector, start_webui(tmp_path, collector) as webui:
        page = drawn(open_page(webui.url))
        expect(page.locator("figure.chart h3", has_text="CPU temperature")).to_be_visible()
        expect(page.locator("figure.chart h3", has_text="Temperatures")).to_be_hidden()


def test_many_problems_of_one_kind_are_one_drawn_and_live(
    open_page: Open, tmp_path: Path, axe: str
) -> None:
    with simulated(tmp_path, FULL) as (_, args), start_webui(tmp_path, args=args) as webui:
        page = open_page(webui.url)
        wait_for_live(page)
        group = page.locator("#problems li")
        expect(group).to_have_count(1)
        expect(group.locator("[data-reason]")).to_have_text("disk /srv/a 98.2 %, and 8 more")
        group.locator("summary", has_text="/srv/a, /srv/b, ").click()
        expect(group.locator("details p")).to_have_count(9)
        expect(group.locator("details p").last).to_be_visible()
        assert violations(page, axe) == []
        once = open_page(webui.url, script=False).locator("#problems li")
        expect(once).to_have_count(1)
        for part in ("[data-reason]", "summary", "details", ".advice"):
            assert once.locator(part).text_content() == group.locator(part).text_content()


def wait_for_live(page: Page) -> None:
    expect(page.locator("#link")).to_contain_text("Live")


def test_a_problem_leads_to_the_charts_at_its_onset(open_page: Open, tmp_path: Path) -> None:
    config = tmp_path / "low.toml"
    config.write_text("[metrics.memory]\nused_percent_warning = 0.1\n")
    with (
        start_collector(tmp_path, "--config", str(config), transport="ipc") as collector,
        start_webui(tmp_path, collector) as webui,
    ):
        page = drawn(open_page(webui.url))
        problem = page.locator("#problems li", has_text="memory")
        expect(problem.locator(".measure")).to_contain_text(", limit 0.1 %")
        expect(problem.locator(".since")).to_contain_text(", for ")
        expect(problem.locator(".advice")).to_contain_text("See which programs")
        problem.get_by_role("button", name="Charts at its onset").click()
        stands_still(page)
        expect(page.locator("#charts button").first).to_be_focused()


def test_what_the_server_draws_of_a_problem_the_script_leaves_as_it_is(
    open_page: Open, tmp_path: Path
) -> None:
    config = tmp_path / "low.toml"
    config.write_text("[metrics.load]\nload5_per_core_warning = 0\n")
    with (
        start_collector(tmp_path, "--config", str(config), transport="ipc") as collector,
        start_webui(tmp_path, collector) as webui,
    ):
        live = drawn(open_page(webui.url))
        problem = "#problems li:has-text('load')"
        expect(live.locator(problem)).to_be_visible()
        drawn_once = open_page(webui.url, script=False)
        for part in (".what", ".advice"):
            assert (
                drawn_once.locator(f"{problem} {part}").inner_text()
                == live.locator(f"{problem} {part}").inner_text()
            )
        labels = [
            page.locator(f"{problem} .evidence").inner_text().split(" ")[0::3]
            for page in (drawn_once, live)
        ]
        assert labels[0] == labels[1]


def test_rates_in_bits_are_remembered_everywhere(open_page: Open, webui: Running) -> None:
    page = drawn(open_page(webui.url))
    rates = page.locator(".card").filter(has_text="B/s")
    expect(rates).to_have_count(1)
    page.get_by_role("button", name="Rates: bytes").click()
    expect(page.get_by_role("button", name="Rates: bits")).to_be_visible()
    expect(page.locator(".card").filter(has_text="B/s")).to_have_count(0)
    expect(page.locator(".card").filter(has_text="bit/s").first).to_be_visible()
    expect(page.locator(".legend").filter(has_text="bit/s").first).to_be_visible()
    page.reload()
    drawn(page)
    expect(page.get_by_role("button", name="Rates: bits")).to_be_visible()
    expect(page.locator(".card").filter(has_text="bit/s").first).to_be_visible()


def test_more_lines_than_colours_are_stripes_with_the_highest_named(
    open_page: Open, tmp_path: Path
) -> None:
    recorded, host = ROOT / "tests/fixtures/x86-server", tmp_path / "many"
    shutil.copytree(recorded, host)
    stat = host / "proc/stat"
    whole, _, rest = stat.read_text().partition("\nintr")
    ended = threading.Event()

    def work() -> None:
        for busy in itertools.count():
            new = stat.with_name("stat.new")
            new.write_text(f"{_cores(whole, busy=10 * busy)}\nintr{rest}")
            new.replace(stat)
            if ended.wait(0.1):
                return

    worker = threading.Thread(target=work)
    worker.start()
    roots = ("--procfs", str(host / "proc"), "--sysfs", str(host / "sys"))
    try:
        with (
            start_collector(tmp_path, *roots, transport="ipc") as collector,
            start_webui(tmp_path, collector) as webui,
        ):
            page = open_page(webui.url)
            heading = page.get_by_role("heading", name="CPU, per core")
            chart = page.locator("figure.chart", has=heading)
            expect(chart.locator(".legend")).to_contain_text("Highest")
            expect(chart.locator(".legend li")).to_have_count(1)
            chart.get_by_role("button", name="Table").click()
            expect(chart.get_by_role("columnheader")).to_have_count(13)
            expect(chart.get_by_role("img")).to_have_attribute("aria-label", re.compile("Core 11"))
    finally:
        ended.set()
        worker.join()


def _cores(stat: str, *, busy: int) -> str:
    """A ``/proc/stat`` of twelve CPUs, each of which has done so much more."""
    first = stat.splitlines()[1].split()[1:]
    jiffies = [int(first[0]) + busy, *map(int, first[1:])]
    lines = [" ".join(map(str, [f"cpu{n}", *jiffies])) for n in range(12)]
    return "\n".join([" ".join(map(str, ["cpu ", *(12 * j for j in jiffies)])), *lines])
