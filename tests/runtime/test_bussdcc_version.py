"""The version that bussdcc tells here, and what reading it must not cost."""

import subprocess
import sys
from importlib.metadata import version

from tests.running import environment


def said_by(program: str) -> str:
    """By a process of its own, where nothing has imported bussdcc before the collector did."""
    return subprocess.run(
        [sys.executable, "-c", program],
        env=environment(),
        capture_output=True,
        check=True,
        text=True,
    ).stdout


def test_it_is_the_one_that_the_packaging_knows() -> None:
    said = said_by(
        "from health_collectord.runtime.runtime import CollectorRuntime;"
        "import bussdcc;"
        "print(bussdcc.__version__, bussdcc.get_version(), CollectorRuntime().version)"
    )
    assert said.split() == [version("bussdcc")] * 3


def test_a_collector_carries_no_parsers_along() -> None:
    """They would be 1.7 MB for nothing."""
    said = said_by(
        "import sys, health_collectord.app, health_collectord.cli;"
        "print({'bussdcc', 'importlib.metadata', 'email', 'zipfile', 'csv'} & set(sys.modules))"
    )
    assert said == "{'bussdcc'}\n"
