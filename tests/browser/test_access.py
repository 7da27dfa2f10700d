"""The login and the overview in a real browser: usable, accessible, below a path."""

import signal
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open
from tests.browser.test_accessibility import VIEWS, live, violations
from tests.running import start_collector, start_webui
from tests.webui.asking import PASSWORD, with_password
from tests.webui.test_proxies import BEHIND, proxied


def fits(page: Page, width: int) -> None:
    """Nothing to scroll sideways, nothing too small for a thumb."""
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    small = page.locator("a:visible, button:visible, input:visible").evaluate_all(
        """all => all.map(e => [e.textContent, e.getBoundingClientRect()])
            .filter(([, box]) => box.height < 44 && box.bottom > 0 && box.right > 0)
            .map(([text, box]) => `${text}: ${box.height}`)"""
    )
    assert small == []


@pytest.mark.parametrize(("scheme", "width"), VIEWS)
def test_logging_in_below_a_path_and_out_again(
    open_page: Open, tmp_path: Path, axe: str, scheme: str, width: int
) -> None:
    args = with_password(tmp_path / "data")
    with (
        start_collector(tmp_path, transport="ipc") as collector,
        start_webui(tmp_path, collector, args=args, env=BEHIND) as webui,
        proxied(webui.url) as proxy,
    ):
        # Chromium itself complains of a form's answer of 403.
        page = open_page(proxy.url, scheme=scheme, width=width, interrupted=True)
        expect(page).to_have_title("Log in – System Health")
        assert violations(page, axe) == []
        fits(page, width)
        page.get_by_label("Password").fill("wrong")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_have_text("That is not the password.")
        assert violations(page, axe) == []
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        live(page)
        fits(page, width)
        second = page.context.new_page()
        second.goto(proxy.url)
        live(second)
        page.get_by_role("button", name="Log out").click()
        expect(page).to_have_title("Log in – System Health")
        expect(second).to_have_title("Log in – System Health")  # by itself: its session is over


def test_over_plain_http_by_a_name_a_browser_has_nothing_to_complain_of(
    open_page: Open, tmp_path: Path
) -> None:
    args = with_password(tmp_path / "data")
    names = {"HEALTH_WEBUI_ALLOWED_HOSTS": "health.test"}
    with (
        start_collector(tmp_path, transport="ipc") as collector,
        start_webui(tmp_path, collector, args=args, env=names) as webui,
    ):
        page = open_page(webui.url.replace("127.0.0.1", "health.test"))
        page.get_by_label("Password").fill(PASSWORD)
        with page.expect_request("**/history*") as asked:
            page.keyboard.press("Enter")
            live(page)
        told = asked.value.all_headers()
        assert "sec-fetch-site" not in told, "as on any network: it is told in another way"
        assert "x-requested-with" in told


@pytest.mark.parametrize(("scheme", "width"), VIEWS)
def test_the_overview_is_the_worst_first_and_stays_so(
    open_page: Open, tmp_path: Path, axe: str, scheme: str, width: int
) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    with (
        start_collector(tmp_path / "a", "--host-id", "alpha", transport="ipc") as alpha,
        start_collector(tmp_path / "b", "--host-id", "beta", transport="ipc") as beta,
        start_webui(
            tmp_path, alpha, beta, args=("--collector", "tcp://192.0.2.1:1,tcp://192.0.2.1:2")
        ) as webui,
    ):
        page = open_page(webui.url, scheme=scheme, width=width)
        rows = page.locator("tbody tr")
        expect(rows).to_have_count(3)
        expect(rows.filter(has_text="alpha")).to_contain_text("now")
        expect(rows.filter(has_text="192.0.2.1")).to_contain_text("Not encrypted")
        expect(rows.filter(has_text="192.0.2.1")).to_contain_text("never")
        assert violations(page, axe) == []
        fits(page, width)
        beta.send(signal.SIGSTOP)
        expect(rows.filter(has_text="beta")).to_contain_text("Stale")
        assert violations(page, axe) == []
        beta.send(signal.SIGCONT)
        expect(rows.filter(has_text="beta")).to_contain_text("now")
        rows.filter(has_text="alpha").get_by_role("link").click()
        live(page)
        page.get_by_role("link", name="All hosts").click()
        expect(page.locator("tbody tr")).to_have_count(3)
