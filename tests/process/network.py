"""Two hosts with addresses of their own and a router between them, in network namespaces.

Only root can make them: skipped for others, and a failure where CI is to have everything.
"""

import os
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from tests.process.conftest import lacking

COLLECTOR, LISTENER = "10.77.1.2", "10.77.2.2"


class Network:
    """`collector` and `listener` are words to put before a command that shall run there."""

    def __init__(self) -> None:
        self._id = f"hc{secrets.token_hex(3)}"
        self._hosts = [f"{self._id}-{number}" for number in (1, 2)]
        self.collector, self.listener = (["ip", "netns", "exec", host] for host in self._hosts)

    def make(self) -> None:
        _run("ip", "netns", "add", self._id)
        for number, host in enumerate(self._hosts, 1):
            _run("ip", "netns", "add", host)
            _run("ip", "-n", self._id, "link", "add", f"to{number}", "type", "veth", "peer",
                 "name", "eth0", "netns", host)  # fmt: skip
            _run("ip", "-n", self._id, "addr", "add", f"10.77.{number}.1/24", "dev", f"to{number}")
            _run("ip", "-n", self._id, "link", "set", f"to{number}", "up")
            _run("ip", "-n", host, "addr", "add", f"10.77.{number}.2/24", "dev", "eth0")
            for link in ("lo", "eth0"):
                _run("ip", "-n", host, "link", "set", link, "up")
            _run("ip", "-n", host, "route", "add", "default", "via", f"10.77.{number}.1")
        self.restore()

    def cut(self) -> None:
        """From now on what is for the other host is dropped, and nobody is told."""
        self._forward("0")

    def restore(self) -> None:
        self._forward("1")

    def _forward(self, how: str) -> None:
        command = f"echo {how} > /proc/sys/net/ipv4/ip_forward"
        _run("ip", "netns", "exec", self._id, "sh", "-c", command)

    def close(self) -> None:
        for name in (self._id, *self._hosts):
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


def _run(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True)


@contextmanager
def two_hosts() -> Iterator[Network]:
    if os.geteuid() != 0:
        lacking("only root can make network namespaces")
    network = Network()
    try:
        network.make()
        yield network
    finally:
        network.close()
