"""What the page offers to keyboards and screen readers; test_states.py has every state of it."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open, start_pi
from tests.running import Running, start_webui

VIEWS = [(scheme, width) for scheme in ("light", "dark") for width in (1440, 390)]


def violations(page: Page, axe: str) -> list[Any]:
    page.evaluate(axe)
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")["violations"]
    return [(v["id"], [node["html"][:200] for node in v["nodes"]]) for v in found]


def live(page: Page) -> None:
    expect(page.locator("#link")).to_contain_text("Live")
    expect(page.locator("figure.chart:not([hidden]) canvas").first).to_be_visible()


@pytest.mark.parametrize(("scheme", "width"), VIEWS)
def test_axe_finds_nothing_on_a_live_page_with_a_table(
    open_page: Open, tmp_path: Path, axe: str, scheme: str, width: int
) -> None:
    with (
        start_pi(tmp_path) as collector,
        start_webui(tmp_path, collector) as webui,
    ):
        page = open_page(webui.url, scheme=scheme, width=width)
        live(page)
        page.get_by_role("button", name="Table CPU").first.click()
        assert violations(page, axe) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        small = page.locator("a:visible, button:visible").evaluate_all(
            """all => all.map(e => [e.textContent, e.getBoundingClientRect()])
                .filter(([, box]) => box.height < 44 && box.bottom > 0 && box.right > 0)
                .map(([text, box]) => `${text}: ${box.height}`)"""
        )
        assert small == []


def test_the_keyboard_reaches_the_content_and_the_tables(open_page: Open, webui: Running) -> None:
    page = open_page(webui.url)
    live(page)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.hasAttribute('aria-controls')"):
            break
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.getAttribute('aria-expanded')") == "true"
    expect(page.locator("figure.chart table").first).to_be_visible()


def test_no_picture_is_ever_without_its_words(open_page: Open, webui: Running) -> None:
    """A chart that comes is a picture only once it can say what it shows."""
    page = open_page("about:blank")
    page.add_init_script(
        """window.speechless = [];
        new MutationObserver(() => {
            for (const image of document.querySelectorAll("[role=img]:not([aria-label])"))
                window.speechless.push(image.outerHTML);
        }).observe(document, { subtree: true, childList: true, attributes: true });"""
    )
    page.goto(webui.url)
    live(page)
    expect(page.locator("figure.chart:not([hidden]) [role=img]").first).to_be_visible()
    drawn = page.locator("figure.chart:not([hidden]) .plot:has(canvas)")
    assert drawn.count() == page.locator("figure.chart:not([hidden]) [role=img]").count()
    assert page.evaluate("window.speechless") == []
