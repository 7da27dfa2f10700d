from collections import Counter
from dataclasses import replace

import pytest
from health_webui.config import Endpoints
from health_webui.following.collectors import Source
from health_webui.following.fleet import Fleet, Follower, chart_series
from health_webui.pages.overview import Overview
from health_wire.keys import ClientKeys, KeyPair

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


def with_local() -> tuple[Fleet, Follower, Follower]:
    fleet = Fleet([source("a"), replace(source("own"), local=True)])
    asked, local = fleet.all
    return fleet, asked, local


def test_this_hosts_own_collector_is_shown_beside_others_once_it_has_answered() -> None:
    fleet, asked, local = with_local()
    assert fleet.followers == (asked,), "it is no dead host, it is none"
    assert fleet.find(local.key) is None
    local.client.host, local.client.epoch = "own", "1" * 32
    assert fleet.followers == (asked, local)
    local.client.status = "stale"
    assert fleet.followers == (asked, local), "from then on it is a host like others"
    asked.client.host, asked.client.epoch = "own", "1" * 32
    assert fleet.followers == (asked,), "another way to the same one"
    fleet.close()
    alone = Fleet([replace(source("own"), local=True)])
    assert alone.followers == alone.all, "there is nothing else to show"
    alone.close()


def test_this_hosts_own_collector_is_shown_where_it_lets_nobody_in() -> None:
    fleet, asked, local = with_local()
    local.client.refusal = "the collector asks for keys"
    assert fleet.followers == (asked, local)
    fleet.close()


def test_a_silent_collector_is_looked_for_at_all_of_its_places_in_turn() -> None:
    now = [0.0]
    given = source("a")
    given = replace(given, others=(source("b").endpoints, source("c").endpoints))
    made = Follower(given, clock=lambda: now[0])

    def places(seconds: float) -> list[str]:
        """Where it is looked for, one after the other, within that time."""
        found = [made.client.events_endpoint]
        for _ in range(int(seconds * 10)):
            now[0] += 0.1
            made.look_elsewhere()
            assert made.client.events_endpoint == made.endpoints.events
            if made.client.events_endpoint != found[-1]:
                found.append(made.client.events_endpoint)
        return [place[len("ipc:///") :][0] for place in found]

    assert places(10) == ["a", "b", "c", "a"]
    made.client.status = "live"
    assert places(100) == ["a"]
    made.client.status = "stale"
    assert places(29) == ["a"], "it may have been started anew"
    assert places(3) == ["a", "b"]
    made.client.close()
    other = Follower(replace(given, endpoints=source("x").endpoints))
    assert other.key != made.key
    other.client.close()


def test_a_collector_with_a_key_is_known_by_it_wherever_it_is() -> None:
    pair = KeyPair.generate()
    keys = ClientKeys(KeyPair.generate().public, pair.public, pair.secret)
    found = [Follower(replace(source(name), keys=keys)) for name in ("a", "b")]
    assert found[0].key == found[1].key
    for each in found:
        each.client.close()


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
    made.all = tuple(follower(host=f"h{n % 40}") for n in range(80))
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
