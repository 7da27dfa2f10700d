"""A Chromium without a window, and what a page in it loads and costs."""

import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, CDPSession, Page, sync_playwright

_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
_TICKS = os.sysconf("SC_CLK_TCK")

# Notes when `live` first holds for the page, and for ours how late each event was painted.
WATCH = """
(live) => {
  const look = () => {
    if (window.liveAt === undefined && document.body && live()) window.liveAt = performance.now();
  };
  const all = { childList: true, subtree: true, characterData: true };
  new MutationObserver(look).observe(document, all);
  window.lags = [];
  const Original = window.WebSocket;
  window.WebSocket = class extends Original {
    constructor(...given) {
      super(...given);
      this.addEventListener("message", ({ data }) => {
        if (typeof data !== "string" || !data.startsWith('42["frame"')) return;
        const { time } = JSON.parse(data.slice(2))[1];
        requestAnimationFrame(() => {
          const { port1, port2 } = new MessageChannel();
          port1.onmessage = () => window.lags.push(Date.now() - Date.parse(time));
          port2.postMessage(null);
        });
      });
    }
  };
}
"""


class Traffic:
    """What a page loads, as Chromium counts it, until `stop`."""

    def __init__(self, page: Page) -> None:
        self.devtools: CDPSession = page.context.new_cdp_session(page)
        self.urls: dict[str, str] = {}
        self.sizes: dict[str, float] = {}
        self.devtools.send("Network.enable")
        self.devtools.on(
            "Network.requestWillBeSent", lambda m: self._ask(m["requestId"], m["request"]["url"])
        )
        self.devtools.on("Network.webSocketCreated", lambda m: self._ask(m["requestId"], m["url"]))
        self.devtools.on(
            "Network.dataReceived", lambda m: self._add(m["requestId"], m["encodedDataLength"])
        )
        self.devtools.on("Network.loadingFinished", self._finish)
        self.devtools.on(
            "Network.webSocketFrameReceived",
            lambda m: self._add(m["requestId"], len(m["response"]["payloadData"].encode())),
        )

    def _ask(self, request: str, url: str) -> None:
        if not url.startswith("data:"):
            self.urls[request] = url

    def _add(self, request: str, size: float) -> None:
        self.sizes[request] = self.sizes.get(request, 0) + size

    def _finish(self, message: dict[str, Any]) -> None:
        self.sizes[message["requestId"]] = message["encodedDataLength"]

    def stop(self) -> tuple[float, int, int]:
        """Kilobytes, requests, and those to other origins than the first's."""
        origins = [urlsplit(url).netloc for url in self.urls.values()]
        kilobytes = sum(self.sizes.get(request, 0) for request in self.urls) / 1000
        return kilobytes, len(origins), sum(origin != origins[0] for origin in origins)


def cpu_seconds(root: int) -> float:
    """Of a process and all below it."""
    parents: dict[int, list[int]] = {}
    spent: dict[int, float] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            pid, rest = int(stat.parent.name), stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents.setdefault(int(rest[1]), []).append(pid)
        spent[pid] = (int(rest[11]) + int(rest[12])) / _TICKS
    found, todo = 0.0, [root]
    while todo:
        pid = todo.pop()
        found += spent.get(pid, 0.0)
        todo += parents.get(pid, [])
    return found


def chromium_of(browser_arguments: str) -> int:
    """The process id of the Chromium that was started with these arguments."""
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = command.read_text()
        except OSError:
            continue
        if browser_arguments in words and "--type=" not in words:
            return int(command.parent.name)
    raise LookupError("no Chromium")


class Left:
    """A page left open; nobody talks to it meanwhile."""

    def __init__(self, browser: Browser, chromium: int, url: str, live: str = "true") -> None:
        self.context = browser.new_context(viewport={"width": 1280, "height": 900})
        self.page = self.context.new_page()
        self.page.add_init_script(f"({WATCH})(() => {live})")
        self.devtools = self.context.new_cdp_session(self.page)
        self.devtools.send("Performance.enable")
        self.page.goto(url)
        self.chromium = chromium

    def memory(self) -> tuple[float, int]:
        """Megabytes that scripts hold, and DOM nodes, after a garbage collection."""
        self.devtools.send("HeapProfiler.collectGarbage")
        found = self.devtools.send("Performance.getMetrics")["metrics"]
        metrics = {m["name"]: m["value"] for m in found}
        return metrics["JSHeapUsedSize"] / 1e6, int(metrics["Nodes"])

    def cpu(self, seconds: float) -> float:
        """Percent of a core that the browser takes while `seconds` pass."""
        before, begun = cpu_seconds(self.chromium), time.monotonic()
        time.sleep(seconds)
        return (cpu_seconds(self.chromium) - before) / (time.monotonic() - begun) * 100


@contextmanager
def chromium() -> Iterator[tuple[Browser, int]]:
    path = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if path is None:
        sys.exit("needs Debian's package chromium")
    mark = f"--health-benchmark={os.getpid()}"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*_ARGUMENTS, mark])
        yield browser, chromium_of(mark)
        browser.close()
