"""Colours that the reader chooses, the wall, paper."""

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.conftest import Open
from tests.browser.states import recorded
from tests.browser.test_accessibility import violations
from tests.browser.test_live import wait_for_ticks
from tests.running import Running, start_webui


def background(page: Page) -> str:
    found = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert isinstance(found, str)
    return found


def test_the_chosen_colours_outlast_the_page_and_come_from_the_server(
    open_page: Open, webui: Running
) -> None:
    page = open_page(webui.url, scheme="dark")
    wait_for_ticks(page, 1)
    dark = background(page)
    page.get_by_role("button", name="Colours: auto").click()
    light = background(page)
    assert light != dark
    assert '<html lang="en" data-theme="light">' in page.request.get(webui.url).text()
    page.reload()
    wait_for_ticks(page, 1)
    assert background(page) == light
    page.get_by_role("button", name="Colours: light").click()
    page.get_by_role("button", name="Colours: dark").click()
    expect(page.get_by_role("button", name="Colours: auto")).to_be_visible()
    assert '<html lang="en">' in page.request.get(webui.url).text()


def test_the_wall_is_dark_large_and_left_again(open_page: Open, webui: Running, axe: str) -> None:
    page = open_page(webui.url)
    wait_for_ticks(page, 1)
    light, small = background(page), page.locator("h1").evaluate("e => e.offsetHeight")
    page.keyboard.press("w")
    expect(page.locator("html")).not_to_have_class("wall")  # WCAG 2.1.4: no letter does anything
    page.get_by_role("button", name="Wall").click()
    expect(page.locator("html")).to_have_class("wall")
    assert background(page) != light
    assert page.locator("h1").evaluate("e => e.offsetHeight") > small
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.wait_for_function("() => document.body.style.transform.startsWith('translate')")
    assert violations(page, axe) == []
    wait_for_ticks(page, 1)
    page.keyboard.press("Escape")
    expect(page.locator("html")).not_to_have_class("wall")
    assert background(page) == light
    assert page.evaluate("document.body.style.transform") == ""
    page.goto(f"{webui.url}?wall")
    expect(page.locator("html")).to_have_class("wall")
    page.wait_for_function("() => document.body.style.transform.startsWith('translate')")
    expect(page.locator("figure.chart:visible")).to_have_count(0)  # there is no room


def test_a_large_wall_has_charts(open_page: Open, tmp_path: Path, axe: str) -> None:
    with recorded(tmp_path, "pizero") as collector, start_webui(tmp_path, collector) as webui:
        page = open_page(f"{webui.url}?wall")
        page.set_viewport_size({"width": 1920, "height": 1080})
        wait_for_ticks(page, 1)
        for title in ("CPU", "Network"):
            heading = page.get_by_role("heading", name=title, exact=True)
            chart = page.locator("figure.chart", has=heading)
            expect(chart.locator("canvas")).to_be_in_viewport(ratio=1)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.wait_for_function("() => document.body.style.transform.startsWith('translate')")
        assert violations(page, axe) == []
        page.screenshot(path=str(tmp_path / "wall.png"))


def test_paper_is_white_and_has_nothing_to_press(open_page: Open, webui: Running) -> None:
    page = open_page(webui.url, scheme="dark")
    wait_for_ticks(page, 1)
    expect(page.locator("figure.chart:not([hidden]) canvas").first).to_be_visible()
    page.emulate_media(media="print")
    assert background(page) == "rgb(255, 255, 255)"
    expect(page.locator("button:visible")).to_have_count(0)
    expect(page.locator("h1")).to_be_visible()
    expect(page.locator("figure.chart:not([hidden]) canvas").first).to_be_visible()
