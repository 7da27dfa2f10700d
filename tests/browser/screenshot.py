"""Makes the README's pictures from the real pages: ``make screenshots``.

A host's page is that of a collector on this machine, followed until its charts have something to
show; the list of hosts has simulated ones.
"""

import argparse
import io
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.running import running, start_collector, start_webui  # noqa: E402

HOSTS = 24
_COLOURS = 256


@contextmanager
def host(folder: Path) -> Iterator[str]:
    with (
        start_collector(folder, "--host-id", "attic", transport="ipc") as collector,
        start_webui(folder, collector) as webui,
    ):
        yield webui.url


@contextmanager
def fleet(folder: Path) -> Iterator[str]:
    numbers = [str(n) for n in range(1, HOSTS + 1)]
    command = [sys.executable, "-m", "tests.browser.simulated", str(folder), *numbers]
    places = [("--collector", f"ipc://{folder}/{n}.e,ipc://{folder}/{n}.s") for n in numbers]
    with (
        running(command, ROOT),
        start_webui(folder, args=tuple(part for place in places for part in place)) as webui,
    ):
        yield webui.url


def save(page: Page, file: Path) -> None:
    taken = Image.open(io.BytesIO(page.screenshot()))
    few = taken.convert("RGB").quantize(_COLOURS, kmeans=2, dither=Image.Dither.NONE)
    few.save(file, optimize=True)
    print(f"{file}: {file.stat().st_size / 1000:.0f} kB")


def take(browser: Browser, url: str, seconds: float, **files: Path) -> None:
    """One picture for each scheme, after as many seconds."""
    pages = {}
    for scheme in files:
        page = browser.new_page(
            viewport={"width": 1280, "height": 860},
            color_scheme="dark" if scheme == "dark" else "light",
            reduced_motion="reduce",
        )
        page.goto(url)
        pages[scheme] = page
    next(iter(pages.values())).wait_for_timeout(seconds * 1000)
    for scheme, file in files.items():
        save(pages[scheme], file)
        pages[scheme].close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=ROOT / "webui" / "pictures")
    parser.add_argument("--seconds", type=float, default=60)
    options = parser.parse_args()
    path = shutil.which("chromium") or sys.exit("needs Debian's package chromium")
    options.folder.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="hc") as directory,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        with host(Path(directory)) as url:
            light, dark = (options.folder / f"host-{scheme}.png" for scheme in ("light", "dark"))
            take(browser, url, options.seconds, light=light, dark=dark)
        with fleet(Path(directory)) as url:
            take(browser, url, 12, light=options.folder / "fleet.png")
        browser.close()


if __name__ == "__main__":
    main()
