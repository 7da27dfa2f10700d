"""The page's own modules, run in node."""

import json
import shutil
import subprocess
from typing import Any

import pytest
from health_webui.words import for_script

from tests.running import ROOT

_SOURCES = ROOT / "webui/frontend/src"


# Before any module: the words that the page has in it.
WORDS = f"""globalThis.document = {{
    getElementById: (id) => id === "words" ? {{ textContent: {json.dumps(for_script())} }} : null
}}"""


def run(module: str, names: str, steps: str, result: str, before: str = "") -> Any:
    """The value of an expression after the steps; both may use these names of the module."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node runs the page's own module here")
    program = (
        f"{before};"
        f"const {{ {names} }} = await import({json.dumps((_SOURCES / module).as_uri())});"
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
