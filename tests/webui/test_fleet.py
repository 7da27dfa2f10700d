from typing import Any

import pytest
from health_webui.collectors import Source
from health_webui.config import Endpoints
from health_webui.fleet import Fleet, Follower, chart_series
from health_wire import ProtocolError

from tests.webui.sample import HOSTILE, follower


def source(name: str) -> Source:
    return Source(Endpoints(f"ipc:///{name}/events", f"ipc:///{name}/state"))


class Answering:
    """Stands in for the client's `request`; knows every series but those named `unknown`."""

    def __init__(self, *, unknown: str = "nothing") -> None:
        self.asked: list[list[str]] = []
        self.unknown = unknown

    def __call__(self, op: str, /, **members: Any) -> dict[str, Any]:
        if op == "ping":
            return {"time": "2026-01-01T00:00:00.000Z"}
        self.asked.append(members["series"])
        if any(self.unknown in name for name in members["series"]):
            raise ProtocolError("not_found", "no such series")
        column = {"t": [1.0], "min": [2.0], "avg": [2.0], "max": [2.0]}
        return {"resolution_seconds": None, "series": dict.fromkeys(members["series"], column)}


def answering(monkeypatch: pytest.MonkeyPatch, **options: str) -> tuple[Follower, Answering]:
    made, answer = follower(), Answering(**options)
    monkeypatch.setattr(made.client, "request", answer)
    return made, answer


def test_the_charts_series_are_named_for_the_rows_there_are() -> None:
    made = follower()
    assert made.catalogue is not None
    assert chart_series(made.catalogue, made.client.state) == [
        "device.tank.full_percent",
        f"device.pipes.pipes[{HOSTILE}].flow_per_second",
    ]


def test_browsers_that_come_together_are_answered_from_one_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made, answer = answering(monkeypatch)
    assert made.history(300) is made.history(300)
    assert len(answer.asked) == 1
    assert made.history(300)["series"]["device.tank.full_percent"] == {"t": [1.0], "avg": [2.0]}


def test_a_series_that_is_not_known_does_not_keep_the_others_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made, _ = answering(monkeypatch, unknown="pipes")
    assert list(made.history(300)["series"]) == ["device.tank.full_percent"]


def test_a_collector_is_found_by_key_and_by_host() -> None:
    fleet = Fleet([source("a"), source("b")])
    first, second = fleet.followers
    second.client.host = "pi4"
    assert fleet.find("pi4") is second
    assert fleet.find(first.key) is first
    assert fleet.find("nobody") is None
    assert first.key != second.key
    fleet.close()


def test_the_lists_revision_changes_with_what_it_shows() -> None:
    fleet = Fleet([])
    made = follower(status="stale")
    fleet.followers = (made,)
    before = fleet.revision()
    assert fleet.revision() == before, "the seconds of silence are the browser's to count"
    made.client.status = "live"
    assert fleet.revision() != before


def test_a_snapshot_has_no_page_before_there_is_a_catalogue() -> None:
    made = follower()
    made.catalogue = None
    assert not made.seen
    assert made.snapshot()["page"] is None
    assert made.snapshot()["state"] == {}
