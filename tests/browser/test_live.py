"""The page while all is well."""

import re
from pathlib import Path
from typing import Any

from playwright.sync_api import CDPSession, Page, Route, expect

from tests.browser.conftest import Open, start_pi
from tests.running import Running, start_collector, start_webui, wait_for

MAX_KILOBYTES = 48
MAX_KILOBYTES_WITH_CHARTS = 76
MAX_REQUESTS = 4


def tick(page: Page) -> str:
    """The time of the newest frame, which the page shows beside Live."""
    return page.locator("#link").inner_text()


def wait_for_ticks(page: Page, count: int = 2) -> list[str]:
    expect(page.locator("#link")).to_contain_text("Live")
    seen = [tick(page)]
    while len(seen) <= count:
        page.wait_for_function(
            "before => document.getElementById('link').innerText !== before", arg=seen[-1]
        )
        seen.append(tick(page))
    return seen


def test_values_change_every_second(open_page: Open, webui: Running) -> None:
    page = open_page(webui.url)
    page.evaluate(
        """() => {
            window.changes = 0;
            const what = { characterData: true, childList: true, subtree: true };
            const cards = document.querySelector('.cards');
            new MutationObserver(() => window.changes += 1).observe(cards, what);
        }"""
    )
    wait_for_ticks(page, 3)
    assert page.evaluate("window.changes") > 0
    assert not page.locator(".stale").count()


def test_the_first_response_is_complete_without_a_script(
    open_page: Open, webui: Running, collector: Running
) -> None:
    expect(open_page(webui.url).locator("#coverage")).to_contain_text(" checks")
    page = open_page(webui.url, script=False)
    expect(page.locator("h1")).not_to_contain_text("never seen")
    cards = page.locator("article.card")
    assert cards.count() == len(collector.request("describe")["metrics"])
    assert "Without JavaScript" in page.locator("noscript").inner_text()


def test_few_requests_and_bytes_until_the_first_live_update(
    open_page: Open, webui: Running
) -> None:
    page = open_page("about:blank")
    devtools: CDPSession = page.context.new_cdp_session(page)
    devtools.send("Network.enable")
    urls: dict[str, str] = {}
    sizes: dict[str, int] = {}
    live: list[str] = []

    def frame(message: dict[str, Any]) -> None:
        payload, request = message["response"]["payloadData"], message["requestId"]
        if not live:
            sizes[request] = sizes.get(request, 0) + len(payload.encode())
        if payload.startswith('42["frame"'):
            live.append(payload)

    def finished(message: dict[str, Any]) -> None:
        if not live:
            sizes[message["requestId"]] = int(message["encodedDataLength"])

    def asked(request: str, url: str) -> None:
        if not live and not url.startswith("data:"):
            urls[request] = url

    devtools.on("Network.requestWillBeSent", lambda m: asked(m["requestId"], m["request"]["url"]))
    devtools.on("Network.webSocketCreated", lambda m: asked(m["requestId"], m["url"]))
    devtools.on("Network.loadingFinished", finished)
    devtools.on("Network.webSocketFrameReceived", frame)
    page.goto(webui.url)
    wait_for_ticks(page, 1)
    # The charts' code and their history are asked for beside it, and are not waited for.
    aside = {request for request, url in urls.items() if "/charts-" in url or "/api/" in url}
    needed = sum(sizes.get(request, 0) for request in urls if request not in aside) / 1000
    every = sum(sizes.values()) / 1000
    print(f"{needed:.1f} kB in {len(urls) - len(aside)} requests; with charts {every:.1f} kB")
    assert len(urls) - len(aside) <= MAX_REQUESTS, urls
    assert needed <= MAX_KILOBYTES
    assert every <= MAX_KILOBYTES_WITH_CHARTS


def test_what_the_server_drew_stands_until_more_is_known(open_page: Open, webui: Running) -> None:
    """Not a frame of another verdict, and Live is what came over the connection alone."""
    wait_for_ticks(open_page(webui.url))
    page = open_page("about:blank")
    page.add_init_script(
        """
        window.said = [];
        const text = (id) => document.getElementById(id)?.textContent;
        const look = () => {
            if (document.readyState === "loading") return;
            const now = [text("verdict"), text("link"), text("coverage"), text("announce")];
            if (String(now) !== String(said.at(-1))) said.push(now);
        };
        const all = { childList: true, characterData: true, subtree: true };
        new MutationObserver(look).observe(document, all);
        document.addEventListener("readystatechange", look);
        """
    )
    page.goto(webui.url)
    wait_for_ticks(page, 1)
    said = page.evaluate("window.said")
    links = [link for _, link, _, _ in said]
    assert links[0] == "As of loading"
    assert all(link.startswith("Live ") for link in links[1:]), links
    # But for a figure that it has: this machine is a busy one.
    verdicts = {(re.sub(r"[0-9.]+", "", verdict), coverage) for verdict, _, coverage, _ in said}
    assert len(verdicts) == 1, said
    assert not any(announced for *_, announced in said), said

    page.route_web_socket("**/socket.io/**", lambda _: None)  # it is opened, and silent
    page.goto(webui.url)
    page.wait_for_function("document.body.classList.contains('painted')")
    drawn = page.locator("h1").text_content()
    assert page.locator("#link").text_content() == "As of loading"
    word = str(drawn).split(":")[0]
    expect(page.locator("h1")).to_have_text(f"Stale: no data for 3 s; last known: {word}")


def test_nothing_moves_when_the_charts_come(open_page: Open, webui: Running) -> None:
    """They have their place from the start: who came for a tile, or reads on, stays there."""

    def height(page: Page) -> int:
        return int(page.evaluate("document.documentElement.scrollHeight"))

    wait_for_ticks(open_page(webui.url), 3)
    page = open_page("about:blank")
    charts: list[Route] = []
    page.route("**/charts-*.js", lambda route: charts.append(route))
    page.goto(f"{webui.url}#metric-identity")
    wait_for_ticks(page, 1)
    before, place = height(page), page.locator(":target").bounding_box()
    assert page.locator("figure.chart:not([hidden])").count()
    wait_for(lambda: (page.wait_for_timeout(10), charts)[1])
    answers: list[Route] = []
    page.route("**/history*", lambda route: answers.append(route))
    charts.pop().continue_()
    wait_for(lambda: (page.wait_for_timeout(10), answers)[1])
    wait_for_ticks(page, 3)  # in which nothing is drawn that the answer may change
    assert height(page) == before
    page.unroute("**/history*")
    for answer in answers:
        answer.continue_()
    expect(page.locator("figure.chart:not([hidden]) canvas").first).to_be_visible()
    assert height(page) == before
    assert page.locator(":target").bounding_box() == place
    expect(page.locator(":target")).to_be_in_viewport()

    page.goto(webui.url)
    wait_for_ticks(page, 1)
    page.evaluate("scrollTo(0, 100)")
    page.reload()
    wait_for_ticks(page, 1)
    assert page.evaluate("scrollY") == 100


def test_charts_are_filled_from_history_and_go_on(open_page: Open, webui: Running) -> None:
    wait_for_ticks(open_page(webui.url), 4)
    page = open_page(webui.url)
    chart = page.locator("figure.chart:not([hidden])").first
    expect(chart.locator("canvas")).to_be_visible()
    chart.get_by_role("button", name="Table").click()
    table = chart.get_by_role("table")
    expect(table).to_be_visible()
    assert chart.locator("[role=img]").get_attribute("aria-label")
    known = page.locator("figure.chart:not([hidden]) .legend b").first
    expect(known).not_to_have_text("no data")
    wait_for_ticks(page, 2)


def test_a_raspberry_pi_shows_its_flags_and_every_metric_has_its_place(
    open_page: Open, tmp_path: Path
) -> None:
    with start_pi(tmp_path) as collector:
        metrics = collector.request("describe")["metrics"]
        with start_webui(tmp_path, collector) as webui:
            page = open_page(webui.url)
            wait_for_ticks(page, 1)
            assert page.locator("#host").inner_text() == "pi4"
            for metric in metrics:
                name = metric["name"]
                card = page.locator(f"[data-metric='{name}']")
                absent = page.locator(f"[data-absent='{name}']")
                assert card.is_visible() != absent.is_visible(), name
                if metric["card"]["kind"] == "flags" and card.is_visible():
                    expect(card.get_by_role("columnheader", name="Now")).to_be_visible()
                    expect(card.get_by_role("columnheader", name="Since boot")).to_be_visible()


def test_a_policy_without_inline_scripts_holds(open_page: Open, webui: Running) -> None:
    page = open_page(webui.url, interrupted=True)
    wait_for_ticks(page, 1)
    page.evaluate(
        """() => {
            const script = document.createElement('script');
            script.textContent = 'window.ran = true';
            document.body.append(script);
        }"""
    )
    assert page.evaluate("window.ran") is None


def test_many_hosts_are_listed_and_lead_to_their_pages(open_page: Open, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with (
        start_collector(tmp_path / "a", "--host-id", "first", transport="ipc") as first,
        start_collector(tmp_path / "b", "--host-id", "second", transport="ipc") as second,
        start_webui(tmp_path, first, second) as webui,
    ):
        page = open_page(webui.url)
        expect(page.locator("tbody tr")).to_have_count(2)
        expect(page.locator("tbody")).not_to_contain_text("never seen")
        page.get_by_role("link", name="second").click()
        wait_for_ticks(page, 1)
        assert page.locator("#host").inner_text() == "second"
        page.get_by_role("link", name="All hosts").click()
        expect(page.locator("tbody tr")).to_have_count(2)
