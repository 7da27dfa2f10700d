"""Makes the README's picture from the real page: ``python tests/browser/screenshot.py FILE``.

It starts a collector and a web process on this machine, follows them in Chromium for a while so
that the charts have something to show, and takes the picture.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.running import start_collector, start_webui  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--dark", action="store_true")
    options = parser.parse_args()
    chromium = shutil.which("chromium") or sys.exit("needs Debian's package chromium")
    with (
        tempfile.TemporaryDirectory() as directory,
        start_collector(Path(directory), "--interval", "1") as collector,
        start_webui(Path(directory), collector) as webui,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(
            viewport={"width": options.width, "height": 900},
            color_scheme="dark" if options.dark else "light",
        )
        page.goto(webui.url)
        page.wait_for_timeout(options.seconds * 1000)
        page.screenshot(path=options.file, full_page=True)
        browser.close()


if __name__ == "__main__":
    main()
