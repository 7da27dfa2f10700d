"""What the tests with real processes share."""

import os
from typing import NoReturn

import pytest

IN_CI = bool(os.environ.get("CI"))


def lacking(what: str) -> NoReturn:
    """Skips where something is not to be had; where everything has to be, fails."""
    if IN_CI:
        pytest.fail(f"{what}: CI has to have it")
    pytest.skip(what)
