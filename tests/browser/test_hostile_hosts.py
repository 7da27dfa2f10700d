"""The list of hosts with hostile ones in it: the honest rows go on, by what is drawn."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.process.test_hostile_collectors import hostile, hosts, write_places
from tests.running import ROOT, running, start_webui, wait_for

SCENARIOS = (
    "units_proto", "fields_proto", "metric_proto", "rows_proto", "rows_20000", "figure_late",
    "host_surrogate", "host_html", "host_bidi", "figures_2_64", "figures_wild", "flood_50_mb",
    "endless_event", "event_deep", "history_list", "interval_digits", "problems_wild",
    "health_list", "epochs_slowly", "seq_jumps_slowly", "charts_64", "never_answers_all",
)  # fmt: skip


NUMBERS = (1, 2, 4)
HONEST = "node-1"


@contextmanager
def moving(folder: Path) -> Iterator[tuple[str, ...]]:
    """EVENTS,STATE of honest hosts whose figures move, however busy this machine is."""
    command = [sys.executable, "-m", "tests.browser.simulated", str(folder), *map(str, NUMBERS)]
    with running(command, ROOT):
        yield tuple(f"ipc://{folder}/{n}.e,ipc://{folder}/{n}.s" for n in NUMBERS)


def test_an_honest_row_goes_on_beside_hostile_ones(open_page: Open, tmp_path: Path) -> None:
    with moving(tmp_path) as good, hostile(*SCENARIOS) as bad:
        write_places(tmp_path, *good, *bad.values())
        with start_webui(tmp_path, args=("--no-local",)) as webui:
            wait_for(lambda: any(host["id"] == HONEST for host in hosts(webui)))
            page = open_page(webui.url, interrupted=True)
            row = page.locator("tbody tr", has=page.get_by_role("link", name=HONEST, exact=True))
            # What is out of sight is not drawn.
            page.set_viewport_size({"width": 1280, "height": 5000})
            expect(row.locator(".seen")).to_have_text("now")

            # Not of an element once found: where a hostile catalogue comes, all are made anew.
            def drawn() -> list[str]:
                return row.locator(".number").all_inner_texts()

            for _ in range(3):
                before = drawn()
                wait_for(lambda was=before: drawn() not in ([], was))  # type: ignore[misc]
                expect(row.locator(".seen")).to_have_text("now")
            beside = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert beside <= 0, "the list is wider than the page"
            assert page.locator("tbody tr").count() == len(SCENARIOS) + len(NUMBERS)
            shown = {host["key"]: host for host in hosts(webui) if host["id"] == "rows_20000"}
            for key in shown:
                page.goto(f"{webui.url}host/{key}")
                expect(page.locator("#host")).to_have_text("rows_20000")
