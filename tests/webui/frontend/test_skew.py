"""How far the machine's clock is from the reader's, as the page tells it from frames."""

import pytest

from tests.webui import module


@pytest.mark.parametrize(
    ("differences", "told"),
    [
        ([], 0),  # nothing has come yet
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
    steps = f"const skew = new Skew(); for (const d of {differences}) skew.add(1e12 + d, 1e12)"
    assert module.run("clock.js", "Skew", steps, "skew.seconds") == told
