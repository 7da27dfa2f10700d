"""A clock that is wrong is told, and never mixed with another."""

from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.browser.test_live import wait_for_ticks
from tests.running import Running


@pytest.mark.parametrize(
    ("hours", "words"), [(-1, "1 h 0 min ahead of yours"), (1, "1 h 0 min behind yours")]
)
def test_a_reader_whose_clock_is_an_hour_wrong_is_told_so(
    open_page: Open, webui: Running, hours: int, words: str
) -> None:
    page = open_page("about:blank")
    page.clock.set_system_time(datetime.now(UTC) + timedelta(hours=hours))
    page.goto(webui.url)
    wait_for_ticks(page, 2)
    expect(page.locator("#clock")).to_contain_text(words)
    # The times shown are the machine's, in the reader's zone.
    shown = page.locator("#link").inner_text().removeprefix("Live ")
    page.clock.resume()
    now = page.evaluate("0") or datetime.now(UTC)
    passed = (now.hour * 60 + now.minute) - sum(
        int(n) * s for n, s in zip(shown.split(":")[:2], (60, 1), strict=True)
    )
    assert (passed + 60) % 1440 <= 1 or (passed + 120) % 1440 <= 1  # Berlin is ahead of UTC


def test_clocks_that_agree_are_not_worth_a_word(open_page: Open, webui: Running) -> None:
    page = open_page(webui.url)
    wait_for_ticks(page, 2)
    expect(page.locator("#clock")).to_be_hidden()
