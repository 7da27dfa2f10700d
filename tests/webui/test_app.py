"""Pages as they leave the server: escaped, complete without a script, and with strict headers."""

import base64
import gzip
import hashlib
import json
import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from health_webui.access.gate import Access
from health_webui.app import create_app
from health_webui.following import catalogue
from health_webui.following.fleet import Fleet, Follower
from health_webui.pages.assets import Assets, File

from tests.webui.sample import HOSTILE, STATE, config, follower

BUILT = Assets(
    {
        name: f"{name}-1"
        for name in ("main.js", "charts.js", "style.css", "THIRD_PARTY_LICENSES.txt")
    },
    {
        "main.js-1": File(
            b"let it = 'be';" * 9, gzip.compress(b"let it = 'be';" * 9), "text/javascript"
        ),
        "style.css-1": File(b"p{color:red}", None, "text/css"),
    },
)


def client(*followers: Follower, assets: Assets = BUILT) -> FlaskClient:
    fleet = Fleet([])
    fleet.all = followers
    app, _ = create_app(fleet, assets, Access(config()))
    app.testing = True
    return app.test_client()


def text(page: str) -> str:
    """What a person reads: without templates, tags and repeated blanks."""
    page = re.sub(r"<(template|script|title|svg)\b.*?</\1>", " ", page, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]*>", " ", page).split())


def test_the_first_response_carries_the_current_values() -> None:
    read = text(client(follower()).get("/").text)
    for expected in (
        "3 of 4 checks; 1 does not apply here",
        "91.3 % Full",
        "Size 22.9 GiB",
        "Spare not known",
        "Made 2026-01-01 12:00 UTC",
        "0 /s",
        "Stuck now No",
        "Stuck once not known",
    ):
        assert expected in read, read


@pytest.mark.parametrize("path", ["/", "/host/x"])
def test_texts_of_a_collector_are_text_and_nothing_else(path: str) -> None:
    many = (follower(), follower(host="x"))
    for page in (client(*many).get(path).text, client(follower()).get("/").text):
        assert HOSTILE not in page
        assert "<script>alert" not in page
        assert not re.search(r"<[^>]*\son\w+=", page)


def test_the_scripts_plan_cannot_end_its_element() -> None:
    made = follower()
    assert made.catalogue is not None
    made.catalogue = catalogue.parse(DESCRIBED_WITH_HOSTILE_TITLE)
    page = client(made).get("/").text
    plan = re.search(r'<script type="application/json" id="plan">(.*?)</script>', page, re.DOTALL)
    assert plan is not None
    assert (
        json.loads(plan[1])["metrics"][0]["charts"][0]["title"]
        == "</script><script>alert(1)</script>"
    )


DESCRIBED_WITH_HOSTILE_TITLE: dict[str, Any] = {
    "metrics": [
        {
            "name": "x",
            "state": "x",
            "fields": [{"name": "y", "kind": "gauge", "unit": "count", "history": True}],
            "charts": [
                {"kind": "lines", "title": "</script><script>alert(1)</script>", "series": ["y"]}
            ],
        }
    ]
}


def state(**changes: Any) -> dict[str, Any]:
    return {**STATE, **changes}


@pytest.mark.parametrize(
    ("status", "reason", "words"),
    [
        ("waiting", None, "Waiting for the first sample"),
        ("denied", "join the group", "Permission denied: join the group"),
        ("failing", "EIO", "Failing: EIO"),
    ],
)
def test_what_is_missing_says_why(status: str, reason: str | None, words: str) -> None:
    device = {**STATE["device"], "tank": None}
    told = {"metrics": {"tank": {"status": status, "reason": reason}}}
    page = client(follower(state(device=device, collector=told))).get("/").text
    card = page[page.index('id="metric-tank"') : page.index('id="metric-pipes"')]
    assert f">{words}</p>" in card
    assert '<div class="body" data-body hidden>' in card


def test_what_a_machine_does_not_have_folds_into_a_list() -> None:
    device = {**STATE["device"], "tank": None}
    told = {"metrics": {"tank": {"status": "unavailable", "reason": "no tank"}}}
    page = client(follower(state(device=device, collector=told))).get("/").text
    assert re.search(r'id="metric-tank"[^>]* hidden>', page)
    assert re.search(r'<li data-absent="tank"><strong>Tank</strong> <span>no tank</span>', page)


def test_of_very_many_rows_the_first_are_drawn_and_the_rest_counted() -> None:
    rows = [{"key": f"pipe-{n}", "full_percent": 1.0} for n in range(20_000)]
    device = {**STATE["device"], "pipes": {"pipes": rows}}
    page = client(follower({**STATE, "device": device})).get("/").text
    assert page.count('data-key="pipe-') == 200
    assert "19800 more are not shown" in text(page)


def test_a_host_that_sends_what_it_may_not_says_so_beside_the_others() -> None:
    faulty = follower(host="faulty")
    faulty.client.fault = "sends what is not of the protocol: a number beyond 2 to the power of 64"
    browser = client(faulty, follower(host="good"))
    listed = text(browser.get("/").text)
    assert "Unknown faulty this host sends what this page cannot take" in listed
    page = browser.get(f"/host/{faulty.key}").text
    assert 'data-cause="faulty"' in page
    assert "sends what is not of the protocol: a number beyond" in text(page)


def test_what_hardly_ever_changes_stands_last() -> None:
    page = client(follower()).get("/").text
    assert re.findall(r'data-metric="(\w+)"', page) == ["tank", "pipes", "valve", "plate"]


def test_no_bar_and_no_text_is_styled_in_place() -> None:
    assert not re.search(r"<[^>]*\sstyle=", client(follower()).get("/").text)


def test_a_stale_collectors_page_says_so_without_a_script() -> None:
    page = client(follower(status="stale")).get("/").text
    assert '<h1 id="verdict" data-status="stale">' in page
    assert 'class="stale"' in page
    assert "<title>Stale: no data for" in page


def test_before_a_collector_was_seen_the_page_says_where_it_looks() -> None:
    made = follower()
    made.client.host, made.catalogue = None, None
    read = text(client(made).get("/").text)
    assert "Unknown: never seen by this server" in read
    since = made.since.replace("T", " ")[:16]
    assert f"follows this host since {since} UTC and has not seen it" in read
    assert f"{made.endpoints.events} for events and {made.endpoints.state} for the state" in read
    assert "Nothing has taken the connection" in read
    made.client.reached = True
    assert "takes the connection, but" in text(client(made).get("/").text)
    made.client.refusal = "the collector asks for keys: invite"
    refused = text(client(made).get("/").text)
    assert "Refused: the collector asks for keys: invite" in refused
    assert "does not let this server in" in refused


def test_without_a_front_end_the_page_says_so() -> None:
    page = client(follower(), assets=Assets()).get("/").text
    assert "The front end is not built." in page
    assert "/static/" not in page
    assert "The front end is not built." not in client(follower()).get("/").text


def test_many_hosts_are_a_list_with_the_worst_first() -> None:
    healthy = follower(state(health={"status": "healthy", "summary": "fine"}), host="fine")
    page = (
        client(healthy, follower(host="bad"), follower(host="gone", status="stale")).get("/").text
    )
    assert re.findall(r'<a href="host/\w+">(\w+)</a>', page) == ["bad", "gone", "fine"]


def test_every_address_in_a_page_is_relative() -> None:
    made = follower(host="pi"), follower()
    for path in ("/", "/host/pi", "/nowhere/at/all"):
        page = client(*made).get(path).text
        addresses = re.findall(r'(?:href|src)="([^"]*)"', page)
        assert addresses
        assert not [
            a
            for a in addresses
            if a.startswith("/")
            or "//" in a.removeprefix("data:image/svg+xml,").replace("http://www.w3.org", "")
        ]


@pytest.mark.parametrize("path", ["/", "/host/none", "/static/none", "/api/v1/hosts/none/history"])
def test_every_response_has_the_headers_that_keep_others_out(path: str) -> None:
    headers = client(follower()).get(path).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"


def test_the_policy_allows_the_style_that_the_page_has_and_no_other() -> None:
    answer = client(follower()).get("/")
    [style] = re.findall(r"<style>(.*?)</style>", answer.text, flags=re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert style == "p{color:red}"
    assert f"style-src 'sha256-{digest}';" in answer.headers["Content-Security-Policy"]


def test_assets_are_compressed_and_kept() -> None:
    response = client(follower()).get("/static/main.js-1", headers={"Accept-Encoding": "gzip, br"})
    assert response.headers["Content-Encoding"] == "gzip"
    assert "immutable" in response.headers["Cache-Control"]
    assert "Accept-Encoding" in response.headers["Vary"]
    assert gzip.decompress(response.data) == BUILT.files["main.js-1"].content
    plain = client(follower()).get("/static/main.js-1")
    assert plain.data == BUILT.files["main.js-1"].content
    assert "Content-Encoding" not in plain.headers


def test_a_page_is_compressed_and_not_kept() -> None:
    response = client(follower()).get("/", headers={"Accept-Encoding": "gzip"})
    assert response.headers["Cache-Control"] == "no-store"
    assert gzip.decompress(response.data).startswith(b"<!doctype html>")


def test_only_logging_in_and_out_is_more_than_looking() -> None:
    app, _ = create_app(Fleet([]), Assets(), Access(config()))
    changing = {r.rule for r in app.url_map.iter_rules() if (r.methods or set()) & {"POST", "PUT"}}
    assert changing == {"/login", "/logout"}
    methods = {method for rule in app.url_map.iter_rules() for method in rule.methods or ()}
    assert methods <= {"GET", "HEAD", "OPTIONS", "POST"}


def test_the_first_response_has_the_rates_that_the_reader_chose() -> None:
    made = follower({**STATE, "x": {"y": 125_000}})
    field = {"name": "y", "kind": "gauge", "unit": "bytes_per_second"}
    described = {"name": "x", "state": "x", "fields": [field], "card": {"kind": "figures"}}
    made.catalogue = catalogue.parse({"metrics": [described | {"card": {"lines": ["y"]}}]})
    asked = client(made).application.test_client(use_cookies=False)
    for cookie, drawn in (("bits", "1.00 Mbit/s"), ("no", "122 KiB/s"), (None, "122 KiB/s")):
        headers = {"Cookie": f"health-rates={cookie}"} if cookie else {}
        page = asked.get("/", headers=headers).text
        assert drawn in page
        assert ('data-rates="bits"' in page) is (cookie == "bits")


def test_the_first_response_has_the_colours_that_the_reader_chose() -> None:
    asked = client(follower()).application.test_client(use_cookies=False)
    for chosen, drawn in (("dark", True), ("light", True), ('"><script>', False), ("", False)):
        page = asked.get("/", headers={"Cookie": f"health-theme={chosen}"}).text
        assert (f'<html lang="en" data-theme="{chosen}">' in page) is drawn
        assert ("data-theme" in page) is drawn
