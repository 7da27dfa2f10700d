"""The page on another host: a link between two machines that goes silent, and comes back."""

import json
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from tests.boot import readme
from tests.boot.first_hour import Packages
from tests.boot.machine import SHARED, Machine, until
from tests.boot.roots import command

INSTALLING = "Installing"
PAGE = "http://127.0.0.1:8086"
_SILENCE = 20.0


class Router:
    """What is between the two: it forwards, or swallows everything without a word."""

    def __init__(self) -> None:
        self.id = f"bt{secrets.token_hex(3)}"
        command("ip", "netns", "add", self.id)

    def connect(self, machine: Machine, number: int) -> None:
        """Gives the machine the address 10.77.NUMBER.2 and this way to the others."""
        here, there = f"{self.id}-{number}", f"{self.id}+{number}"
        inside = ("nsenter", "-t", str(machine.leader), "-n", "ip")
        command("ip", "link", "add", here, "type", "veth", "peer", "name", there)
        command("ip", "link", "set", here, "netns", self.id)
        command("ip", "link", "set", there, "netns", str(machine.leader), "name", "eth0")
        self._run("ip", "addr", "add", f"10.77.{number}.1/24", "dev", here)
        self._run("ip", "link", "set", here, "up")
        command(*inside, "addr", "add", f"10.77.{number}.2/24", "dev", "eth0")
        command(*inside, "link", "set", "eth0", "up")
        command(*inside, "route", "add", "default", "via", f"10.77.{number}.1")

    def forward(self, on: bool) -> None:
        # Without forwarding the kernel drops what is for others, and says nothing to anybody.
        self._run("sh", "-c", f"echo {int(on)} > /proc/sys/net/ipv4/ip_forward")

    def close(self) -> None:
        command("ip", "netns", "del", self.id, check=False)

    def _run(self, *words: str) -> None:
        command("ip", "netns", "exec", self.id, *words)


@contextmanager
def installed(
    name: str, suite: str, package: str, packages: Packages, work: Path
) -> Iterator[Machine]:
    """A machine where README's line for this package was typed."""
    with Machine(name, suite, work) as machine:
        files = [packages[suite][each] for each in ("python3-health-wire", package)]
        machine.put_packages(*files)
        machine.boot()
        machine.type(readme.line(INSTALLING, f"dist/{package}_"))
        yield machine


@pytest.fixture(scope="module")
def hosts(packages: Packages, work: Path) -> Iterator[tuple[Machine, Machine, Router]]:
    """A collector on bookworm, the page on trixie, and the router between them."""
    with (
        installed("observed", "bookworm", "health-collectord", packages, work) as collector,
        installed("viewer", "trixie", "health-webui", packages, work) as webui,
    ):
        router = Router()
        try:
            router.connect(collector, 1)
            router.connect(webui, 2)
            router.forward(True)
            listen_on_the_network(collector)
            yield collector, webui, router
        finally:
            router.close()


def link(webui: Machine) -> str:
    """How the page says that the link is, or why it does not say."""
    page = webui.fetch(PAGE)
    found = re.search(r'data-link="(\w+)"', page)
    return found[1] if found else page


def verdict(webui: Machine) -> str:
    found = re.search(r'id="verdict" data-status="(\w+)"', webui.fetch(PAGE))
    return found[1] if found else ""


def is_live(webui: Machine) -> bool:
    return link(webui) == "live" and verdict(webui) in ("healthy", "warning", "critical")


def test_the_page_shows_another_host_through_silence(
    hosts: tuple[Machine, Machine, Router],
) -> None:
    collector, webui, router = hosts
    assert "observed" not in webui.fetch(PAGE)
    added = webui.type(
        readme.line(INSTALLING, "health-webui add"), input=invited(collector, "viewer")
    )
    assert "It answers: host observed" in added
    until(lambda: is_live(webui), 15, lambda: webui.fetch(PAGE))
    assert "observed" in webui.fetch(PAGE)
    webui.run("systemctl", "is-active", "health-webui")
    live = time.time()
    until(lambda: len(times(webui, live)) >= 5, 30, "no history before the silence")

    router.forward(False)
    cut = time.time()
    until(lambda: link(webui) == "stale", 4, lambda: link(webui))
    stale = time.time() - cut
    assert verdict(webui) == "stale"
    assert collector.run("systemctl", "is-active", "health-collectord").returncode == 0
    until(lambda: time.time() >= cut + _SILENCE, _SILENCE)
    assert link(webui) == "stale"

    router.forward(True)
    restored = time.time()
    until(lambda: is_live(webui), 3, lambda: link(webui))
    print(f"stale after {stale:.1f} s, live {time.time() - restored:.1f} s after the restoration")
    until(lambda: no_gap(webui, cut, restored), 5, lambda: times(webui, cut))


def listen_on_the_network(collector: Machine) -> None:
    """As README says: the two keys are uncommented where they stand, and changed."""
    path = "/etc/health-collectord/config.toml"
    config = collector.read(path)
    [block] = readme.blocks(INSTALLING, "toml")
    for line in block.splitlines():
        key = line.partition(" = ")[0]
        above, there, below = config.partition(f"\n#{key} = ")
        assert there
        assert "\n[" not in above, "the key stands in a table"
        config = f"{above}\n{line}\n{below.partition(chr(10))[2]}"
    collector.write(path, config)
    collector.type(readme.line(INSTALLING, "systemctl restart"))


def invited(collector: Machine, name: str) -> str:
    said = collector.type(readme.line(INSTALLING, "collectord invite").replace("NAME", name))
    [token] = [word for word in said.split() if word.startswith("hc1-")]
    return token


def test_a_client_of_ones_own_on_another_host(hosts: tuple[Machine, Machine, Router]) -> None:
    collector, webui, _ = hosts
    _, client = readme.blocks("A client of your own", "python")
    webui.write(f"{SHARED}/client.py", client)
    webui.write(f"{SHARED}/invitation", invited(collector, "program"))
    said = webui.type("timeout 60 python3 -u client.py 2> /dev/null | head -n 5")
    for kind in ("Link(status='live'", "Snapshot(", "Event("):
        assert kind in said


def times(webui: Machine, begin: float) -> list[float]:
    """When the samples of memory were taken that the charts show, from a moment on."""
    seconds = int(time.time() - begin) + 6  # the page asks for less than it is asked for
    reply = json.loads(webui.fetch(f"{PAGE}/api/v1/hosts/observed/history?seconds={seconds}"))
    memory = [series for name, series in reply["series"].items() if "memory" in name]
    return list(memory[0]["t"]) if memory else []


def no_gap(webui: Machine, begin: float, end: float) -> bool:
    """Whether there is a sample for each second of the silence."""
    found = [t for t in times(webui, begin) if begin - 1.5 < t < end + 1.5]
    return len(found) >= end - begin and all(b - a < 1.5 for a, b in pairwise(found))
