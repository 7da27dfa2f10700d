"""Bundles the page's front end into ``health_webui/static``: ``python webui/bundle.py``.

What goes in is hashed, and npm is only called when the bundle there was made from something else.
"""

import gzip
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

WEBUI = Path(__file__).parent
FRONTEND = WEBUI / "frontend"
STATIC = WEBUI / "health_webui" / "static"
MANIFEST = "manifest.json"
LICENSES = "THIRD_PARTY_LICENSES"
_OLDEST_NODE = 18  # esbuild's: "engines" in its package.json


class BundleError(Exception):
    """The front end could not be bundled; the text says why and what to do."""


def bundle() -> bool:
    """Bundles unless it has been done for these very sources; returns whether it was necessary.

    Raises:
        BundleError: npm is missing or failed; no bundle of other sources is left behind.
    """
    stamp = _stamp()
    if _is_current(stamp):
        return False
    npm = _npm()
    for made in (WEBUI / "health_webui", STATIC, FRONTEND, FRONTEND / "node_modules"):
        if made.exists() and not os.access(made, os.W_OK):
            raise BundleError(f"{made} is not yours: sudo chown -R --reference={WEBUI} {made}")
    shutil.rmtree(STATIC, ignore_errors=True)
    _run(npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
    with tempfile.TemporaryDirectory() as folder:
        metafile = Path(folder) / "meta.json"
        out = Path(folder) / "out"
        _run(*_esbuild(out, metafile))
        _write(out, json.loads(metafile.read_text(encoding="utf-8")), stamp)
    return True


def _npm() -> str:
    """The program npm, where it has a Node.js that is new enough.

    Raises:
        BundleError: it is not there, or too old.
    """
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        raise BundleError(
            f"{'Node.js' if npm else 'npm'} was not found: install Node.js {_OLDEST_NODE} or newer"
            " with npm (on Debian: sudo apt-get install npm), or build from an sdist, which"
            " carries the bundle"
        )
    said = _run(node, "--version").strip()
    found = re.match(r"v(\d+)\.", said)
    if found is None or int(found[1]) < _OLDEST_NODE:
        raise BundleError(
            f"Node.js is {said}, and too old: install Node.js {_OLDEST_NODE} or newer with npm"
        )
    return npm


def _inputs() -> list[Path]:
    sources = sorted(p for p in (FRONTEND / "src").rglob("*") if p.is_file())
    return [Path(__file__), FRONTEND / "package.json", FRONTEND / "package-lock.json", *sources]


def _stamp() -> str:
    digest = hashlib.sha256()
    for path in _inputs():
        content = path.read_bytes()
        name = path.relative_to(WEBUI).as_posix() if path.is_relative_to(WEBUI) else path.name
        digest.update(f"{name} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def _is_current(stamp: str) -> bool:
    try:
        manifest = json.loads((STATIC / MANIFEST).read_text(encoding="utf-8"))
        return manifest["stamp"] == stamp and all((STATIC / f).is_file() for f in manifest["files"])
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _esbuild(out: Path, metafile: Path) -> Iterable[str]:
    return (
        str(FRONTEND / "node_modules" / ".bin" / "esbuild"),
        "src/main.js",
        "src/charts.js",
        "src/style.css",
        "--bundle",
        "--minify",
        "--format=esm",
        "--target=es2022,chrome103,firefox104,safari16",
        "--entry-names=[name]-[hash]",
        "--legal-comments=none",  # they stand in the licence file
        f"--outdir={out}",
        f"--metafile={metafile}",
        "--log-level=warning",
    )


def _run(*command: str) -> str:
    done = subprocess.run(command, cwd=FRONTEND, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()[-5:]
        name = Path(command[0]).name
        raise BundleError(f"{name} ended with status {done.returncode}: {' / '.join(said)}")
    return done.stdout


def _write(out: Path, meta: dict[str, Any], stamp: str) -> None:
    """The bundle with its gzip forms, the licences, and last the manifest that vouches for them."""
    STATIC.mkdir(parents=True)
    entry = {}
    for path, made in meta["outputs"].items():
        if made.get("entryPoint"):
            entry[Path(made["entryPoint"]).name] = Path(path).name
    contents = {path.name: path.read_bytes() for path in sorted(out.iterdir())}
    licences = _licences(meta).encode()
    name = f"{LICENSES}-{hashlib.sha256(licences).hexdigest()[:8]}.txt"
    entry[f"{LICENSES}.txt"] = name
    contents[name] = licences
    for name, content in contents.items():
        (STATIC / name).write_bytes(content)
        (STATIC / f"{name}.gz").write_bytes(gzip.compress(content, 9, mtime=0))
    manifest = {"stamp": stamp, "entry": entry, "files": sorted(contents)}
    (STATIC / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


def _licences(meta: dict[str, Any]) -> str:
    """The licence of every package of which something is in the bundle."""
    packages = set()
    for path in meta["inputs"]:
        _, found, rest = path.rpartition("node_modules/")
        if found:
            parts = rest.split("/")
            depth = 2 if parts[0].startswith("@") else 1
            packages.add(path[: len(path) - len(rest)] + "/".join(parts[:depth]))
    texts = [f"health-webui's front end contains the following {len(packages)} packages."]
    for package in sorted(packages):
        folder = FRONTEND / package
        about = json.loads((folder / "package.json").read_text(encoding="utf-8"))
        licence = next((p for p in sorted(folder.iterdir()) if "LICEN" in p.name.upper()), None)
        if licence is None:
            raise BundleError(f"{about['name']} has no licence file")
        title = f"{about['name']} {about['version']} ({about['license']})"
        text = licence.read_text(encoding="utf-8").strip()
        texts.append(f"{title}\n{'-' * len(title)}\n\n{text}")
    return "\n\n\n".join(texts) + "\n"


if __name__ == "__main__":
    try:
        if bundle():
            print("health-webui's front end: bundled", flush=True)
    except BundleError as error:
        sys.exit(f"health-webui's front end: {error}")
