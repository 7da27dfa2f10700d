"""Pictures of pages for comparison with those that were looked at and kept.

A picture is made from a page that stands still: its document as it was, without scripts, with
what moves by itself (times, ages, lines of charts) made the same. The font is pinned too, so that
a difference is one of layout or colour.
"""

import io
import os
from pathlib import Path

from PIL import Image, ImageChops
from playwright.sync_api import Browser, Page

REFERENCES = Path(__file__).parent / "references"
REWRITE = os.environ.get("PICTURES") == "rewrite"
# In a picture of another height, or where more than this part of all pixels is another colour.
TOLERANCE = 0.002
_NOTICED = 40  # of 255, in any channel: less is a font's smoothing
_COLOURS = 200
_MAX_HEIGHT = 2400

_PINNED = """
:root { --sans: "DejaVu Sans" !important; }
* { font-family: "DejaVu Sans" !important; }
code { font-family: "DejaVu Sans Mono" !important; }
tr { content-visibility: visible !important; } /* all of it is in sight */
"""
# What stands in for times and ages, the longest first.
_SAME = (
    (r"\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)?", "2026-01-01 12:00"),
    (r"\d\d:\d\d:\d\d", "12:00:00"),
    (r"\d\d:\d\d(?!\d)", "12:00"),
    (r"\d+(\.\d+)? (d|h|min) \d+ (h|min|s)\b", "9 min 9 s"),
    (r"\d+(\.\d+)? (s|min|h|d)\b", "9 s"),
    (r"/\S+/bin/vcgencmd", "/bin/vcgencmd"),
    (r"ipc://[^\s<,\"]*|http://127[^\s<,\"]*", "ipc:///run/here"),
)

_TWO_FRAMES = """
() => new Promise((done) => {
  requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done)));
})
"""
# Every sparkline in sight reaches from end to end: its history has come.
_LINES_ARE_WHOLE = """
() => [...document.querySelectorAll('tr[data-seen="live"] .spark path')]
  .filter((path) => path.getBoundingClientRect().top < innerHeight)
  .every((path) => /^M0 .*L59 /.test(path.getAttribute("d")))
"""
_STILL = """
(same) => {
  const copy = document.documentElement.cloneNode(true);
  copy.querySelectorAll("script, noscript, link[rel=icon]").forEach((e) => e.remove());
  const originals = document.querySelectorAll("input");
  copy.querySelectorAll("input").forEach((e, i) => e.setAttribute("value", originals[i].value));
  const walk = document.createTreeWalker(copy, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    let text = walk.currentNode.data;
    for (const [pattern, word] of same) text = text.replace(new RegExp(pattern, "g"), word);
    walk.currentNode.data = text;
  }
  return copy.outerHTML;
}
"""


def still(page: Page) -> str:
    """The page's document as it is, complete in one text, and all of it drawn."""
    assert page.viewport_size is not None
    page.set_viewport_size({"width": page.viewport_size["width"], "height": _MAX_HEIGHT})
    page.evaluate(_TWO_FRAMES)  # what comes into sight is drawn then
    page.wait_for_function(_LINES_ARE_WHOLE, timeout=20_000)
    html = page.evaluate(_STILL, list(map(list, _SAME)))
    return f"<!doctype html>{html}".replace("</head>", f"<style>{_PINNED}</style></head>")


def picture(browser: Browser, document: str, scheme: str, width: int) -> Image.Image:
    """What a document looks like, to a length of `_MAX_HEIGHT`."""
    context = browser.new_context(
        viewport={"width": width, "height": 800},
        color_scheme="dark" if scheme == "dark" else "light",
        reduced_motion="reduce",
        java_script_enabled=False,
    )
    page = context.new_page()
    page.route("**/*", lambda route: route.fulfill(body=document, content_type="text/html"))
    page.goto("http://still.test/")
    taken = Image.open(io.BytesIO(page.screenshot(full_page=True)))
    context.close()
    cropped = taken.convert("RGB").crop((0, 0, width, min(taken.height, _MAX_HEIGHT)))
    return cropped.quantize(_COLOURS, kmeans=2, dither=Image.Dither.NONE).convert("RGB")


def difference(one: Image.Image, other: Image.Image) -> float:
    """The part of the pixels that differ noticeably; 1 where the sizes differ."""
    if one.size != other.size:
        return 1.0
    channels = ImageChops.difference(one.convert("RGB"), other.convert("RGB")).split()
    worst = ImageChops.lighter(ImageChops.lighter(channels[0], channels[1]), channels[2])
    histogram = worst.histogram()
    return sum(histogram[_NOTICED:]) / sum(histogram)


def compare(name: str, taken: Image.Image, folder: Path) -> None:
    """Against the reference of that name; what was taken is left in `folder` where it differs.

    ``PICTURES=rewrite`` makes it the reference: look at it.
    """
    reference = REFERENCES / f"{name}.png"
    if REWRITE:
        REFERENCES.mkdir(exist_ok=True)
        taken.quantize(_COLOURS, kmeans=2, dither=Image.Dither.NONE).save(reference, optimize=True)
    assert reference.exists(), f"no reference: PICTURES=rewrite makes {reference}"
    with Image.open(reference) as file:
        kept = file.convert("RGB")
    differs = difference(kept, taken)
    if differs > TOLERANCE:
        taken.save(folder / f"{name}.png")
        sizes = "" if kept.size == taken.size else f", {taken.size} instead of {kept.size}"
        raise AssertionError(
            f"{name} looks different in {differs:.2%} of its pixels{sizes}: see"
            f" {folder / name}.png beside {reference}; PICTURES=rewrite keeps it"
        )
