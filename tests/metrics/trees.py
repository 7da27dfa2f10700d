"""Hosts as text: a quiet, healthy one, and what differs from it.

A text holds sections, each a line ``=== PATH`` and what comes before the next one:

- the file's content, which ends in a line feed unless it is empty; below ``bin`` a program;
- or the one line ``-> TARGET``: a symbolic link;
- or, where PATH ends in ``/``, nothing: an empty folder.

A section takes the place of the quiet host's file, link or folder of that path, and one for a
path below what was a file or a link makes that a folder. Lines before the first section say what
the host is. Paths are as `RecordedHost` has them: ``proc/stat``, ``sys/class/...``,
``statvfs.json``.
"""

import shutil
from pathlib import Path

CASES = Path(__file__).with_name("cases")
QUIET = "quiet-host"


def case(name: str) -> str:
    """The text of cases/NAME.txt, every character as it stands there."""
    return (CASES / f"{name}.txt").read_bytes().decode("utf-8", "surrogateescape")


def grow(folder: Path, text: str) -> None:
    """Makes the quiet host in an empty folder, and then what the text says.

    Raises:
        ValueError: the text has no section, or a section's path leads out of the folder.
    """
    for sections in (_sections(case(QUIET)), _sections(text)):
        for path, content in sections:
            _put(folder, path, content)


def _sections(text: str) -> list[tuple[str, str]]:
    _, *sections = f"\n{text}".split("\n=== ")
    if not sections:
        raise ValueError(f"not a section, which begins with === PATH: {text[:60]!r}")
    found = []
    for section in sections:
        path, _, content = section.partition("\n")
        if path.startswith("/") or ".." in path.split("/"):
            raise ValueError(f"a path within the host's folder is expected: {path}")
        ended = content.endswith("\n") or not content
        found.append((path, content if ended else content + "\n"))
    return found


def _put(folder: Path, path: str, content: str) -> None:
    above = folder
    for part in Path(path).parent.parts:
        above /= part
        if above.is_symlink() or not above.is_dir():
            _clear(above)
            above.mkdir()
    place = folder / path
    _clear(place)
    if path.endswith("/"):
        place.mkdir()
    elif content.startswith("-> "):
        place.symlink_to(content[3:].rstrip("\n"))
    else:
        place.write_bytes(content.encode("utf-8", "surrogateescape"))
        place.chmod(0o755 if path.startswith("bin/") else 0o644)


def _clear(place: Path) -> None:
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)
