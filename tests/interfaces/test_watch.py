"""When it looks at what; what it does about it is in tests/process/test_bounds.py."""

from dataclasses import dataclass

import pytest
from health_collectord.interfaces.memory import Ceiling
from health_collectord.interfaces.watch import Watch


@dataclass
class Endpoint:
    endpoint: str


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    found: list[str] = []
    monkeypatch.setattr(
        "health_collectord.interfaces.watch.Intake.look", lambda _: found.append("intake")
    )
    monkeypatch.setattr(Ceiling, "look", lambda _: found.append("ceiling"))
    return found


def watch(events: str = "tcp://127.0.0.1:1") -> Watch:
    return Watch(Endpoint(events), Endpoint("tcp://127.0.0.1:2"), Ceiling())


def test_a_process_that_works_hard_looks_at_its_connections(looks: list[str]) -> None:
    watched = watch()
    watched.look()
    assert looks == ["intake", "ceiling"]


def test_one_that_rests_between_does_not(looks: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    watched = watch()
    now += 1.0
    watched.look()
    assert looks == ["intake", "ceiling"], "now and then, and so the first time"
    now += 1.0
    watched.look()
    assert looks == ["intake", "ceiling", "ceiling"]
    monkeypatch.setattr(Ceiling, "exceeded", lambda _: True)
    now += 1.0
    watched.look()
    assert looks == ["intake", "ceiling", "ceiling", "intake", "ceiling"]


def test_work_makes_it_look(looks: list[str]) -> None:
    watched = watch()
    watched.start()
    while not looks:
        sum(range(1000))


def test_what_is_no_tcp_port_has_no_measure(looks: list[str]) -> None:
    assert len(watch()._measures()) == 2
    assert len(watch("ipc:///run/events")._measures()) == 1
    assert looks == []
