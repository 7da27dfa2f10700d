"""A link between two hosts that goes silent and comes back: what a client and the page make of it.

Nobody is told of the cut: packets vanish on the way, and connections stay open on both sides.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import monotonic

from tests.process.hearing import Hearing, hearing, holes
from tests.process.lateness import Lateness
from tests.process.network import COLLECTOR, Network, two_hosts
from tests.running import environment, running, wait_for

STALE_WITHIN, LIVE_WITHIN = 3.5, 1.0
HANDS = 4  # through which it goes that the link is back: each may be as late as the machine is


class Scene:
    """A collector on one host; on the other a client of it, and the page."""

    def __init__(self, network: Network, client: Hearing, page: Hearing) -> None:
        self.network = network
        self.client, self.page = client, page
        self.cut_at = self.restored_at = 0.0

    def is_(self, status: str) -> bool:
        return all(h.statuses()[-1:] and h.statuses()[-1][1] == status for h in self._both())

    def _both(self) -> tuple[Hearing, Hearing]:
        return self.client, self.page

    def cut(self) -> None:
        self.network.cut()
        self.cut_at = monotonic()

    def restore(self) -> None:
        assert self.is_("stale")
        self.restored_at = monotonic()
        self.network.restore()

    def judge(self, late: Lateness) -> str:
        """How long it took both to notice the cut, and its end; and that the hole was told."""
        wait_for(lambda: self.is_("live"), "it did not come back", 30.0)
        figures = []
        for heard in self._both():
            (stale_at, stale), (live_at, live) = heard.statuses(self.cut_at)
            assert (stale, live) == ("stale", "live")
            figures.append((stale_at - self.cut_at, live_at - self.restored_at))
        told = ", ".join(f"stale after {a:.2f} s, live {b:.2f} s later" for a, b in figures)
        told = f"a cut of {self.restored_at - self.cut_at:.0f} s: client and page {told}"
        more = HANDS * late.most(self.cut_at)
        told += f"; the machine was up to {late.most(self.cut_at):.2f} s late"
        assert all(a <= STALE_WITHIN + more and b <= LIVE_WITHIN + more for a, b in figures), told
        [gap, *rest] = self.client.of("Gap", self.cut_at)
        assert all(g["first"] == gap["last"] + 1 for g in rest), "one hole"
        assert {g["reason"] for g in (gap, *rest)} == {"link"}
        return told


@contextmanager
def scene(tmp_path: Path) -> Iterator[Scene]:
    tmp_path.mkdir()
    (tmp_path / "none.toml").touch()
    where = ["--events", "tcp://0.0.0.0:8087", "--state", "tcp://0.0.0.0:8088"]
    files = ["--data-dir", str(tmp_path / "data"), "--config", str(tmp_path / "none.toml")]
    webui = [sys.executable, "-m", "health_webui"]
    with two_hosts() as network:
        collector = [*network.collector, sys.executable, "-m", "health_collectord"]
        with running([*collector, *where, *files], tmp_path):
            invite = ["invite", "web", "--address", COLLECTOR, *where, *files]
            token = _output(tmp_path, *collector, *invite)
            _output(tmp_path, *webui, "add", token, *files)
            page = [*network.listener, *webui, "--port", "0", *files]
            with (
                running(page, tmp_path) as server,
                hearing(tmp_path, "telling", token, on=network.listener) as client,
                hearing(tmp_path, "page_link", server.url, on=network.listener) as link,
            ):
                made = Scene(network, client, link)
                wait_for(lambda: made.is_("live") and len(client.of("Event")) > 20)
                yield made
        holes(client.lines)


def _output(tmp_path: Path, *command: str) -> str:
    return subprocess.run(
        command, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, text=True, timeout=30,
        check=True,
    ).stdout.strip()  # fmt: skip


def test_a_cut_is_noticed_and_so_is_its_end(tmp_path: Path) -> None:
    """One of 45 s, and meanwhile, between other hosts, three of 8 s."""
    with ExitStack() as stack:
        late = stack.enter_context(Lateness())
        long = stack.enter_context(scene(tmp_path / "long"))
        short = stack.enter_context(scene(tmp_path / "short"))
        long.cut()
        for _ in range(3):
            short.cut()
            wait_for(lambda: monotonic() >= short.cut_at + 8.0, timeout=20.0)
            short.restore()
            print(short.judge(late))
        wait_for(lambda: monotonic() >= long.cut_at + 45.0, timeout=60.0)
        long.restore()
        print(long.judge(late))
