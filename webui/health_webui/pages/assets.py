"""The bundled front end, as the build hook leaves it in ``static/``.

``manifest.json`` maps the names that the templates use to the hashed names of the files. The files
are read once, with their gzip forms, and served from memory: no path from a request ever reaches
the file system.
"""

import json
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

STATIC = Path(__file__).parents[1] / "static"
_TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}


@dataclass(slots=True, frozen=True)
class File:
    """A file's bytes, plain and compressed."""

    content: bytes
    gzipped: bytes | None
    mime: str


@dataclass(slots=True, frozen=True)
class Assets:
    """`entry` maps ``main.js`` to ``main-3F2A.js``; `files` has every servable file.

    `built` is false where there is no front end: the page then says so.
    """

    entry: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, File] = field(default_factory=dict)

    @property
    def built(self) -> bool:
        return bool(self.entry)

    @property
    def style(self) -> str:
        """The style sheet. It stands in the page: a request for it would delay the paint."""
        file = self.files.get(self.entry.get("style.css", ""))
        return file.content.decode() if file else ""

    @property
    def build(self) -> str:
        """Changes when any file does."""
        return " ".join(sorted(self.entry.values()))


def load(static: Path = STATIC) -> Assets:
    """The front end below `static`; an empty one where it has not been built."""
    manifest = static / "manifest.json"
    if not manifest.is_file():
        return Assets()
    listed = json.loads(manifest.read_text(encoding="utf-8"))
    return Assets(listed["entry"], {name: _read(static / name) for name in listed["files"]})


def _read(path: Path) -> File:
    gzipped = path.with_name(path.name + ".gz")
    guessed = mimetypes.guess_type(path.name)[0] or "text/plain; charset=utf-8"
    return File(
        path.read_bytes(),
        gzipped.read_bytes() if gzipped.is_file() else None,
        _TYPES.get(path.suffix, guessed),
    )
