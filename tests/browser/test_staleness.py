"""The page never looks healthy while nothing is known, and recovers by itself."""

import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open
from tests.running import Running, start_collector, start_webui

LIMIT_SECONDS = 4.0
# What may pass between the signal and the last frame's arrival, and in our looking.
_SLACK_SECONDS = 0.7
BACK_SECONDS = 15.0


def stale_after(page: Page, silence: Callable[[], object]) -> float:
    """Seconds from the silence to the page's saying so."""
    expect(page.locator("#link")).to_contain_text("Live")
    expect(page.locator("#verdict")).not_to_have_attribute("data-status", "stale")
    expect(page.locator("figure.chart:not([hidden]) canvas").first).to_be_visible()
    silence()
    begun = time.monotonic()
    expect(page.locator("#verdict")).to_have_attribute("data-status", "stale", timeout=10_000)
    passed = time.monotonic() - begun
    assert page.locator("main").evaluate("main => main.classList.contains('stale')")
    assert page.locator("h1").inner_text().startswith("Stale: no data for")
    assert page.locator("#link").inner_text().startswith("No data for")
    assert page.title().startswith("Stale")
    assert "Stale" in page.get_by_role("status").inner_text()
    return passed


def recovers(page: Page) -> None:
    expect(page.locator("#link")).to_contain_text("Live", timeout=BACK_SECONDS * 1000)
    expect(page.locator("#verdict")).not_to_have_attribute("data-status", "stale")
    assert not page.locator("main").evaluate("main => main.classList.contains('stale')")
    assert not page.title().startswith("Stale")


def test_a_stopped_collector_is_stale_until_it_goes_on(
    open_page: Open, collector: Running, webui: Running
) -> None:
    page = open_page(webui.url, interrupted=True)  # it may have asked for charts just then
    assert (
        stale_after(page, lambda: collector.send(signal.SIGSTOP)) < LIMIT_SECONDS + _SLACK_SECONDS
    )
    fresh = open_page(webui.url, script=False)
    expect(fresh.locator("h1")).to_contain_text("Stale: no data for")
    late = open_page(webui.url, interrupted=True)
    expect(late.locator("h1")).to_contain_text("Stale: no data for")
    expect(late.locator("#no-charts")).to_contain_text("Charts come back with the collector.")
    collector.send(signal.SIGCONT)
    recovers(page)
    recovers(late)
    expect(late.locator("figure.chart:not([hidden]) canvas").first).to_be_visible()
    expect(late.locator("#no-charts")).to_be_hidden()


def test_a_killed_collector_is_stale_until_it_is_back(open_page: Open, tmp_path: Path) -> None:
    endpoints = ("--events", f"ipc://{tmp_path}/e", "--state", f"ipc://{tmp_path}/s")
    with start_collector(tmp_path, *endpoints) as first, start_webui(tmp_path, first) as webui:
        page = open_page(webui.url, interrupted=True)
        passed = stale_after(page, lambda: (first.send(signal.SIGKILL), first.wait()))
        assert passed < LIMIT_SECONDS + _SLACK_SECONDS
        with start_collector(tmp_path, *endpoints):
            recovers(page)


@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGKILL])
def test_a_web_process_that_goes_silent_is_noticed_as_well(
    open_page: Open, tmp_path: Path, collector: Running, number: signal.Signals
) -> None:
    with start_webui(tmp_path, collector) as webui:
        port = webui.url.rsplit(":", 1)[1].strip("/")
        page = open_page(webui.url, interrupted=True)
        assert stale_after(page, lambda: webui.send(number)) < LIMIT_SECONDS + _SLACK_SECONDS
        if number == signal.SIGSTOP:
            webui.send(signal.SIGCONT)
            recovers(page)
            return
        webui.wait()
    with start_webui(tmp_path, collector, args=("--port", port)):
        recovers(page)


def test_a_page_loaded_before_its_collector_fills_in_by_itself(
    open_page: Open, tmp_path: Path
) -> None:
    events, state = f"ipc://{tmp_path}/e", f"ipc://{tmp_path}/s"
    with start_webui(tmp_path, args=("--collector", f"{events},{state}")) as webui:
        page = open_page(webui.url)
        expect(page.locator("h1")).to_have_text("Unknown: never seen by this server")
        expect(page.locator("main")).to_contain_text(f"It goes on trying {events} for events")
        with start_collector(tmp_path, "--events", events, "--state", state):
            recovers(page)
            expect(page.locator("article.card").first).to_be_visible()
            expect(page.locator("figure.chart:not([hidden]) canvas").first).to_be_visible()
