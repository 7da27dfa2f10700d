"""The page's front end where it cannot be bundled: the remedy, and nothing half made."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.running import ROOT

pytestmark = pytest.mark.slow


@pytest.fixture
def webui(tmp_path: Path) -> Path:
    """The sources that are bundled, without what is made of them."""
    copy = tmp_path / "webui"
    made = shutil.ignore_patterns("node_modules", "static", "__pycache__")
    shutil.copytree(ROOT / "webui", copy, ignore=made)
    return copy


def bundle(webui: Path, programs: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, webui / "bundle.py"],
        env={"PATH": str(programs)}, stdin=subprocess.DEVNULL, capture_output=True, text=True,
    )  # fmt: skip


def program(directory: Path, name: str, says: str) -> None:
    directory.mkdir(exist_ok=True)
    directory.joinpath(name).write_text(f"#!/bin/sh\necho '{says}'\n")
    directory.joinpath(name).chmod(0o755)


@pytest.mark.parametrize(
    ("programs", "remedy"),
    [
        ({}, "npm was not found: install Node.js 18 or newer with npm (on Debian: sudo apt-get"),
        ({"node": "v20.1.0"}, "npm was not found"),
        ({"npm": "9.2.0"}, "Node.js was not found"),
        ({"npm": "6.1.0", "node": "v12.22.12"}, "Node.js is v12.22.12, and too old"),
        ({"npm": "6.1.0", "node": "what?"}, "Node.js is what?, and too old"),
    ],
)
def test_without_a_new_enough_npm_it_says_what_to_install(
    webui: Path, tmp_path: Path, programs: dict[str, str], remedy: str
) -> None:
    for name, says in programs.items():
        program(tmp_path / "bin", name, says)
    done = bundle(webui, tmp_path / "bin")
    assert done.returncode == 1
    assert done.stderr.startswith("health-webui's front end: ")
    assert remedy in done.stderr
    assert "Traceback" not in done.stderr
    assert not (webui / "health_webui/static").exists()
