"""The truth in time: a page shows nothing old as if it were new, whatever happens to whom.

A recorder in the page looks at what a reader sees, ten times a second, and remembers what was
untrue: `Live` beside a time that is more than four seconds past.
"""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Open
from tests.browser.cut import cuttable
from tests.browser.states import simulated
from tests.browser.test_staleness import recovers
from tests.running import Running, start_collector, start_webui, wait_for

# What a look may add: the page's own look comes four times a second.
_RECORDER = """
() => {
  const LIMIT = 4.5;
  window.untrue = [];
  window.shift = 0; // of the reader's clock, milliseconds
  const Real = Date;
  window.Date = class extends Real {
    constructor(...given) {
      if (given.length) super(...given);
      else super(Real.now() + window.shift);
    }
    static now() { return Real.now() + window.shift; }
  };
  let last = performance.now();
  const look = () => {
    const now = performance.now();
    const woken = now - last > 500; // the page has had no chance yet
    last = now;
    const text = document.getElementById("link")?.textContent ?? "";
    const shown = text.match(/Live.* (\\d\\d):(\\d\\d):(\\d\\d)/);
    if (woken || !shown) return;
    const [, hours, minutes, seconds] = shown.map(Number);
    const real = new Real();
    const then = new Real(real).setHours(hours, minutes, seconds, 0);
    const age = (real - then) / 1000;
    const status = document.getElementById("verdict").dataset.status;
    if (Math.abs(age) > LIMIT) window.untrue.push(`${text}, ${status}: ${age.toFixed(1)} s old`);
  };
  setInterval(look, 100);
}
"""
STALE_MS = 8_000  # four seconds, and a busy machine


def recorded(page: Page) -> Page:
    """The page once more, with the recorder in it."""
    page.add_init_script(f"({_RECORDER})()")
    page.reload()
    expect(page.locator("#link")).to_contain_text("Live")
    return page


def untrue(page: Page) -> list[str]:
    found: list[str] = page.evaluate("window.untrue")
    return found


def stale(page: Page) -> None:
    expect(page.locator("#verdict")).to_have_attribute("data-status", "stale", timeout=STALE_MS)


def test_the_recorder_notices_what_is_old(open_page: Open, webui: Running) -> None:
    page = recorded(open_page(webui.url, interrupted=True))
    page.evaluate(
        """() => setInterval(() => {
            const then = new Date(Date.now() - 10_000).toTimeString().slice(0, 8);
            document.getElementById("link").textContent = `Live ${then}`;
        }, 20)"""
    )
    wait_for(lambda: untrue(page), "it sees nothing")


def test_the_link_to_the_browser_is_cut_and_mended(
    open_page: Open, collector: Running, webui: Running
) -> None:
    parts = urlsplit(webui.url)
    assert parts.port is not None
    with cuttable(parts.port) as link:
        page = recorded(open_page(f"http://127.0.0.1:{link.port}/", interrupted=True))
        link.cut()
        stale(page)
        link.mend()
        recovers(page)
        assert untrue(page) == []


def test_the_link_to_the_collector_is_cut_and_mended(open_page: Open, tmp_path: Path) -> None:
    with start_collector(tmp_path) as collector:
        ports = [urlsplit(endpoint).port for endpoint in (collector.events, collector.state)]
        assert None not in ports
        with cuttable(ports[0] or 0) as events, cuttable(ports[1] or 0) as state:
            where = f"tcp://127.0.0.1:{events.port},tcp://127.0.0.1:{state.port}"
            with start_webui(tmp_path, args=("--collector", where)) as webui:
                page = recorded(open_page(webui.url, interrupted=True))
                for link in (events, state):
                    link.cut()
                stale(page)
                for link in (events, state):
                    link.mend()
                recovers(page)
                assert untrue(page) == []


def test_a_collector_is_killed_and_another_takes_its_place(open_page: Open, tmp_path: Path) -> None:
    endpoints = ("--events", f"ipc://{tmp_path}/e", "--state", f"ipc://{tmp_path}/s")
    with start_collector(tmp_path, *endpoints) as first, start_webui(tmp_path, first) as webui:
        page = recorded(open_page(webui.url, interrupted=True))
        first.stop(signal.SIGKILL)
        stale(page)
        with start_collector(tmp_path, *endpoints):
            recovers(page)
        assert untrue(page) == []


def renderers(browser: Browser) -> list[int]:
    """The processes in which this browser's pages run."""
    session = browser.new_browser_cdp_session()
    found = session.send("SystemInfo.getProcessInfo")["processInfo"]
    session.detach()
    return [process["id"] for process in found if process["type"] == "renderer"]


@contextmanager
def asleep(browser: Browser) -> Iterator[None]:
    """All pages of the browser stand still, as when it or the machine sleeps."""
    stopped = renderers(browser)
    try:
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        yield
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)


def connections(port: int) -> int:
    """How many connections to a port of ours are established."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return sum(
        local.endswith(f":{port:04X}") and state == "01"
        for _, local, _, state in (line.split()[:4] for line in lines)
    )


def test_a_tab_sleeps_until_the_server_has_given_it_up(
    open_page: Open, browser: Browser, tmp_path: Path
) -> None:
    """The renderer's process is stopped. After twenty seconds without an answer the server ends the
    connection; from then on nothing more happens, however long it takes: ten minutes are no other.
    What the browser has received meanwhile waits for the page, and is old when it wakes.
    """
    with (
        start_collector(tmp_path, transport="ipc") as collector,
        start_webui(tmp_path, collector) as webui,
    ):
        port = urlsplit(webui.url).port
        assert port is not None
        page = recorded(open_page(webui.url, interrupted=True))
        with asleep(browser):
            assert connections(port) > 0
            wait_for(lambda: connections(port) == 0, "the server waits for ever", 40)
            threading.Event().wait(8)  # the silence itself: what has been received is old now
        recovers(page)
        assert untrue(page) == []


def test_a_tab_sleeps_for_a_moment(open_page: Open, browser: Browser, webui: Running) -> None:
    """The connection lives on, and all that came meanwhile is delivered in one go."""
    page = recorded(open_page(webui.url, interrupted=True))
    with asleep(browser):
        threading.Event().wait(6)  # the silence itself
    recovers(page)
    assert untrue(page) == []


@pytest.mark.parametrize("hours", [-1, 1])
def test_the_readers_clock_is_wrong_by_an_hour(open_page: Open, webui: Running, hours: int) -> None:
    page = recorded(open_page(webui.url, interrupted=True))
    expect(page.locator("#clock")).to_be_hidden()
    page.evaluate(f"window.shift = {hours} * 3600e3")
    notice = page.locator("#clock")
    expect(notice).to_be_visible(timeout=20_000)
    expect(notice).to_contain_text("ahead" if hours < 0 else "behind")
    recovers(page)
    assert untrue(page) == [], "the times shown are the machine's own"
    page.evaluate("window.shift = 0")
    expect(notice).to_be_hidden(timeout=20_000)
    recovers(page)


def test_a_list_of_hosts_is_stale_as_a_whole_and_row_by_row(
    open_page: Open, tmp_path: Path
) -> None:
    with (
        simulated(tmp_path, 1, 2) as (some, args),
        simulated(tmp_path, 4) as (_, more),
        start_webui(tmp_path, args=(*args, *more)) as webui,
    ):
        page = open_page(webui.url, interrupted=True)
        seen = page.locator("tbody tr .seen")
        expect(seen).to_have_text(["now", "now", "now"])
        some.send(signal.SIGSTOP)
        expect(page.locator('tr[data-status="stale"]')).to_have_count(2, timeout=STALE_MS)
        expect(page.locator("tbody tr").first.locator(".seen")).to_contain_text(" s ago")
        expect(page.locator("tbody tr").last.locator(".seen")).to_have_text("now")
        assert page.title().startswith("Stale: 2 stale, 1 healthy")
        some.send(signal.SIGCONT)
        expect(seen).to_have_text(["now", "now", "now"])
        webui.send(signal.SIGSTOP)
        stale(page)
        expect(page.locator("h1")).to_contain_text("last known: Healthy: 3 healthy")
        expect(seen.first).to_contain_text(" s ago")
        webui.send(signal.SIGCONT)
        expect(seen).to_have_text(["now", "now", "now"])
        expect(page.locator("#verdict")).to_have_attribute("data-status", "healthy")
