"""Coalescing and link states, with a scripted client and clock."""

from typing import Any

import pytest
from health_webui.following.relay import (
    GATHER_SECONDS,
    LAST_SECONDS,
    QUIET_SECONDS,
    FrameBuffer,
    Relay,
)
from health_wire import CollectorTimeout, Event, Link, Snapshot, Update, tree

from tests.webui.sample import DESCRIBED, follower

EPOCH = "e" * 32


def event(
    seq: int, name: str, data: Any = None, *, time: str = "t1", replay: bool = False
) -> Event:
    return Event("host", EPOCH, seq, time, name, data, replay)


def test_a_frame_has_the_newest_of_each_state_in_order() -> None:
    buffer = FrameBuffer()
    assert buffer.take() is None
    for seq, name in enumerate(("a.b.updated", "collector.heartbeat", "c.updated", "a.b.updated")):
        buffer.add(event(seq, name, {"n": seq}))
    assert buffer
    assert buffer.take() == {
        "host": "host",
        "epoch": EPOCH,
        "seq": 3,
        "time": "t1",
        "events": [["c", {"n": 2}], ["a.b", {"n": 3}]],
    }
    assert not buffer


def test_a_frame_without_events_says_that_the_collector_lives() -> None:
    buffer = FrameBuffer()
    buffer.add(event(9, "collector.heartbeat"))
    frame = buffer.take()
    assert frame is not None
    assert frame["seq"] == 9
    assert frame["events"] == []


def test_an_event_of_another_time_keeps_it() -> None:
    buffer = FrameBuffer()
    buffer.add(event(1, "a.updated", 1, time="t0"))
    buffer.add(event(2, "b.updated", 2, time="t1", replay=True))
    frame = buffer.take()
    assert frame is not None
    assert frame["events"] == [["a", 1, "t0"], ["b", 2]]
    assert frame["replay"] is True


class Scene:
    """A relay on a follower whose client gives what it is told to, at times that it is told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.follower = follower()
        self.now = 100.0
        self.script: list[list[Update]] = []
        self.waits: list[float] = []
        self.described: list[Any] = [{"epoch": EPOCH, **DESCRIBED}]
        self.sent: list[tuple[str, dict[str, Any], str]] = []
        monkeypatch.setattr(self.follower.client, "receive", self.receive)
        monkeypatch.setattr(self.follower.client, "request", self.request)
        self.relay = Relay(
            self.follower, lambda *message: self.sent.append(message), lambda: self.now
        )

    def receive(self, timeout: float) -> list[Update]:
        self.waits.append(timeout)
        if self.script:
            return self.script.pop(0)
        self.now += timeout
        return []

    def request(self, op: str) -> dict[str, Any]:
        assert op == "describe"
        answer = self.described.pop(0)
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, dict)
        return answer

    def snapshot(self, epoch: str = EPOCH) -> Snapshot:
        self.follower.client.epoch = epoch
        return Snapshot("host", epoch, 7, "t", tree.EMPTY)

    def names(self) -> list[str]:
        return [name for name, _, _ in self.sent]


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Scene:
    made = Scene(monkeypatch)
    made.script = [[made.snapshot()]]
    made.relay.step()
    assert made.names() == ["snapshot"]
    made.sent.clear()
    return made


def test_events_that_arrive_together_are_one_message_to_the_hosts_room(scene: Scene) -> None:
    scene.script = [[event(8, "a.updated", 1)], [event(9, "b.updated", 2)]]
    for _ in range(3):
        scene.relay.step()
    assert [(name, frame["events"], room) for name, frame, room in scene.sent] == [
        ("frame", [["a", 1], ["b", 2]], scene.follower.key)
    ]
    assert scene.waits[-1] == pytest.approx(QUIET_SECONDS)


def test_the_heartbeat_which_comes_last_ends_the_gathering(scene: Scene) -> None:
    scene.script = [[event(8, "a.updated", 1), event(9, "collector.heartbeat")]]
    for _ in range(2):
        scene.relay.step()
    assert scene.names() == ["frame"]
    assert scene.waits[-1] == pytest.approx(LAST_SECONDS)


def test_a_busy_collector_cannot_put_off_the_frame(scene: Scene) -> None:
    scene.script = [[event(8, "a.updated", 1)]]
    scene.relay.step()
    scene.now += GATHER_SECONDS
    scene.script = [[event(9, "a.updated", 2)]]
    scene.relay.step()
    assert scene.names() == ["frame"]


def test_a_link_that_goes_stale_is_told_after_what_came_before(scene: Scene) -> None:
    scene.script = [[event(8, "a.updated", 1), Link("stale", 3.0)]]
    scene.relay.step()
    assert scene.names() == ["frame", "link"]


def test_a_snapshot_replaces_what_had_been_gathered(scene: Scene) -> None:
    scene.described = [{"epoch": EPOCH, **DESCRIBED}]
    scene.script = [[event(8, "a.updated", 1), scene.snapshot()]]
    scene.relay.step()
    scene.relay.step()
    assert scene.names() == ["snapshot"]


def test_a_new_epoch_asks_for_the_catalogue_again(scene: Scene) -> None:
    changed = {**DESCRIBED, "metrics": DESCRIBED["metrics"][:1]}
    scene.described = [CollectorTimeout("not yet"), {"epoch": "f" * 32, **changed}]
    before = scene.follower.catalogue
    scene.script = [[scene.snapshot("f" * 32)]]
    for _ in range(3):
        scene.relay.step()
    assert scene.names() == ["snapshot"], "told once, when the catalogue of this epoch is here"
    assert scene.follower.catalogue is not None
    assert before is not None
    assert scene.sent[0][1]["page"] == scene.follower.catalogue.fingerprint != before.fingerprint


@pytest.mark.parametrize("missed", [False, True])
def test_a_reload_asks_for_the_catalogue_again_and_tells_what_is_other(
    scene: Scene, missed: bool
) -> None:
    assert scene.follower.catalogue is not None
    before = scene.follower.catalogue.fingerprint
    changed = {**DESCRIBED, "metrics": DESCRIBED["metrics"][:1]}
    same = {"epoch": EPOCH, **DESCRIBED}
    scene.described = [same, {"epoch": EPOCH, **changed}]
    told = scene.snapshot() if missed else event(8, "collector.configured", {"changed": {}})
    scene.script = [[told], [], []]
    for _ in range(3):
        scene.relay.step()
        scene.now += 1.0
    assert len(scene.described) == 1, "asked once"
    pages = [message["page"] for name, message, _ in scene.sent if name == "snapshot"]
    assert set(pages) == ({before} if missed else set()), "nothing is other"
    scene.script = [[told]]
    for _ in range(4):
        scene.relay.step()
        scene.now += 1.0
    assert scene.described == []
    pages = [message["page"] for name, message, _ in scene.sent if name == "snapshot"]
    assert pages[-1] != before


def test_many_reloads_are_not_asked_about_more_than_once_a_second(scene: Scene) -> None:
    scene.described = [{"epoch": EPOCH, **DESCRIBED} for _ in range(9)]
    for _ in range(30):
        scene.script.append([event(8, "collector.configured")])
        scene.relay.step()
        scene.now += 0.1
    assert len(scene.described) in (6, 7)


def test_what_goes_wrong_with_a_host_is_that_hosts_state(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Enough(BaseException):
        pass

    def wrong(_: float) -> list[Update]:
        if scene.follower.client.fault:
            raise Enough
        raise KeyError("x")

    monkeypatch.setattr(scene.follower.client, "receive", wrong)
    with pytest.raises(Enough):
        scene.relay.run()
    assert scene.follower.client.fault == "made this page fail: KeyError"
    assert scene.follower.verdict().status == "unknown"
    assert "left alone for a while" in caplog.text
