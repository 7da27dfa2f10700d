"""The foot's line on the record: the server and the browser write the same, of anything."""

import json
from typing import Any

import pytest
from health_webui.pages.record import line

from tests.webui import module
from tests.webui.sample import STATE, follower
from tests.webui.test_app import client, text

KEPT = {"kept_bytes": 12_400_000, "kept_since": "2026-11-27"}
TABLE: list[tuple[Any, str]] = [
    (None, ""),
    ("text", ""),
    ({}, ""),
    ({"kept_bytes": None, "kept_since": None}, ""),
    ({"kept_bytes": True, "kept_since": "2026-11-27"}, ""),
    ({"kept_bytes": 5, "kept_since": "<b>2026-11-27"}, ""),
    (KEPT, "Record: 11.8 MiB since 2026-11-27"),
    (
        KEPT | {"written_bytes_per_day": 163_000_000, "full_on": "2027-10-03"},
        "Record: 11.8 MiB since 2026-11-27, 155 MiB written a day, nothing goes before 2027-10-03",
    ),
    (KEPT | {"full_on": 3}, "Record: 11.8 MiB since 2026-11-27"),
]


@pytest.mark.parametrize(("told", "words"), TABLE)
def test_the_server_writes_it(told: Any, words: str) -> None:
    state = follower(STATE | {"collector": {"self": {"record": told}}}).client.state
    assert line(state) == words


def test_the_browser_writes_the_same() -> None:
    each = f"{json.dumps([told for told, _ in TABLE])}.map(recordLine)"
    written = module.run("record.js", "recordLine", "", each, before=module.WORDS)
    assert written == [words for _, words in TABLE]


def test_it_stands_on_the_foot() -> None:
    told = {"self": {"record": KEPT}}
    page = text(client(follower(STATE | {"collector": told})).get("/").text)
    assert "Record: 11.8 MiB since 2026-11-27 Times in UTC" in page
    assert 'id="record" hidden' in client(follower()).get("/").text
