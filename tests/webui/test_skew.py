"""How far the machine's clock is from the reader's, as the page tells it from frames."""

import json
import shutil
import subprocess

import pytest

from tests.running import ROOT

MODULE = (ROOT / "webui/frontend/src/clock.js").as_uri()


@pytest.mark.parametrize(
    ("differences", "told"),
    [
        ([0, -200, -90], 0),  # what a frame takes
        ([-4900, -8000], 0),  # the quickest was within what that may be
        ([3600_000, 3599_000], 3600),
        ([-3600_000, -3604_000], -3600),
        ([0] + [7000] * 10, 7),  # the clock was set; what was before counts no more
    ],
)
def test_the_quickest_of_the_last_frames_tells_the_difference(
    differences: list[int], told: float
) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node runs the page's own module here")
    program = (
        f"import {{ Skew }} from {json.dumps(MODULE)};"
        "const skew = new Skew();"
        f"for (const d of {differences}) skew.add(1e12 + d, 1e12);"
        "console.log(skew.seconds);"
    )
    done = subprocess.run(
        [node, "--no-warnings", "--input-type=module", "-"],
        input=program,
        capture_output=True,
        text=True,
        check=True,
    )
    assert float(done.stdout) == told
