"""A real Chromium, driven by Playwright, and pages that must not misbehave while a test looks on.

Debian's Chromium is used; ``CHROMIUM`` names another one.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.running import ROOT, Running, start_collector, start_webui, wait_for

HERE = Path(__file__).parent
expect.set_options(timeout=20_000)  # what is waited for comes in its time, on a busy machine too
_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP health.test 127.0.0.1",  # a name that is not this machine's
]


@pytest.fixture(scope="session", autouse=True)
def _front_end() -> None:
    """The bundle of these very sources."""
    subprocess.run([sys.executable, str(ROOT / "webui/bundle.py")], check=True)


@pytest.fixture(scope="session")
def axe() -> str:
    """axe-core's source."""
    source = HERE / "node_modules/axe-core/axe.min.js"
    if not source.is_file():
        npm = shutil.which("npm")
        assert npm, "npm fetches axe-core for these tests"
        subprocess.run(
            [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=HERE, check=True
        )
    return source.read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no Chromium: apt install chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=_ARGUMENTS)
        yield chromium
        chromium.close()


class Watch:
    """What a page asked for and what it complained about."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.requests: list[str] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("websocket", lambda websocket: self.requests.append(websocket.url))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda message: self._hear(message.type, message.text))

    def _hear(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.complaints.append(text)


Open = Callable[..., Page]


@pytest.fixture
def watches() -> list[Watch]:
    return []


@pytest.fixture
def open_page(browser: Browser, watches: list[Watch]) -> Iterator[Open]:
    """Opens an address; at the end no page may have asked elsewhere, nor complained.

    With ``interrupted=True`` a process goes away in the test: what the browser then says of failed
    connections and requests is not the page's fault.
    """
    contexts: list[BrowserContext] = []
    strict: list[Watch] = []

    def open_(
        url: str,
        *,
        scheme: str = "light",
        width: int = 1440,
        script: bool = True,
        interrupted: bool = False,
        follow: bool = True,
    ) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme="dark" if scheme == "dark" else "light",
            reduced_motion="reduce",
            java_script_enabled=script,
            locale="de-DE",
            timezone_id="Europe/Berlin",
        )
        contexts.append(context)
        page = context.new_page()
        watch = Watch(page)
        watches.append(watch)
        if not interrupted:
            strict.append(watch)
        page.goto(url, wait_until="domcontentloaded" if follow else "commit")
        return page

    yield open_
    try:
        for watch in watches:
            origin = urlsplit(watch.page.url).netloc
            assert {urlsplit(url).netloc for url in watch.requests} <= {origin, ""}
        for watch in strict:
            assert watch.complaints == []
    finally:
        for context in contexts:
            context.close()


# That this machine is a busy one is no problem that a page should have to show.
CALM = {
    f"HEALTH_COLLECTORD_METRICS_LOAD_LOAD5_PER_CORE_{severity}": "false"
    for severity in ("WARNING", "CRITICAL")
}


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Running]:
    with start_collector(tmp_path, transport="ipc", env=CALM) as running:
        yield running


@pytest.fixture
def webui(tmp_path: Path, collector: Running) -> Iterator[Running]:
    with start_webui(tmp_path, collector) as running:
        yield running


@contextmanager
def start_pi(tmp_path: Path) -> Iterator[Running]:
    """A collector that observes a recorded Raspberry Pi, whose counters have moved once."""
    recorded, host = ROOT / "tests/fixtures/pi4", tmp_path / "pi4"
    shutil.copytree(recorded, host)
    roots = ("--procfs", str(host / "proc"), "--sysfs", str(host / "sys"))
    with start_collector(
        tmp_path, *roots, "--host-id", "pi4", transport="ipc", ready=False
    ) as running:
        wait_for(lambda: ": ok" in running.stderr, "it does not observe")
        for later in (recorded / "proc.next").rglob("*"):
            if later.is_file():
                place = host / "proc" / later.relative_to(recorded / "proc.next")
                place.write_bytes(later.read_bytes())
        running.wait_ready()
        yield running
