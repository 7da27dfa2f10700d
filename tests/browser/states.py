"""Every state that a page can be in, brought about by real processes.

A state is a context manager, called with a temporary folder, that gives a `Scene`. Hosts are
recorded ones (tests/fixtures), judged by real thresholds; a list's hosts are simulated.
"""

import os
import re
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.running import ROOT, Running, running, start_collector, start_webui
from tests.webui.asking import with_password
from tests.webui.test_proxies import BEHIND

FIXTURES = ROOT / "tests/fixtures"
# File systems are this machine's, recorded or not: no two pictures of them would be the same.
_SAME_EVERYWHERE = "[metrics.disk]\nenabled = false\n"
_BUSY_IS_FINE = "[metrics.load]\nload5_per_core_warning = false\n"  # the recorded server is busy
_SETTLED_MS = 20_000

Check = Callable[[Page], None]


@dataclass(slots=True, frozen=True)
class Scene:
    """Pages are opened at `url` and wait for `first`; then `happens`, and they wait for `shows`."""

    url: str
    shows: Check
    first: Check = lambda _: None
    happens: Callable[[], object] = lambda: None
    script: bool = True
    interrupted: bool = False


def verdict(text: str) -> Check:
    return lambda page: expect(page.locator("h1")).to_contain_text(text, timeout=_SETTLED_MS)


def live(text: str) -> Check:
    def shows(page: Page) -> None:
        expect(page.locator("#link")).to_contain_text("Live", timeout=_SETTLED_MS)
        expect(page.locator("figure.chart canvas").first).to_be_visible(timeout=_SETTLED_MS)
        waiting = page.locator("[data-state]:visible", has_text="Waiting")
        expect(waiting).to_have_count(0, timeout=_SETTLED_MS)
        verdict(text)(page)

    return shows


def listed(text: str, hosts: int) -> Check:
    def shows(page: Page) -> None:
        verdict(text)(page)
        expect(page.locator(".hosts tbody tr")).to_have_count(hosts)
        whole = re.compile("^M0 .*L59 ")  # filled from history
        expect(page.locator(".spark path").first).to_have_attribute("d", whole, timeout=_SETTLED_MS)

    return shows


_TURN = (18, 0, 4, 76, 2, 0, 0, 0, 0, 0)  # a processor's jiffies by kind, as /proc/stat has them


@contextmanager
def turning(folder: Path) -> Iterator[None]:
    """The processors of a recorded host go on, always with the same load."""
    processors, rest = [], []
    for line in (folder / "proc/stat").read_text().splitlines():
        name, *counts = line.split()
        if name.startswith("cpu"):
            processors.append((name, counts))
        else:
            rest.append(line)
    ended = threading.Event()
    descriptor = os.open(folder / "proc/stat", os.O_WRONLY)

    def turn() -> None:
        turns = 0
        while not ended.wait(0.2):
            turns += 1
            lines = []
            for name, counts in processors:
                times = turns * (len(processors) - 1 if name == "cpu" else 1)
                now = (int(c) + times * t for c, t in zip(counts, _TURN, strict=True))
                lines.append(" ".join([name, *map(str, now)]))
            # In one go, and never shorter than before: nobody reads half of it.
            os.pwrite(descriptor, "\n".join([*lines, *rest, ""]).encode(), 0)

    thread = threading.Thread(target=turn)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        os.close(descriptor)


@contextmanager
def recorded(
    tmp_path: Path, host: str, rules: str = "", change: Callable[[Path], object] | None = None
) -> Iterator[Running]:
    """The collector on a copy of a recorded host."""
    folder = tmp_path / host
    shutil.copytree(FIXTURES / host, folder)
    if change:
        change(folder)
    config = tmp_path / f"{host}.toml"
    vcgencmd = f'[metrics.throttling]\nvcgencmd = "{folder}/bin/vcgencmd"\n'
    config.write_text(_SAME_EVERYWHERE + vcgencmd + rules)
    args = ["--procfs", str(folder / "proc"), "--sysfs", str(folder / "sys")]
    args += ["--host-id", host, "--config", str(config)]
    with turning(folder), start_collector(tmp_path, *args, transport="ipc") as process:
        yield process


@contextmanager
def _one(
    tmp_path: Path,
    shows: Check,
    host: str,
    rules: str = "",
    change: Callable[[Path], object] | None = None,
) -> Iterator[Scene]:
    with (
        recorded(tmp_path, host, rules, change) as collector,
        start_webui(tmp_path, collector) as webui,
    ):
        yield Scene(webui.url, shows)


def _used(percent: float, critical: float) -> str:
    return (
        f"[metrics.memory]\nused_percent_warning = {percent}\nused_percent_critical = {critical}\n"
    )


def healthy(tmp_path: Path) -> AbstractContextManager[Scene]:
    return _one(tmp_path, live("Healthy"), "x86-server", _BUSY_IS_FINE)


def warning(tmp_path: Path) -> AbstractContextManager[Scene]:
    return _one(tmp_path, live("Warning"), "x86-server", _used(5, 99))


def critical(tmp_path: Path) -> AbstractContextManager[Scene]:
    return _one(tmp_path, live("Critical"), "x86-server", _used(2, 5))


@contextmanager
def stale(tmp_path: Path) -> Iterator[Scene]:
    """The collector's process is stopped."""
    with (
        recorded(tmp_path, "x86-server", _BUSY_IS_FINE) as collector,
        start_webui(tmp_path, collector) as webui,
    ):
        stop = partial(collector.send, signal.SIGSTOP)
        yield Scene(webui.url, verdict("Stale"), live("Healthy"), stop)
        collector.send(signal.SIGCONT)


@contextmanager
def unreachable(tmp_path: Path) -> Iterator[Scene]:
    """Seen by the page; then the collector is gone, and the web process has begun anew without it.

    Of the host the page alone knows: its last values stay, and it says why nobody has newer ones.
    """
    with ExitStack() as stack:
        collector = stack.enter_context(recorded(tmp_path, "x86-server", _BUSY_IS_FINE))
        before = stack.enter_context(start_webui(tmp_path, collector))
        port = before.url.rsplit(":", 1)[1].strip("/")

        def gone() -> None:
            collector.stop(signal.SIGKILL)
            before.stop()
            stack.enter_context(start_webui(tmp_path, collector, args=("--port", port)))

        def shows(page: Page) -> None:
            verdict("Stale: no data for")(page)
            said = "server began anew at"
            expect(page.locator("#lost")).to_contain_text(said, timeout=_SETTLED_MS)
            expect(page.locator("article.card:visible").first).to_be_visible()

        yield Scene(before.url, shows, live("Healthy"), gone, interrupted=True)


@contextmanager
def never_seen(tmp_path: Path) -> Iterator[Scene]:
    nowhere = "ipc:///run/pi/events,ipc:///run/pi/state"
    with start_webui(tmp_path, args=("--collector", nowhere)) as webui:

        def shows(page: Page) -> None:
            verdict("Unknown: never seen by this server")(page)
            for said in ("follows this host since 20", "ipc:///run/pi/events", "Nothing has taken"):
                expect(page.locator("main")).to_contain_text(said)

        yield Scene(webui.url, shows)


def no_pi(tmp_path: Path) -> AbstractContextManager[Scene]:
    """A container: neither sensors nor firmware."""
    return _one(tmp_path, live("Healthy"), "lxc")


def pi_with_flags(tmp_path: Path) -> AbstractContextManager[Scene]:
    return _one(tmp_path, live("Critical"), "pi4")


def denied(tmp_path: Path) -> AbstractContextManager[Scene]:
    """The firmware's device may not be opened, and no driver tells instead."""

    def forbid(folder: Path) -> None:
        shutil.copy(FIXTURES / "pi5/bin/vcgencmd", folder / "bin/vcgencmd")
        shutil.rmtree(folder / "sys/class/hwmon/hwmon1")

    return _one(tmp_path, live("Unknown"), "pi4", change=forbid)


def one_host(tmp_path: Path) -> AbstractContextManager[Scene]:
    """Straight to its page."""
    return _one(tmp_path, live("Warning"), "pizero")


@contextmanager
def simulated(folder: Path, *numbers: int) -> Iterator[tuple[Running, tuple[str, ...]]]:
    """Collectors of these numbers, for whom time stands still; what tells a web process of them."""
    numbered = [str(n) for n in numbers]
    command = [sys.executable, "-m", "tests.browser.simulated", "--frozen", str(folder), *numbered]
    places = [("--collector", f"ipc://{folder}/{n}.e,ipc://{folder}/{n}.s") for n in numbered]
    with running(command, ROOT) as process:
        yield process, tuple(part for place in places for part in place)


@contextmanager
def twelve_hosts(tmp_path: Path) -> Iterator[Scene]:
    """Of which one has gone silent, and one was never seen."""
    nowhere = ("--collector", "ipc:///run/attic/events,ipc:///run/attic/state")
    with (
        simulated(tmp_path, *range(1, 11)) as (_, ten),
        simulated(tmp_path, 11) as (silent, last),
        start_webui(tmp_path, args=(*ten, *last, *nowhere)) as webui,
    ):
        first = listed("1 critical, 1 warning, 1 unknown, 9 healthy", 12)
        shows = listed("1 critical, 1 warning, 1 stale, 1 unknown, 8 healthy", 12)
        yield Scene(webui.url, shows, first, partial(silent.send, signal.SIGSTOP))
        silent.send(signal.SIGCONT)


@contextmanager
def two_hundred_hosts(tmp_path: Path) -> Iterator[Scene]:
    with (
        simulated(tmp_path, *range(1, 201)) as (_, args),
        start_webui(tmp_path, args=args) as webui,
    ):
        shows = listed("2 critical, 1 warning, 197 healthy", 200)
        yield Scene(webui.url, shows, interrupted=True)  # a busy machine may refuse a socket once


@contextmanager
def login(tmp_path: Path) -> Iterator[Scene]:
    args = with_password(tmp_path / "data")
    with start_webui(tmp_path, args=args, env=BEHIND) as webui:
        yield Scene(webui.url, verdict("Log in"), interrupted=True)  # no session, no socket


@contextmanager
def not_built(tmp_path: Path) -> Iterator[Scene]:
    """The package without its front end."""
    without = tmp_path / "package/health_webui"
    shutil.copytree(ROOT / "webui/health_webui", without, ignore=shutil.ignore_patterns("static"))
    path = f"{without.parent}:{ROOT / 'daemon'}:{ROOT}"
    with (
        recorded(tmp_path, "x86-server", _BUSY_IS_FINE) as collector,
        start_webui(tmp_path, collector, env={"PYTHONPATH": path}) as webui,
    ):

        def shows(page: Page) -> None:
            page.reload()
            verdict("Healthy")(page)
            expect(page.get_by_text("The front end is not built.")).to_be_visible()

        yield Scene(webui.url, shows)


STATES: dict[str, Callable[[Path], AbstractContextManager[Scene]]] = {
    "live": healthy,
    "warning": warning,
    "critical": critical,
    "stale": stale,
    "unreachable": unreachable,
    "never-seen": never_seen,
    "no-pi": no_pi,
    "pi-with-flags": pi_with_flags,
    "permission-denied": denied,
    "one-host": one_host,
    "12-hosts": twelve_hosts,
    "200-hosts": two_hundred_hosts,
    "login": login,
    "not-built": not_built,
}
