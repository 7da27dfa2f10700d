"""A metric that is dropped into the daemon appears on the page, without a change to the page."""

import shutil
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.browser.test_live import wait_for_ticks
from tests.running import ROOT, start_collector, start_webui

MODULE = '''
"""The aquarium: invented, and unknown to everything but this file."""

from dataclasses import dataclass
from typing import Annotated

from health_collectord.host import Host
from health_collectord.vocabulary import (
    Above, Figures, Gauge, Lines, Metric, Options, Row, Rows, Telemetry, Unit,
)


@dataclass(slots=True, frozen=True, kw_only=True)
class Fish(Row):
    depth_percent: Annotated[float, Gauge(Unit.PERCENT, "how deep it swims")]


@dataclass(slots=True, frozen=True, kw_only=True)
class AquariumUpdated(Telemetry):
    water_celsius: Annotated[float, Gauge(Unit.CELSIUS, "the water", label="Water")]
    food_bytes: Annotated[int, Gauge(Unit.BYTES, "food that is left")]
    fish: Annotated[tuple[Fish, ...], Rows("all fish")]


class AquariumReader:
    def __init__(self, host: Host, options: Options) -> None:
        self._count = 0

    def read(self, now: float) -> AquariumUpdated:
        self._count += 1
        fish = tuple(
            Fish(key=name, depth_percent=self._count % 50 + 10.0) for name in ("Nemo", "Dory")
        )
        return AquariumUpdated(
            water_celsius=31.5, food_bytes=1536 + self._count % 2, fish=fish
        )


METRIC = Metric(
    title="Aquarium",
    message=AquariumUpdated,
    state="system.aquarium",
    reader=AquariumReader,
    interval=1.0,
    order=35,
    rules=(Above("water_celsius", warning=29, advice="Cool the water."),),
    card=Figures("Aquarium", lines=("water_celsius", "food_bytes")),
    charts=(
        Lines("Water", ("water_celsius",)),
        Lines("Fish", ("depth_percent",), rows="fish", range=(0, 100)),
    ),
)
'''


def test_a_new_metric_has_its_card_chart_units_and_threshold(
    open_page: Open, tmp_path: Path
) -> None:
    daemon = tmp_path / "daemon"
    shutil.copytree(ROOT / "daemon", daemon, ignore=shutil.ignore_patterns("__pycache__"))
    (daemon / "health_collectord/metrics/aquarium.py").write_text(MODULE)
    env = {"PYTHONPATH": str(daemon)}
    with (
        start_collector(tmp_path, transport="ipc", env=env) as collector,
        start_webui(tmp_path, collector) as webui,
    ):
        page = open_page(webui.url)
        wait_for_ticks(page, 3)
        card = page.locator("[data-metric=aquarium]")
        expect(card.get_by_role("heading", name="Aquarium")).to_be_visible()
        expect(card).to_contain_text("31.5 °C Water")
        expect(card).to_contain_text("1.50 KiB")
        problem = page.locator("#problems li", has_text="aquarium")
        expect(problem).to_contain_text("31.5 °C, limit 29 °C")
        expect(problem).to_contain_text("Cool the water.")
        water = page.locator("figure.chart", has=page.get_by_role("heading", name="Water"))
        expect(water.locator("canvas")).to_be_visible()
        expect(water.locator(".legend")).to_have_text("Water31.5 °C")
        fish = page.locator("figure.chart", has=page.get_by_role("heading", name="Fish"))
        expect(fish.locator(".legend li")).to_have_count(2)
        expect(fish.locator(".legend")).to_contain_text("Nemo")
        expect(fish.locator(".legend")).to_contain_text(" %")
