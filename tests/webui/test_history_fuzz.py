"""Any parameters and any history that passes the door: an answer or an error of the contract.

HYPOTHESIS_PROFILE=thorough looks harder.
"""

import json
from typing import Any
from urllib.parse import urlencode

from health_webui.access.gate import Access
from health_webui.app import create_app
from health_webui.following.fleet import Fleet, Follower
from health_webui.pages import assets
from health_webui.pages.sparklines import SLOTS, Column, recorded
from health_wire import CollectorTimeout, ProtocolError, door
from hypothesis import given
from hypothesis import strategies as st

from tests.webui.sample import config, follower

HEAD = {"ok": True, "v": 1, "host": "pi", "epoch": "e", "seq": 7, "time": "2026-01-01T12:00:00Z"}
NUMBERS = st.integers(-(2**70), 2**70) | st.floats() | st.none()
WILD = NUMBERS | st.text(max_size=5) | st.booleans() | st.just([]) | st.just({})
COLUMN = st.lists(NUMBERS, max_size=3) | WILD
SERIES = st.fixed_dictionaries(dict.fromkeys(("t", "min", "avg", "max"), COLUMN)) | WILD
REPLIES = st.fixed_dictionaries(
    {
        "series": st.dictionaries(st.text(max_size=5), SERIES, max_size=2) | WILD,
        "resolution_seconds": WILD,
    },
    optional={"time": st.sampled_from(["", "8999-12-31T23:59:59.999Z", "1970-01-01T00:00:00Z", 3])},
)
NAMES = st.sampled_from(["series", "start", "end", "seconds", "points"]) | st.text(max_size=4)
TIMES = [
    "2026-01-01", "0001-01-01", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59",
    "2026-W01-1", "1767225600", "253402300799", "1e9", "0", "5", "60", "\u0661", "-0", "nan", "inf",
]  # fmt: skip
QUERIES = st.lists(
    st.tuples(NAMES, st.sampled_from(TIMES) | st.integers().map(str) | st.text()), max_size=4
)


def made() -> tuple[Any, Follower, list[Any]]:
    said: list[Any] = [None]
    one = follower()

    def request(op: str, /, **_: Any) -> dict[str, Any]:
        body = said[0] if op == "history" else {"version": "1", "uptime_seconds": 1}
        return door.answer(op, json.dumps({**HEAD, **body}).encode())

    one.client.request = request  # type: ignore[method-assign, assignment]
    fleet = Fleet(())
    fleet.all = (one,)
    app, _ = create_app(fleet, assets.load(), Access(config()))
    return app.test_client(), one, said


CLIENT, FOLLOWER, SAID = made()
BAR = Column("device.tank", None, "full_percent", "Tank", "percent", "")


@given(reply=REPLIES, query=QUERIES)
def test_it_is_answered(reply: dict[str, Any], query: list[tuple[str, str]]) -> None:
    SAID[0] = reply
    FOLLOWER.history._answers.clear()
    text = urlencode([(k, v.encode("utf-8", "replace")) for k, v in query])
    answer = CLIENT.get(f"/api/v1/hosts/{FOLLOWER.key}/history?{text}", base_url="http://localhost")
    assert answer.status_code in (200, 400, 502), answer.text
    body = json.loads(answer.text)
    if answer.status_code == 200:
        assert body["host"] == "pi"
    else:
        assert set(body) == {"error", "message"}


@given(reply=REPLIES)
def test_the_list_draws_it(reply: dict[str, Any]) -> None:
    SAID[0] = reply
    FOLLOWER.history._answers.clear()
    try:
        assert len(recorded(BAR, FOLLOWER)) == SLOTS
    except (CollectorTimeout, ProtocolError):
        return
