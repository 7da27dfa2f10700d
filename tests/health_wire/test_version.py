"""The versions that are told."""

import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
from health_wire.version import VERSION, installed

from tests.running import environment


def known(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:  # these sources were only copied here
        return None


def test_the_versions_are_those_that_the_packaging_knows() -> None:
    assert installed("bussdcc-system-health") == known("bussdcc-system-health")
    assert (known("bussdcc-system-health") or "0") == VERSION
    assert installed("bussdcc") == version("bussdcc")


def test_what_is_not_installed_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "some_thing-1.2.dist-info").mkdir()
    (tmp_path / "some_thing_else-3.4.dist-info").mkdir()
    monkeypatch.setattr(sys, "path", [str(tmp_path / "no folder"), __file__, str(tmp_path)])
    assert installed("some-thing") == "1.2"
    assert installed("something") is None


@pytest.mark.parametrize(
    ("module", "command"),
    [
        ("health_collectord", "health-collectord"),
        ("health_webui", "health-webui"),
        ("bussdcc_system_health", "bussdcc-system-health"),
    ],
)
def test_each_command_tells_it(module: str, command: str) -> None:
    said = subprocess.run(
        [sys.executable, "-m", module, "--version"],
        env=environment(),
        capture_output=True,
        check=True,
        text=True,
    )
    assert (said.stdout, said.stderr) == (f"{command} {VERSION}\n", "")
