"""A real browser that is stopped, its network process too, and goes on later."""

import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Browser, Page

from tests.browser.conftest import _ARGUMENTS
from tests.browser.test_live import wait_for_ticks
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


# The time of each frame that is shown as live, and how old it is by the machine's clock just then.
_HOW_OLD = """
() => {
  window.ages = [];
  const label = document.getElementById("link");
  new MutationObserver(() => {
    const time = label.textContent.match(/^Live (\\d+):(\\d+):(\\d+)/);
    if (time) window.ages.push(Date.now() - new Date().setHours(...time.slice(1), 0));
  }).observe(label, { characterData: true, childList: true, subtree: true });
}
"""
# The clock that a page counts with stands still while the machine sleeps; this one does likewise.
_STANDS_STILL = """
() => {
  const real = performance.now.bind(performance);
  let last = Date.now();
  let gone = 0;
  performance.now = () => {
    const now = Date.now();
    if (now - last > 2000) gone += now - last;
    last = now;
    return real() - gone;
  };
}
"""
ASLEEP_SECONDS = 6.0


def age(collector: Running) -> float:
    """For how many seconds it has run by its own account."""
    return float(collector.request("ping")["uptime_seconds"])


@contextmanager
def asleep(others: set[int]) -> Iterator[None]:
    """Stops the pages of the browsers that are not `others`, and them alone."""
    stopped = [p for p in chromium_of(others) if "--type=renderer" in p.cmdline()]
    assert stopped
    for process in stopped:
        process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in stopped:
            process.send_signal(signal.SIGCONT)


@pytest.mark.parametrize("stands_still", [False, True])
def test_a_woken_page_never_shows_what_is_old_as_live(
    browser: Browser,
    tmp_path: Path,
    collector: Running,
    request: pytest.FixtureRequest,
    stands_still: bool,
) -> None:
    """The page alone is stopped: what comes meanwhile waits in the browser's network process."""
    others = {process.pid for process in chromium_of(set())}
    page: Page = request.getfixturevalue("page")
    with start_webui(tmp_path, collector) as web:
        page.goto(web.url)
        if stands_still:
            page.evaluate(_STANDS_STILL)
        wait_for_ticks(page, 2)
        page.evaluate(_HOW_OLD)
        wait_for_ticks(page, 2)
        with asleep(others):
            until = age(collector) + ASLEEP_SECONDS
            wait_for(lambda: age(collector) > until, timeout=20.0)
        wait_for_ticks(page, 2)
        ages = page.evaluate("window.ages")
        assert len(ages) >= 4
        assert max(ages) < 3000


# The number that the loud one's row is at, whenever the list says that it is fresh.
_NUMBERS = """
() => {
  window.numbers = [];
  const main = document.getElementById("main");
  const rows = [...document.querySelectorAll("tbody tr")];
  const row = rows.find((each) => /event/.test(each.textContent));
  new MutationObserver(() => {
    const [, number] = row.querySelector(".reason").textContent.match(/event (\\d+)/);
    if (!main.classList.contains("stale")) window.numbers.push(Number(number));
  }).observe(main, { attributes: true, characterData: true, childList: true, subtree: true });
}
"""


def test_a_woken_list_never_shows_what_is_old_as_fresh(
    browser: Browser, tmp_path: Path, collector: Running, request: pytest.FixtureRequest
) -> None:
    others = {process.pid for process in chromium_of(set())}
    page: Page = request.getfixturevalue("page")
    loud = LoudCollector(100, HERTZ)
    try:
        with start_webui(tmp_path, collector, loud) as web:  # type: ignore[arg-type]
            loud.wait_subscribed()
            loud.start()
            page.goto(web.url)
            page.get_by_text(re.compile(r"event \d+")).wait_for()
            page.evaluate(_NUMBERS)
            page.wait_for_function("() => window.numbers.length > 2")
            with asleep(others):
                before = loud.number
                wait_for(lambda: loud.number > before + ASLEEP_SECONDS * HERTZ, timeout=20.0)
                woken = loud.number
            page.wait_for_function("number => window.numbers.at(-1) > number", arg=woken + HERTZ)
        old = [n for n in page.evaluate("window.numbers") if before + 2 * HERTZ < n < woken - HERTZ]
        assert not old, (before, woken, old)
    finally:
        loud.close()


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
