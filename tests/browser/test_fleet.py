"""The list of hosts in use: it stays put, is searched, and moves rows only when nobody minds."""

import json
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Open
from tests.browser.states import simulated
from tests.running import Running, start_webui


@contextmanager
def twelve(tmp_path: Path) -> Iterator[tuple[Running, str]]:
    """Eleven hosts, and one more whose process can be stopped: the last but for its verdict."""
    with (
        simulated(tmp_path, *range(1, 12)) as (_, args),
        simulated(tmp_path, 12) as (last, more),
        start_webui(tmp_path, args=(*args, *more)) as webui,
    ):
        yield last, webui.url


def names(page: Page) -> list[str]:
    # Not what is painted: a row that comes into view has no inner text until the next frame.
    return page.locator("tbody tr:not([hidden]) th").all_text_contents()


def ready(page: Page) -> None:
    expect(page.locator("h1")).to_contain_text("1 critical, 1 warning, 10 healthy")
    expect(page.locator("tbody tr .seen").first).to_have_text("now")
    # All of that is in the server's answer; the lines are drawn by the script.
    expect(page.locator(".spark path").first).to_have_attribute("d", re.compile("."))


def test_it_is_searched_and_filtered(open_page: Open, tmp_path: Path) -> None:
    with twelve(tmp_path) as (_, url):
        page = open_page(url, interrupted=True)
        ready(page)
        assert names(page)[:3] == ["node-7", "node-3", "node-1"]
        page.get_by_role("searchbox", name="Find").fill("node-1")
        assert names(page) == ["node-1", "node-10", "node-11", "node-12"]
        expect(page.get_by_role("status")).to_have_text("4 of 12 hosts shown")
        page.get_by_role("searchbox", name="Find").fill("MEMORY")
        assert names(page) == ["node-3"]
        page.get_by_role("searchbox", name="Find").fill("nobody")
        expect(page.get_by_text("No host matches.")).to_be_visible()
        page.get_by_role("searchbox", name="Find").fill("")
        critical = page.get_by_role("button", name="1 critical")
        critical.focus()
        page.keyboard.press("Enter")
        expect(critical).to_have_attribute("aria-pressed", "true")
        assert names(page) == ["node-7"]
        page.keyboard.press("Enter")
        assert len(names(page)) == 12
        assert page.title().startswith("Critical: 1 critical, 1 warning, 10 healthy")
        colour = page.locator("#shape-critical").get_attribute("data-icon")
        icon = page.locator("#favicon").get_attribute("href")
        assert colour is not None
        assert icon is not None
        assert colour in unquote(icon)


def test_what_was_typed_before_the_script_ran_is_searched_for(
    open_page: Open, tmp_path: Path
) -> None:
    with twelve(tmp_path) as (_, url):
        page = open_page("about:blank", interrupted=True)
        scripts: list[Route] = []
        page.route("**/main-*.js", lambda route: scripts.append(route))
        page.goto(url, wait_until="commit")
        page.get_by_role("searchbox", name="Find").fill("Node-12")
        scripts.pop().continue_()
        expect(page.locator("tbody tr:not([hidden]) th")).to_have_text(["node-12"])


def test_rows_are_themselves_and_move_only_when_nobody_is_at_them(
    open_page: Open, tmp_path: Path
) -> None:
    with twelve(tmp_path) as (last, url):
        page = open_page(url, interrupted=True)
        ready(page)
        page.evaluate(
            """() => {
                window.moved = [];
                const list = document.querySelector("tbody");
                window.before = new Map([...list.children].map((row) => [row.dataset.key, row]));
                new MutationObserver((changes) => changes.forEach(({ addedNodes, removedNodes }) =>
                    window.moved.push(addedNodes.length + removedNodes.length),
                )).observe(list, { childList: true });
            }"""
        )
        page.locator("tbody tr").nth(5).hover()
        # A pointer that rests for five seconds is nobody's: this one does not.
        page.evaluate(
            """() => {
                const stir = () => document.querySelector("tbody").dispatchEvent(
                    new PointerEvent("pointermove", { bubbles: true }),
                );
                window.stirring = setInterval(stir, 500);
            }"""
        )
        last.send(signal.SIGSTOP)
        expect(page.locator('tr[data-status="stale"] th')).to_have_text("node-12")
        expect(page.locator("h1")).to_contain_text("1 stale")
        assert page.evaluate("window.moved") == [], "not under the pointer"
        assert names(page)[-1] == "node-12"
        page.evaluate("clearInterval(window.stirring)")
        page.mouse.move(5, 5)
        expect(page.locator("tbody tr").nth(2).locator("th")).to_have_text("node-12")
        rows = page.locator("tbody tr")
        assert rows.evaluate_all("all => all.every((row) => before.get(row.dataset.key) === row)")
        link = page.locator("tbody tr").last.get_by_role("link")
        link.focus()
        last.send(signal.SIGCONT)
        expect(page.locator("tbody tr").last.locator("th")).to_have_text("node-12")
        assert page.evaluate("document.activeElement.textContent") == "node-11", "focus stays"


def test_a_second_brings_only_what_has_changed(open_page: Open, tmp_path: Path) -> None:
    """Of hosts that stand still: nothing but that they live, and every fifth time a point."""
    with twelve(tmp_path) as (_, url):
        page = open_page("about:blank", interrupted=True)
        messages: list[str] = []
        page.on(
            "websocket",
            lambda socket: socket.on(
                "framereceived", lambda payload: messages.append(str(payload))
            ),
        )
        page.goto(url)
        ready(page)
        page.wait_for_timeout(6000)
        seen = [json.loads(m[2:])[1] for m in messages if m.startswith('42["fleet"')]
        assert len(seen) >= 4
        assert sum(not message["rows"] for message in seen) >= len(seen) - 3
        assert not any('["frame"' in m for m in messages), "a browser gets what it looks at"
        quiet = min(messages, key=lambda m: len(m) if m.startswith('42["fleet"') else 1 << 20)
        assert len(quiet) < 100


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_whole_row_leads_to_the_host(open_page: Open, tmp_path: Path, scheme: str) -> None:
    with twelve(tmp_path) as (_, url):
        page = open_page(url, scheme=scheme, interrupted=True)
        ready(page)
        page.locator("tbody tr").nth(1).locator(".reason").click(force=True)
        expect(page.locator("#host")).to_have_text("node-3")
