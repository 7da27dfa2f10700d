"""What the packaging's programs make of the sources."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.running import ROOT


def written(program: str, directory: Path) -> Path:
    path = os.pathsep.join(str(ROOT / side) for side in ("daemon", "webui"))
    subprocess.run(
        [sys.executable, ROOT / "packaging" / program, directory],
        env={**os.environ, "PYTHONPATH": path}, check=True,
    )  # fmt: skip
    return directory


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written("documents.py", tmp_path_factory.mktemp("documents"))


@pytest.fixture(scope="module")
def completions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written("completions.py", tmp_path_factory.mktemp("completions"))
