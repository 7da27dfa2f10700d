"""Frames that are an event, and frames that are none."""

import json
from typing import Any

import pytest
from health_wire import Event, ProtocolError
from health_wire.updates import decode_event, natural, object_, text
from hypothesis import given
from hypothesis import strategies as st

BODY = {"v": 1, "host": "pi", "epoch": "e", "seq": 7, "time": "t", "name": "n", "data": {"a": 1}}


def decoded(**members: Any) -> Event | None:
    return decode_event([b"n", json.dumps(BODY | members).encode()])


def test_an_event() -> None:
    assert decoded() == Event("pi", "e", 7, "t", "n", {"a": 1})
    replayed = decoded(replay=True, unknown=5)
    assert replayed is not None
    assert replayed.replay


@pytest.mark.parametrize(
    "members",
    [{"v": 2}, {"v": None}, {"host": 1}, {"seq": -1}, {"seq": True}, {"seq": 1.5}, {"name": None}],
)
def test_what_is_not_of_this_protocol_is_none(members: dict[str, Any]) -> None:
    assert decoded(**members) is None


@given(st.lists(st.binary(), max_size=4))
def test_nor_are_any_other_frames(frames: list[bytes]) -> None:
    assert decode_event(frames) is None


def test_members_are_of_their_types() -> None:
    for take in (text, natural, object_):
        with pytest.raises(ProtocolError, match="'seq' is not"):
            take({"seq": -1.5}, "seq")
