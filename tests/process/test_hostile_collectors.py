"""Hostile collectors, each scenario a host of its own, beside three honest ones on one page.

HOSTILE_SECONDS makes it longer, and its bars exact: 600 for the ten minutes that have to hold. What
is measured is printed (pytest -s).
"""

import itertools
import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import Any

import psutil
import pytest

from tests.process.following import Reader, follow, key_of
from tests.process.hostile_scenarios import SCENARIOS
from tests.process.polite import waited
from tests.running import ROOT, Running, running, start_collector, start_webui, wait_for
from tests.webui.asking import Client

pytestmark = pytest.mark.slow

SECONDS = float(os.environ.get("HOSTILE_SECONDS", "20"))
EXACT = SECONDS >= 600  # on a machine that does nothing else
HONEST = ("honest-1", "honest-2", "honest-3")
MEMORY = 100e6 if EXACT else 300e6
HEALTHZ_P99 = 0.1 if EXACT else 2.0
STOP_SECONDS = 2.0 if EXACT else 8.0
SILENT_SECONDS = 2.5 if EXACT else 10.0  # between two frames of an honest host
MOST_BYTES = 8_000_000  # of a page


class Asking:
    """Asks /healthz all the while.

    Attributes:
        waits: how long each answer took, in seconds.
        alone: without that for which the web process wanted a processor that others had.
    """

    def __init__(self, webui: Running) -> None:
        self._client = Client(webui.url, "127.0.0.5")
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._ask)
        self.waits: list[float] = []
        self.alone: list[float] = []
        self.most_memory = 0
        self._process = psutil.Process(webui.pid)

    def _ask(self) -> None:
        while not self._ended.wait(0.02):
            wanted, begun = waited(self._process.pid), monotonic()
            assert self._client.ask("/healthz").status == 200
            self.waits.append(monotonic() - begun)
            self.alone.append(self.waits[-1] - (waited(self._process.pid) - wanted))
            self.most_memory = max(self.most_memory, self._process.memory_info().rss)

    def __enter__(self) -> "Asking":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()


def p99(waits: list[float]) -> float:
    return sorted(waits)[len(waits) * 99 // 100]


@contextmanager
def honest(tmp_path: Path) -> Iterator[list[Running]]:
    with ExitStack() as stack:
        found = []
        for name in HONEST:
            (tmp_path / name).mkdir()
            found.append(stack.enter_context(start_collector(tmp_path / name, "--host-id", name)))
        yield found


@contextmanager
def hostile(*names: str) -> Iterator[dict[str, str]]:
    """EVENTS,STATE of the host of each scenario."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.process.hostile_collector", *names]
    with running(command, ROOT) as process:
        yield process.ready


def write_places(tmp_path: Path, *places: str) -> None:
    (tmp_path / "webui.toml").write_text(f"collector = {json.dumps(places)}\n")


@contextmanager
def start_followed(tmp_path: Path, collectors: list[Running]) -> Iterator[Running]:
    write_places(tmp_path, *(f"{each.events},{each.state}" for each in collectors))
    with start_webui(tmp_path, args=("--no-local",)) as webui:
        yield webui


def rss(webui: Running) -> int:
    return int(psutil.Process(webui.pid).memory_info().rss)


def hosts(webui: Running) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(Client(webui.url).ask("/api/v1/hosts").body)["hosts"]
    return found


@contextmanager
def listening(webui: Running, keys: list[str]) -> Iterator[list[Reader]]:
    """A good browser at each of the pages; at the list of hosts with an empty key."""
    with ExitStack() as stack:
        readers = []
        for key in keys:
            connection = stack.enter_context(follow(webui, key, "127.0.0.6"))
            readers.append(Reader(connection))
            stack.callback(readers[-1].join)
            stack.callback(_end, connection)
        yield readers


def _end(connection: socket.socket) -> None:
    with suppress(OSError):  # the process was quicker
        connection.shutdown(socket.SHUT_RDWR)


def look_at_all(webui: Running, until: float) -> int:
    """Asks for the list and every host's page, again and again; how many that were."""
    pages, pause = 0, threading.Event()
    while True:
        for key in ("", *(host["key"] for host in hosts(webui))):
            answer = Client(webui.url).ask(f"/host/{key}" if key else "/")
            assert answer.status == 200, answer.body[:2000]
            assert len(answer.body) < MOST_BYTES
            pages += 1
            if pause.wait(0.05) or monotonic() > until:
                return pages


def silence(reader: Reader) -> float:
    return max(b - a for a, b in itertools.pairwise([*reader.at, monotonic()]))


@pytest.mark.parametrize("half", [0, 1])
def test_they_cost_their_own_rows_alone(tmp_path: Path, half: int) -> None:
    names = sorted(SCENARIOS)[half::2]
    with (
        honest(tmp_path) as good,
        hostile(*names) as bad,
        start_followed(tmp_path, good) as webui,
    ):
        places = [f"{collector.events},{collector.state}" for collector in good]
        keys = [key_of(webui, name) for name in HONEST]
        with listening(webui, [*keys, ""]) as (*readers, _):
            wait_for(lambda: all(len(reader.frames) > 2 for reader in readers))
            before, begun = rss(webui), monotonic()
            write_places(tmp_path, *places, *bad.values())
            webui.send(signal.SIGHUP)
            wait_for(lambda: len(hosts(webui)) == len(names) + len(HONEST), timeout=60)
            with Asking(webui) as asking:
                pages = look_at_all(webui, begun + SECONDS / 2)
            silent = max(map(silence, readers))
            shown = {host["key"]: host for host in hosts(webui)}
            print(
                f"\n{len(bad)} hostile hosts, {monotonic() - begun:.0f} s, {pages} pages; healthz"
                f" p99 {p99(asking.waits) * 1000:.0f} ms of {len(asking.waits)},"
                f" {p99(asking.alone) * 1000:.0f} without what others had of the processors; memory"
                f" {before / 1e6:.0f} MB, then at most {asking.most_memory / 1e6:.0f}; honest hosts"
                f" silent for at most {silent:.1f} s"
            )
            stopped = monotonic()
            assert webui.stop(timeout=STOP_SECONDS + 60) == 0
            stopped = monotonic() - stopped
            print(f"ended in {stopped:.1f} s")
    for name, key in zip(HONEST, keys, strict=True):
        assert (shown[key]["id"], shown[key]["link"]["status"]) == (name, "live")
    assert all(host["reason"] or host["link"]["status"] == "live" for host in shown.values())
    assert sum("not of the protocol" in str(host["notes"]) for host in shown.values()) > 15
    assert "Traceback" not in webui.stderr, webui.stderr[-5000:]
    assert asking.most_memory - before < MEMORY
    assert p99(asking.waits) < HEALTHZ_P99
    assert silent < SILENT_SECONDS
    assert stopped < STOP_SECONDS
