"""What the page costs a browser and its reader, beside two peers' pages in the same run.

    python benchmarks/page_cost.py [--loads 15] [--seconds 60] [--without-peers]
    python benchmarks/page_cost.py --fleet 200      our list of hosts, with simulated collectors

Every subject runs on this machine and samples once a second. Chromium without a window loads each
page with an empty cache, several times; then each page is left open alone. What is reported:

- **kB, requests**: all that came until the first live value, headers included, as compressed;
- **external**: requests to any other origin;
- **FCP**: first contentful paint; **live**: until a value that came over the live connection, or
  was fetched by the page, stands in it; both in ms from the start of navigation, medians. Each is
  measured in loads of its own, coming from another site's page, on which the reader has rested;
- **event to paint**: from an event's own time, which is the collector's, to the end of the frame in
  which the browser painted it, in ms;
- **CPU**: of all of Chromium's processes by the kernel's account, less what the same browser takes
  with an empty page, in percent of a core;
- **heap**: used by scripts after a garbage collection, and its growth.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import venv
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.request import urlopen

from playwright.sync_api import Browser, Page

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.chromium import WATCH, Left, Traffic, chromium  # noqa: E402
from benchmarks.collector_cost import CACHE, PREDECESSOR  # noqa: E402
from tests.running import running, start_collector, start_webui  # noqa: E402

GLANCES = "glances[web]==4.5.8"
SETTLE_SECONDS = 6.0
REST_SECONDS = 1.0  # a reader stays on a page: the browser has done with opening it


@dataclass(slots=True)
class Subject:
    """A page; `live` is an expression that holds once it shows values that it has fetched."""

    name: str
    url: str
    live: str
    kilobytes: float = 0.0
    requests: int = 0
    external: int = 0
    paints: list[float] = field(default_factory=list)
    lives: list[float] = field(default_factory=list)
    lags: list[float] = field(default_factory=list)
    cpu: float = 0.0
    heap: float = 0.0
    growth: float = 0.0


@contextmanager
def elsewhere() -> Iterator[str]:
    """The address of another site's page."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>Elsewhere</title><p>Elsewhere")

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.2", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.2:{server.server_port}/"
        server.shutdown()


@contextmanager
def arriving(browser: Browser, before: str) -> Iterator[Page]:
    """A page with an empty cache, at rest at the address `before`."""
    with closing(browser.new_context(viewport={"width": 1280, "height": 900})) as context:
        page = context.new_page()
        page.goto(before)
        time.sleep(REST_SECONDS)
        yield page


def measure_paint(page: Page, subject: Subject) -> None:
    """With nothing in the page that looks on."""
    page.goto(subject.url, wait_until="commit")
    page.wait_for_function(f"() => ({_PAINTED})", polling=100)
    subject.paints.append(page.evaluate(f"{_PAINTED}.startTime"))


def measure_live(page: Page, subject: Subject) -> None:
    watch_load(page, subject)
    subject.lives.append(page.evaluate("window.liveAt"))


def measure_traffic(page: Page, subject: Subject) -> None:
    traffic = Traffic(page)
    watch_load(page, subject)
    subject.kilobytes, subject.requests, subject.external = traffic.stop()


def watch_load(page: Page, subject: Subject) -> None:
    page.add_init_script(f"({WATCH})(() => {subject.live})")
    page.goto(subject.url, wait_until="commit")
    page.wait_for_function("() => window.liveAt !== undefined", timeout=30_000, polling=20)


_PAINTED = "performance.getEntriesByName('first-contentful-paint')[0]"


def installed(name: str, requirement: str, command: str) -> list[str]:
    """A peer's command, from a virtual environment of its own."""
    folder = CACHE / name
    if not (folder / "bin" / command).exists():
        venv.create(folder, with_pip=True)
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", requirement]
        subprocess.run(pip, check=True)
    return [str(folder / "bin" / "python"), "-I", str(folder / "bin" / command)]


def free_port() -> int:
    import socket

    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def peer(command: list[str], url: str, folder: Path) -> Iterator[None]:
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(150):
            try:
                urlopen(url, timeout=2).close()
                break
            except OSError:
                time.sleep(0.2)
        else:
            sys.exit(f"{command[2]} does not serve {url}")
        yield
    finally:
        process.terminate()
        process.wait()


def subjects(stack: ExitStack, folder: Path, *, peers: bool) -> list[Subject]:
    collector = stack.enter_context(start_collector(folder, transport="ipc"))
    ours = stack.enter_context(start_webui(folder, collector))
    is_live = "document.getElementById('link')?.textContent.startsWith('Live')"
    found = [Subject("health-webui", ours.url, is_live)]
    if not peers:
        return found
    # A percentage, or a size, in the text: their pages have none before they have fetched it.
    value = r"/\d(\.\d+)? ?%|\d(\.\d+)? ?[GM]i?B?\b/.test(document.body.innerText)"
    port = free_port()
    command = [*installed("glances", GLANCES, "glances"), "-w", "-B", "127.0.0.1", "-p", str(port)]
    url = f"http://127.0.0.1:{port}/"
    stack.enter_context(peer([*command, "-t", "1", "--disable-check-update"], url, folder))
    found.append(Subject("Glances 4.5.8", f"{url}?refresh=1", value))
    port = free_port()
    command = [*installed("predecessor", PREDECESSOR, "bussdcc-system-health"), "run", "--web"]
    command += ["--stats-interval", "1", "--quiet", "--web-host", "127.0.0.1"]
    url = f"http://127.0.0.1:{port}/"
    stack.enter_context(peer([*command, "--web-port", str(port)], url, folder))
    found.append(Subject("0.22.0", url, value))
    return found


def measure(options: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory(prefix="hc") as directory, ExitStack() as stack:
        found = subjects(stack, Path(directory), peers=not options.without_peers)
        browser, pid = stack.enter_context(chromium())
        before = stack.enter_context(elsewhere())
        time.sleep(SETTLE_SECONDS)
        for kind in [measure_traffic] + [measure_paint, measure_live] * options.loads:
            for subject in found:
                with arriving(browser, before) as page:
                    kind(page, subject)
        empty = Left(browser, pid, "about:blank")
        time.sleep(SETTLE_SECONDS)
        idle = empty.cpu(min(options.seconds, 20))
        for subject in found:
            left = Left(browser, pid, subject.url, subject.live)
            time.sleep(SETTLE_SECONDS)
            heap, _ = left.memory()
            left.page.evaluate("window.lags.length = 0")
            subject.cpu = left.cpu(options.seconds) - idle
            subject.lags = left.page.evaluate("window.lags")
            subject.heap, _ = left.memory()
            subject.growth = (subject.heap - heap) * 3600 / options.seconds
            left.context.close()
    report(found, idle)


def report(found: list[Subject], idle: float) -> None:
    print(f"load average {os.getloadavg()[0]:.2f}; an empty page takes {idle:.1f} % of a core")
    print(
        "| | kB / requests | external | FCP ms | live ms | event to paint ms p50 / p95 | CPU % |",
        end="",
    )
    print(" heap MB |\n|---|---|---|---|---|---|---|---|")
    for s in found:
        lags = "-"
        if s.lags:
            cut = statistics.quantiles(s.lags, n=20)
            lags = f"{statistics.median(s.lags):.0f} / {cut[18]:.0f} of {len(s.lags)}"
        print(
            f"| {s.name} | {s.kilobytes:.1f} / {s.requests} | {s.external} |"
            f" {statistics.median(s.paints):.0f} | {statistics.median(s.lives):.0f} | {lags} |"
            f" {s.cpu:.1f} | {s.heap:.1f} |"
        )


def fleet(options: argparse.Namespace) -> None:
    """Our list of hosts with simulated collectors, at rest and scrolling."""
    with tempfile.TemporaryDirectory(prefix="hc") as directory, ExitStack() as stack:
        folder, number = Path(directory), options.fleet
        numbers = [str(n) for n in range(1, number + 1)]
        command = [sys.executable, "-m", "tests.browser.simulated", directory, *numbers]
        stack.enter_context(running(command, ROOT))
        args: list[str] = []
        for n in numbers:
            args += ["--collector", f"ipc://{folder}/{n}.e,ipc://{folder}/{n}.s"]
        ours = stack.enter_context(start_webui(folder, args=tuple(args)))
        browser, pid = stack.enter_context(chromium())
        empty = Left(browser, pid, "about:blank")
        time.sleep(SETTLE_SECONDS)
        idle = empty.cpu(min(options.seconds, 20))
        left = Left(browser, pid, ours.url)
        time.sleep(SETTLE_SECONDS)
        busy = left.cpu(options.seconds) - idle
        print(f"load average {os.getloadavg()[0]:.2f}; {left.page.title()}")
        print(f"{number} hosts at 1 Hz: {busy:.1f} % of a core in the browser")
        print(f"scrolling from end to end: frames {left.page.evaluate(_SCROLL)}")


# Scrolls through the page for five seconds; how long its frames took.
_SCROLL = """
() => new Promise((done) => {
  const begun = performance.now(), gaps = [];
  let last = begun;
  const step = (now) => {
    gaps.push(now - last);
    last = now;
    const part = (now - begun) / 5000;
    scrollTo(0, part * (document.documentElement.scrollHeight - innerHeight));
    if (part < 1) return requestAnimationFrame(step);
    gaps.sort((a, b) => a - b);
    const at = (p) => `${gaps[Math.floor((gaps.length - 1) * p)].toFixed(1)} ms`;
    done(`${gaps.length} in 5 s, median ${at(0.5)}, p95 ${at(0.95)}, longest ${at(1)}`);
  };
  requestAnimationFrame(step);
})
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--loads", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--without-peers", action="store_true")
    parser.add_argument("--fleet", type=int, metavar="HOSTS")
    options = parser.parse_args()
    (fleet if options.fleet else measure)(options)


if __name__ == "__main__":
    main()
