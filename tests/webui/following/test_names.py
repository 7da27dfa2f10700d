import socket
from dataclasses import replace
from typing import Any

import pytest
from health_webui.config import Endpoints
from health_webui.following.collectors import Source
from health_webui.following.fleet import Fleet
from health_webui.following.names import look


def place(host: str) -> Endpoints:
    return Endpoints(f"tcp://{host}:8087", f"tcp://{host}:8088")


@pytest.mark.parametrize(
    ("hosts", "nameless", "cause"),
    [
        (["good.example"], (), "unconnected"),
        (["bad.example"], ("bad.example",), "unresolved"),
        (["x" * 64], ("x" * 64,), "unresolved"),
        (["bad.example", "worse.example"], ("bad.example", "worse.example"), "unresolved"),
        (["bad.example", "good.example"], ("bad.example",), "unconnected"),
        (["bad.example", "192.0.2.1"], ("bad.example",), "unconnected"),
        (["[2001:db8::1]"], (), "unconnected"),
    ],
)
def test_names_that_lead_nowhere_are_the_cause_where_there_is_nothing_else(
    hosts: list[str], nameless: tuple[str, ...], cause: str
) -> None:
    asked = []

    def resolve(host: str, _: None) -> Any:
        asked.append(host)
        if len(host) > 63:
            raise UnicodeError("label too long")
        if not host.startswith("good"):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    first, *others = map(place, hosts)
    fleet = Fleet([replace(Source(first), others=tuple(others))])
    (follower,) = fleet.all
    look(follower, resolve)
    assert follower.nameless == nameless
    assert follower.cause == cause
    assert len([n for n in fleet.notes(follower) if "leads nowhere" in n]) == (
        cause == "unresolved"
    )
    assert all(host.isalpha() or "example" in host for host in asked), "addresses are not asked for"
    fleet.close()


def test_a_file_has_no_name_that_could_lead_nowhere() -> None:
    fleet = Fleet([Source(Endpoints("ipc:///nowhere/e", "ipc:///nowhere/s"))])
    look(fleet.all[0], lambda *_: pytest.fail("there is nothing to ask for"))
    assert fleet.all[0].cause == "unconnected"
    fleet.close()
