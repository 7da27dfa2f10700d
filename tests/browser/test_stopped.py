"""A real browser that is stopped, its network process too, and goes on later."""

import re
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Browser, Page

from tests.browser.conftest import _ARGUMENTS
from tests.process.loud import LoudCollector
from tests.running import Running, start_webui, wait_for

SIZE, HERTZ = 30_000, 40.0


@pytest.fixture
def loud() -> Iterator[LoudCollector]:
    collector = LoudCollector(SIZE, HERTZ)
    yield collector
    collector.close()


@pytest.fixture
def webui(tmp_path: Path, loud: LoudCollector) -> Iterator[Running]:
    with start_webui(tmp_path, loud) as running:  # type: ignore[arg-type]
        yield running


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """Of a browser of its own, which can be stopped without stopping other tests'."""
    path = psutil.Process(chromium_of(set())[0].pid).cmdline()[0]
    own = browser.browser_type.launch(executable_path=path, args=_ARGUMENTS)
    yield own.new_page()
    own.close()


def chromium_of(others: set[int]) -> list[psutil.Process]:
    """The browsers' processes below this one, but for those."""
    children = psutil.Process().children(recursive=True)
    return [child for child in children if child.pid not in others and "chrom" in child.name()]


def test_it_is_closed_at_a_bound_and_comes_back_with_the_newest_state(
    browser: Browser, webui: Running, loud: LoudCollector, request: pytest.FixtureRequest
) -> None:
    others = {process.pid for process in chromium_of(set())}
    page: Page = request.getfixturevalue("page")
    loud.wait_subscribed()
    loud.start()
    page.goto(webui.url)
    heading = page.locator("h1")
    heading.filter(has_text=re.compile(r"event \d+")).wait_for()
    begun = heading.inner_text()
    wait_for(lambda: heading.inner_text() != begun, "it is not live")
    web = psutil.Process(webui.pid)
    before, most = web.memory_info().rss, 0
    stopped = chromium_of(others)
    assert any("--type=renderer" in process.cmdline() for process in stopped)
    for process in stopped:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGSTOP)
    try:

        def closed() -> bool:
            nonlocal most
            most = max(most, web.memory_info().rss)
            return "closing a browser" in webui.stderr

        wait_for(closed, "a browser that takes nothing is not closed", 60)
        assert most - before < 15e6
        loud.stop()
    finally:
        for process in stopped:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGCONT)
    # Nothing more is published: only a snapshot can bring it.
    heading.filter(has_text=re.compile(rf"event {loud.number}\b")).wait_for()
    assert page.locator("main.stale").count() == 0
