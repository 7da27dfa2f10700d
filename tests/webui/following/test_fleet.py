from collections import Counter

import pytest
from health_webui.config import Endpoints
from health_webui.following.collectors import Source
from health_webui.following.fleet import Fleet, chart_series
from health_webui.pages.overview import Overview

from tests.webui.sample import HOSTILE, follower


def source(name: str) -> Source:
    return Source(Endpoints(f"ipc:///{name}/events", f"ipc:///{name}/state"))


def test_the_charts_series_are_named_for_the_rows_there_are() -> None:
    made = follower()
    assert made.catalogue is not None
    assert chart_series(made.catalogue, made.client.state) == [
        "device.tank.full_percent",
        f"device.pipes.pipes[{HOSTILE}].flow_per_second",
    ]


def test_a_collector_is_found_by_key_and_by_host() -> None:
    fleet = Fleet([source("a"), source("b")])
    first, second = fleet.followers
    second.client.host = "pi4"
    assert fleet.find("pi4") is second
    assert fleet.find(first.key) is first
    assert fleet.find("nobody") is None
    assert first.key != second.key
    fleet.close()


def test_what_is_said_of_many_hosts_takes_no_longer_for_each_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = Fleet([])
    made.followers = tuple(follower(host=f"h{n % 40}") for n in range(80))
    counted: list[int] = []
    count = Fleet.hosts

    def hosts(fleet: Fleet) -> Counter[str]:
        counted.append(1)
        return count(fleet)

    monkeypatch.setattr(Fleet, "hosts", hosts)
    rows = Overview(made).rows()
    assert len(made.worst_first()) == len(rows) == 80
    assert len(counted) == 2, "the hosts are counted once for each list"
    assert all("2 collectors call themselves" in row.notes[0] for row in rows.values())


def test_a_snapshot_has_no_page_before_there_is_a_catalogue() -> None:
    made = follower()
    made.catalogue = None
    assert not made.seen
    assert made.snapshot()["page"] is None
    assert made.snapshot()["state"] == {}
