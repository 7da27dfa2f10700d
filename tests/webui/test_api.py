"""The addresses for programs: what they answer, and with which status."""

from collections.abc import Mapping
from typing import Any

import pytest
from health_webui.access.gate import Access
from health_webui.app import create_app
from health_webui.following.fleet import Fleet, Follower
from health_webui.pages.assets import Assets
from health_wire import CollectorTimeout, ProtocolError
from werkzeug.test import TestResponse

from tests.webui.sample import config, follower


def ask(path: str, *followers: Follower) -> TestResponse:
    fleet = Fleet([])
    fleet.all = followers
    app, _ = create_app(fleet, Assets(), Access(config()))
    return app.test_client().get(path)


def error_of(response: TestResponse) -> str:
    assert response.json is not None
    assert set(response.json) == {"error", "message"}
    assert response.json["message"]
    return str(response.json["error"])


@pytest.mark.parametrize(
    ("query", "status"),
    [("", 200), ("?seconds=60", 200), ("?seconds=0", 400), ("?start=5&end=4", 400), ("?x=1", 400)],
)
def test_history_is_asked_for_within_limits(
    monkeypatch: pytest.MonkeyPatch, query: str, status: int
) -> None:
    made = follower()
    head = {"time": "2026-01-01T00:00:00Z", "host": "h", "epoch": "e"}
    answers: Mapping[str, dict[str, Any]] = {
        "ping": head,
        "history": {**head, "resolution_seconds": None, "series": {}},
    }
    monkeypatch.setattr(made.client, "request", lambda op, **_: answers[op])
    response = ask(f"/api/v1/hosts/{made.key}/history{query}", made)
    assert response.status_code == status
    if status == 400:
        assert error_of(response) == "bad_request"


@pytest.mark.parametrize(
    ("error", "status", "name"),
    [
        (CollectorTimeout("silent"), 504, "timeout"),
        (ProtocolError("busy", "later"), 503, "busy"),
        (ProtocolError("internal", "its log says more"), 502, "internal"),
        (ProtocolError("not_found", "no such series"), 404, "not_found"),
    ],
)
def test_what_a_collector_does_not_give_is_an_error_of_its_own(
    monkeypatch: pytest.MonkeyPatch, error: Exception, status: int, name: str
) -> None:
    made = follower()

    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(made.client, "request", fail)
    response = ask(f"/api/v1/hosts/{made.key}/history?series=x", made)
    assert response.status_code == status
    assert error_of(response) == name
    assert response.json is not None
    assert response.json["message"] == str(error)
    assert (response.headers.get("Retry-After") == "1") is (status == 503)


def test_a_host_that_is_not_followed_is_not_found() -> None:
    response = ask("/api/v1/hosts/none/history", follower())
    assert (response.status_code, error_of(response)) == (404, "not_found")
    response = ask("/api/v1/none", follower())
    assert (response.status_code, error_of(response)) == (404, "not_found")


def test_an_id_that_two_hosts_have_asks_for_a_key() -> None:
    first, second = follower(host="twin"), follower(host="twin")
    second.key = "other"
    response = ask("/api/v1/hosts/twin/history", first, second)
    assert (response.status_code, error_of(response)) == (409, "ambiguous")
    assert response.json is not None
    assert first.key in response.json["message"]
