"""Whatever passes the door can be drawn: members of what a collector says, replaced by anything.

HYPOTHESIS_PROFILE=thorough looks harder.
"""

import copy
import json
from typing import Any

from health_webui.access.gate import Access
from health_webui.app import create_app
from health_webui.following import catalogue
from health_webui.following.fleet import Fleet
from health_webui.pages import assets
from health_wire import ProtocolError, door, tree
from hypothesis import given
from hypothesis import strategies as st

from tests.webui.sample import DESCRIBED, STATE, config, follower

HEAD = {"ok": True, "v": 1, "host": "pi", "epoch": "e", "seq": 7, "time": "2026-01-01T12:00:00Z"}
WILD = st.sampled_from(
    ["__proto__", "constructor", "", "\u202e", "<b>", 2**64, -1, 0.5, 1e18, None, True, [], {}]
)
JSON = WILD | st.recursive(
    WILD | st.integers() | st.floats() | st.text(),
    lambda below: st.lists(below, max_size=4) | st.dictionaries(st.text(), below, max_size=4),
    max_leaves=8,
)


FLEET = Fleet(())
FLEET.all = (follower(), follower(host="honest"))
APP, _ = create_app(FLEET, assets.load(), Access(config()))


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every container in it, and each key there."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    found = [(value, key) for key, _ in pairs]
    below = [v for _, v in (value.items() if isinstance(value, dict) else enumerate(value))]
    return found + [p for v in below if isinstance(v, dict | list) for p in places(v)]


@given(st.data())
def test_whatever_passes_the_door_is_drawn(data: st.DataObject) -> None:
    said = copy.deepcopy({"describe": {**DESCRIBED, "history": []}, "snapshot": {"state": STATE}})
    for _ in range(data.draw(st.integers(1, 3))):
        container, key = data.draw(st.sampled_from(places(said[data.draw(
            st.sampled_from(["describe", "snapshot"]))])))  # fmt: skip
        container[key] = data.draw(JSON)
    try:
        described, snapshot = (
            door.answer(op, json.dumps({**HEAD, **body}).encode()) for op, body in said.items()
        )
    except ProtocolError:
        return
    made = FLEET.all[0]
    made.catalogue = catalogue.parse(described)
    made.client.state = tree.freeze(snapshot["state"])
    client = APP.test_client()
    for path in ("/", f"/host/{made.key}", "/api/v1/hosts", f"/api/v1/hosts/{made.key}/state"):
        answer = client.get(path, base_url="http://localhost")
        assert answer.status_code == 200, (path, answer.text)
    assert "honest" in client.get("/", base_url="http://localhost").text
