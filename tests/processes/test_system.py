"""State is a function of the events, and the same on both sides of the wire."""

import json
from typing import Any

from health_collectord.messages import MetricLost, MetricStatus
from health_collectord.processes.system import SystemProcess
from health_collectord.runtime.store import SnapshotStore
from health_wire import tree
from hypothesis import given
from hypothesis import strategies as st

from tests.declarations import sample
from tests.doubles import Context, Note, sequenced

LEVELS = st.none() | st.floats(0, 100)
SAMPLES = st.builds(
    sample, LEVELS, a=LEVELS, b=LEVELS
) | st.just(MetricLost(event="system.probe.updated"))  # fmt: skip
STATUSES = st.builds(
    MetricStatus,
    metric=st.sampled_from(["probe", "other"]),
    status=st.sampled_from(["ok", "failing"]),
    reason=st.none() | st.text(max_size=5),
    since=st.just("2026-01-01T12:00:00.000Z"),
)
MESSAGES = st.lists(SAMPLES | STATUSES | st.builds(Note, st.integers()), max_size=20)


def project(messages: list[Any]) -> tuple[tree.FrozenDict, list[Any]]:
    store = SnapshotStore()
    ctx = Context(state=store)
    process = SystemProcess()
    events = [sequenced(message, seq) for seq, message in enumerate(messages, 1)]
    for evt in events:
        process.handle_event(ctx, evt)
        store.commit(evt.seq)
    assert ctx.emitted == []
    return store.snapshot()[1], events


@given(MESSAGES)
def test_a_listener_that_applies_the_events_holds_the_same_state(messages: list[Any]) -> None:
    state, events = project(messages)
    heard = tree.EMPTY
    for evt in events:
        wire = json.loads(b"{%b}" % evt.core)
        heard = tree.apply(heard, wire["name"], tree.freeze(wire["data"]))
    assert heard == state
    assert json.dumps(heard) == json.dumps(state)


@given(MESSAGES)
def test_the_same_events_give_the_same_state_byte_for_byte(messages: list[Any]) -> None:
    assert json.dumps(project(messages)[0]) == json.dumps(project(messages)[0])


def test_figures_that_are_gone_are_null() -> None:
    state, _ = project([sample(5.0), MetricLost(event="system.probe.updated")])
    assert state == {"system": {"probe": None}}
