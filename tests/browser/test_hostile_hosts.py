"""The list of hosts with hostile ones in it: the honest rows go on, by what is drawn."""

from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.process.test_hostile_collectors import HONEST, honest, hostile, hosts, write_places
from tests.running import start_webui, wait_for

SCENARIOS = (
    "units_proto", "fields_proto", "metric_proto", "rows_proto", "rows_20000", "figure_late",
    "host_surrogate", "host_html", "host_bidi", "figures_2_64", "figures_wild", "flood_50_mb",
    "endless_event", "event_deep", "history_list", "interval_digits", "problems_wild",
    "health_list", "epochs_slowly", "seq_jumps_slowly", "charts_64", "never_answers_all",
)  # fmt: skip


def test_an_honest_row_goes_on_beside_hostile_ones(open_page: Open, tmp_path: Path) -> None:
    with honest(tmp_path) as good, hostile(*SCENARIOS) as bad:
        write_places(tmp_path, *(f"{g.events},{g.state}" for g in good), *bad.values())
        with start_webui(tmp_path, args=("--no-local",)) as webui:
            wait_for(lambda: any(host["id"] == HONEST[0] for host in hosts(webui)))
            page = open_page(webui.url, interrupted=True)
            row = page.locator("tbody tr", has=page.get_by_role("link", name=HONEST[0], exact=True))
            expect(row.locator(".seen")).to_have_text("now")
            for _ in range(3):  # the processor's figure is another one almost each second
                before = row.locator(".number").all_inner_texts()
                page.wait_for_function(
                    """([row, before]) => [...row.querySelectorAll(".number")]
                        .some((cell, n) => cell.innerText !== before[n])""",
                    arg=[row.element_handle(), before],
                )
                expect(row.locator(".seen")).to_have_text("now")
            assert page.locator("tbody tr").count() == len(SCENARIOS) + len(HONEST)
            shown = {host["key"]: host for host in hosts(webui) if host["id"] == "rows_20000"}
            for key in shown:
                page.goto(f"{webui.url}host/{key}")
                expect(page.locator("#host")).to_have_text("rows_20000")
