"""Has Hatch bundle the page's front end when a wheel or an sdist is built.

An sdist carries the bundle, so that a wheel built from it needs neither npm nor a network.
"""

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, str(Path(__file__).parent))  # Hatch loads this file alone

from bundle import BundleError, bundle


class FrontendHook(BuildHookInterface):  # type: ignore[type-arg]
    """Makes sure of the bundle; an editable install does without it if it has to."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        try:
            bundle()
        except BundleError as error:
            if version != "editable":
                raise SystemExit(f"health-webui's front end: {error}") from None
            self.app.display_warning(f"health-webui's front end is not built: {error}")
