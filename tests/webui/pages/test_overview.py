"""What the list of hosts says, and that what it says once a second adds up to the same."""

import random
from dataclasses import replace
from typing import Any, ClassVar

import pytest
from health_webui import verdict
from health_webui.following import catalogue
from health_webui.following.fleet import Fleet, Follower
from health_webui.following.history import History
from health_webui.pages.overview import Overview, counts, natural, summary
from health_wire import CollectorTimeout, tree

from tests.health_wire.scripted import SettableClock
from tests.webui.sample import DESCRIBED, STATE, follower


def fleet(*followers: Follower) -> Fleet:
    made = Fleet([])
    for number, each in enumerate(followers):
        each.key = f"key{number}"
    made.all = followers
    return made


def judged(status: str, full: float | None = 50.0, **more: Any) -> dict[str, Any]:
    device = {**STATE["device"], "tank": {"full_percent": full}}
    health = {"status": status, "summary": "because", "problems": [], "checks": {}}
    return {"device": device, "health": health, **more}


def heard(each: Follower, seconds: float) -> Follower:
    each.client._heard = each.client._clock() - seconds
    return each


def fill(overview: Overview) -> None:
    for ask in overview.fills():
        ask()


def test_rows_are_the_worst_first_and_then_by_name() -> None:
    hosts = [
        follower(judged("healthy"), host="node-10"),
        follower(judged("healthy"), host="node-2"),
        follower(judged("critical"), host="node-7"),
        heard(follower(judged("critical"), host="gone", status="stale"), 30),
        follower(judged("warning"), host="w"),
        follower({}, host="new"),
    ]
    rows = Overview(fleet(*hosts)).rows()
    assert [row.name for row in rows.values()] == [
        "node-7",
        "w",
        "gone",
        "new",
        "node-2",
        "node-10",
    ]
    assert summary(rows) == "Critical: 1 critical, 1 warning, 1 stale, 1 unknown, 2 healthy"
    assert list(counts(rows)) == list(verdict.SEVERITY)
    assert summary({}) == "No hosts yet"


def test_figures_are_those_that_the_catalogue_has_bars_for() -> None:
    made = Overview(fleet(follower(judged("healthy", 91.26))))
    assert [c.title for c in made.columns] == ["Tank", "Pipes"]
    (row,) = made.rows().values()
    assert row.figures == (91.3, 10)  # of rows the greatest
    assert row.levels == ("warning", "")


@pytest.mark.parametrize("given", [None, "many", True, [], {"full_percent": {}}])
def test_what_is_no_figure_is_not_known(given: Any) -> None:
    state = judged("healthy")
    state["device"] = {"tank": {"full_percent": given}, "pipes": {"pipes": given}}
    (row,) = Overview(fleet(follower(state))).rows().values()
    assert row.figures == (None, None)


def test_a_silent_host_says_what_was_last_known_and_since_when() -> None:
    clock = SettableClock()
    gone = follower(judged("critical"), host="gone", status="stale")
    gone.client._clock = clock
    gone.client._heard = clock.now - 30
    made = Overview(fleet(gone), clock)
    (row,) = made.snapshot()["rows"].values()
    assert (row["status"], row["seen"], row["silent"]) == ("stale", "stale", 30.0)
    assert row["reason"] == "last known: Critical: because"
    clock.now += 5
    assert made.tick()["rows"] == {}, "the seconds are the browser's to count"
    (later,) = made.snapshot()["rows"].values()
    assert later["silent"] == 35.0


def test_a_second_says_only_what_has_changed() -> None:
    first, second = follower(judged("healthy"), host="a"), follower(judged("healthy"), host="b")
    made = Overview(fleet(first, second))
    made.tick()
    assert made.tick()["rows"] == {}
    second.client.state = tree.freeze(judged("healthy", 51.0))
    assert made.tick()["rows"] == {"key1": {"figures": (51.0, 10)}}
    second.client.status = "stale"
    changed = made.tick()["rows"]["key1"]
    assert set(changed) == {"status", "reason", "seen", "silent"}


def test_snapshot_and_ticks_add_up_to_a_later_snapshot() -> None:
    chance, clock = random.Random(7), SettableClock()
    hosts = [follower(judged("healthy"), host=f"n{i}") for i in range(5)]
    made = Overview(fleet(*hosts), clock)
    shown = made.snapshot()
    for _ in range(60):
        clock.now += 1
        for each in hosts:
            status = chance.choice(["healthy", "warning", "critical"])
            each.client.state = tree.freeze(judged(status, chance.uniform(0, 100)))
            each.client.status = chance.choice(["live", "live", "live", "stale"])
        message = made.tick()
        for key, changed in message["rows"].items():
            shown["rows"][key] = shown["rows"][key] | changed
        for key, newest in message.get("points", {}).items():
            both = zip(shown["sparks"][key], newest, strict=True)
            shown["sparks"][key] = [letters[1:] + letter for letters, letter in both]
    later = made.snapshot()
    assert shown["sparks"] == later["sparks"]
    assert any(letters.strip() for letters in later["sparks"]["key0"])
    for both in (shown, later):
        for row in both["rows"].values():
            del row["silent"]
    assert shown["rows"] == later["rows"]


def test_the_page_changes_with_hosts_and_columns_and_with_nothing_else() -> None:
    first, second = follower(judged("healthy"), host="a"), follower(judged("healthy"), host="b")
    both = fleet(first, second)
    made = Overview(both)
    page = made.page
    first.client.state, first.client.status = tree.freeze(judged("critical")), "stale"
    assert made.page == page
    assert second.catalogue is not None
    second.catalogue = replace(
        second.catalogue, metrics=second.catalogue.metrics[1:], fingerprint="other"
    )
    assert made.page == page, "another host has that column"
    both.all = (second,)
    assert made.page != page


class Recording:
    """Stands in for the client's `request`: 40 % for the last five minutes."""

    head: ClassVar = {"host": "pi", "epoch": "e", "time": "2026-01-01T00:00:00.000Z"}

    def __init__(self) -> None:
        self.asked = 0
        self.answers = True

    def __call__(self, op: str, /, **members: Any) -> dict[str, Any]:
        if op == "ping":
            return self.head
        self.asked += 1
        if not self.answers:
            raise CollectorTimeout("silent")
        start, end = int(members["start"]), int(members["end"])
        t = list(range(start, end, 5))
        columns = {"t": t, "avg": [40.0] * len(t)}
        return self.head | {"series": dict.fromkeys(members["series"], columns)}


def test_what_was_missed_is_asked_for_once_and_again_after_a_silence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = SettableClock()
    host, recording = follower(judged("healthy")), Recording()
    monkeypatch.setattr(host.client, "request", recording)
    host.history = History(host.client, list, clock)
    made = Overview(fleet(host), clock)
    assert made.snapshot()["sparks"] == {"key0": [" " * 60] * 2}
    recording.answers = False
    fill(made)
    fill(made)
    assert recording.asked == 1, "not again at once"
    assert "sparks" not in made.tick()
    clock.now += 60
    recording.answers = True
    fill(made)
    tank, pipes = made.tick()["sparks"]["key0"]
    assert tank[:-1] == pipes[:-1] == "D" * 59
    assert (tank[-1], pipes[-1]) == ("I", "5"), "what was seen here"
    assert "sparks" not in made.tick()
    asked = recording.asked
    clock.now += 60
    fill(made)
    assert recording.asked == asked
    host.client.status = "stale"
    made.tick()
    host.client.status = "live"
    clock.now += 2
    fill(made)
    assert recording.asked > asked


def test_no_host_takes_the_columns_of_the_others() -> None:
    honest = [follower(judged("healthy", 50.0)) for _ in range(2)]
    greedy = follower(judged("healthy"))
    tank = DESCRIBED["metrics"][0]
    metrics = [tank | {"name": f"t{n}", "state": f"x.t{n}", "title": f"T{n}"} for n in range(9)]
    greedy.catalogue = catalogue.parse({"metrics": metrics})
    titles = [c.title for c in Overview(fleet(greedy, *honest)).columns]
    assert len(titles) == 4
    assert {"Tank", "Pipes"} <= set(titles)


def test_names_are_sorted_as_people_do() -> None:
    names = ["b", "a10", "a2", "a", "10", "9", "a02x", f"a{'9' * 5000}", "Z"]
    assert sorted(names, key=natural)[:5] == ["9", "10", "a", "a2", "a02x"]
