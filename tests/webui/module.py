"""The page's own modules, run in node."""

import json
import shutil
import subprocess
from typing import Any

import pytest

from tests.running import ROOT

_SOURCES = ROOT / "webui/frontend/src"


def run(module: str, names: str, steps: str, result: str) -> Any:
    """The value of an expression after the steps; both may use these names of the module."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node runs the page's own module here")
    program = (
        f"import {{ {names} }} from {json.dumps((_SOURCES / module).as_uri())};"
        f"{steps};"
        f"console.log(JSON.stringify({result}));"
    )
    done = subprocess.run(
        [node, "--no-warnings", "--input-type=module", "-"],
        input=program,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)
