"""Every state of the page, in both schemes, on a desk and on a phone: accessible, and as it was."""

from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page

from tests.browser.conftest import Open
from tests.browser.pictures import (
    REFERENCES,
    REWRITE,
    TOLERANCE,
    compare,
    difference,
    picture,
    still,
)
from tests.browser.states import STATES

VIEWS = [(scheme, width) for scheme in ("light", "dark") for width in (1440, 390)]
KEPT = [("light", 1440), ("dark", 390)]


def violations(page: Page, axe: str) -> list[Any]:
    page.evaluate(axe)
    # One of many equal rows tells as much as all of them, and takes a hundredth of the time.
    within = "{ include: [['html']], exclude: [['tbody tr:nth-child(n+20)']] }"
    found = page.evaluate(f"axe.run({within}, {{ resultTypes: ['violations'] }})")["violations"]
    return [(v["id"], [node["html"][:200] for node in v["nodes"]]) for v in found]


def too_small(page: Page) -> list[str]:
    """What can be pressed and is lower than a thumb needs."""
    found: list[str] = page.locator("a:visible, button:visible, input:visible").evaluate_all(
        """all => all.map(e => [e.textContent, e.getBoundingClientRect()])
            .filter(([, box]) => box.height < 44 && box.bottom > 0 && box.right > 0)
            .map(([text, box]) => `${text}: ${box.height}`)"""
    )
    return found


@pytest.mark.parametrize("state", STATES)
def test_a_state(open_page: Open, browser: Browser, axe: str, tmp_path: Path, state: str) -> None:
    with STATES[state](tmp_path) as scene:
        pages = {
            view: open_page(scene.url, scheme=view[0], width=view[1], interrupted=scene.interrupted)
            for view in (KEPT if REWRITE else VIEWS)
        }
        for page in pages.values():
            scene.first(page)
        scene.happens()
        problems: list[Any] = []
        for view, page in pages.items():
            scene.shows(page)
            if view in KEPT:
                taken = picture(browser, still(page), *view)
                try:
                    compare(f"{state}-{view[0]}-{view[1]}", taken, tmp_path)
                except AssertionError as error:
                    problems.append(str(error))
            if REWRITE:
                continue
            problems += [(view, each) for each in violations(page, axe)]
            if state != "not-built":  # there is no style sheet either
                problems += [(view, each) for each in too_small(page)]
                if page.evaluate("document.documentElement.scrollWidth") > view[1]:
                    problems.append((view, "has to be scrolled sideways"))
        assert not problems, "\n".join(map(str, problems))


def test_every_reference_belongs_to_a_state() -> None:
    names = {f"{state}-{scheme}-{width}.png" for state in STATES for scheme, width in KEPT}
    assert {path.name for path in REFERENCES.iterdir()} == names
    assert sum(path.stat().st_size for path in REFERENCES.iterdir()) <= 1_700_000


def test_a_broken_layout_is_noticed(open_page: Open, browser: Browser, tmp_path: Path) -> None:
    """The comparison can fail: one padding less, one colour other than it was."""
    with STATES["never-seen"](tmp_path) as scene:
        page = open_page(scene.url, interrupted=True)
        scene.shows(page)
        document = still(page)
    sound = picture(browser, document, "light", 1440)
    assert difference(sound, picture(browser, document, "light", 1440)) <= TOLERANCE
    for fault in (
        ".verdict { padding: 0 !important; }",
        "h1 { color: #c00 !important; }",
        "h1 .shape { display: none; }",
    ):
        broken = document.replace("</style></head>", f"{fault}</style></head>")
        assert difference(sound, picture(browser, broken, "light", 1440)) > TOLERANCE, fault
    assert difference(sound, Image.new("RGB", (1440, 10))) == 1.0
