"""As many frames as come in five minutes, in one: the page keeps of them what its charts show.

Five a second are harder than one: the same work for each, and less idle time in which a browser
tidies up. The hour at one a second is in benchmarks/README.md.
"""

from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import CALM, Open
from tests.running import start_collector, start_webui

FRAMES = 300
# Charts keep every sample of five minutes: some sixty figures of eight bytes each, in their track
# and as they are drawn, and their arrays' room to grow (between nothing and 1.3 kB a frame, by what
# of it falls between the two looks). A frame that is kept whole would be more than 3 kB on top.
_MOST_BYTES = 2000


def test_frames_are_not_kept_and_neither_are_elements(open_page: Open, tmp_path: Path) -> None:
    with (
        start_collector(tmp_path, "--interval", "0.2", transport="ipc", env=CALM) as collector,
        start_webui(tmp_path, collector) as webui,
    ):
        page = open_page("about:blank", interrupted=True)
        page.add_init_script(
            """{
                const Original = window.WebSocket;
                window.WebSocket = class extends Original {
                    constructor(...given) {
                        super(...given);
                        this.addEventListener("message", ({ data }) => {
                            if (String(data).startsWith('42["frame"')) window.frameCount += 1;
                        });
                    }
                };
                window.frameCount = 0;
            }"""
        )
        page.goto(webui.url)
        expect(page.locator("figure.chart:not([hidden]) canvas").first).to_be_visible()
        devtools = page.context.new_cdp_session(page)
        devtools.send("Performance.enable")

        def held() -> tuple[float, float, int]:
            devtools.send("HeapProfiler.collectGarbage")
            found = devtools.send("Performance.getMetrics")["metrics"]
            metrics = {metric["name"]: metric["value"] for metric in found}
            frames = page.evaluate("window.frameCount")
            return metrics["JSHeapUsedSize"], metrics["Nodes"], frames

        page.wait_for_function("() => window.frameCount >= 50", timeout=60_000)
        heap, nodes, first = held()
        page.wait_for_function(f"() => window.frameCount >= {first + FRAMES}", timeout=240_000)
        later_heap, later_nodes, last = held()
        grown = (later_heap - heap) / (last - first)
        print(f"{grown:.0f} bytes a frame, {nodes} to {later_nodes} nodes in {last - first} frames")
        assert grown < _MOST_BYTES
        assert (
            later_nodes - nodes < FRAMES / 3
        )  # a problem, or a chart that comes late, has some tens
