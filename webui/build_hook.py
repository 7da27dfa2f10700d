"""Bundles the page's front end into ``health_webui/static`` when a wheel or sdist is built.

A Hatch build hook; ``python webui/build_hook.py`` does the same by hand. What goes in is hashed,
and npm is only called when the bundle there was made from something else. An sdist carries the
bundle, so that a wheel built from it needs neither npm nor a network.
"""

import gzip
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

WEBUI = Path(__file__).parent
FRONTEND = WEBUI / "frontend"
STATIC = WEBUI / "health_webui" / "static"
MANIFEST = "manifest.json"
LICENSES = "THIRD_PARTY_LICENSES"


class BundleError(Exception):
    """The front end could not be bundled; the text says why and what to do."""


class FrontendHook(BuildHookInterface):  # type: ignore[type-arg]
    """Makes sure of the bundle; an editable install does without it if it has to."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        try:
            bundle()
        except BundleError as error:
            if version != "editable":
                raise SystemExit(f"health-webui's front end: {error}") from None
            self.app.display_warning(f"health-webui's front end is not built: {error}")


def bundle() -> bool:
    """Bundles unless it has been done for these very sources; returns whether it was necessary.

    Raises:
        BundleError: npm is missing or failed; no bundle of other sources is left behind.
    """
    stamp = _stamp()
    if _is_current(stamp):
        return False
    shutil.rmtree(STATIC, ignore_errors=True)
    npm = shutil.which("npm")
    if npm is None:
        raise BundleError(
            "npm was not found: install Node.js 18 or newer with npm, or build from an sdist,"
            " which carries the bundle"
        )
    _run(npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
    with tempfile.TemporaryDirectory() as folder:
        metafile = Path(folder) / "meta.json"
        out = Path(folder) / "out"
        _run(*_esbuild(out, metafile))
        _write(out, json.loads(metafile.read_text(encoding="utf-8")), stamp)
    return True


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


def _run(*command: str) -> None:
    done = subprocess.run(command, cwd=FRONTEND, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()[-5:]
        name = Path(command[0]).name
        raise BundleError(f"{name} ended with status {done.returncode}: {' / '.join(said)}")


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
        print("bundled" if bundle() else "the bundle is current")
    except BundleError as error:
        sys.exit(f"health-webui's front end: {error}")
