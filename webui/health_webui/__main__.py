"""``health-webui`` and ``python -m health_webui``, if its libraries are installed."""

import sys

from health_wire import extras


def main() -> int:
    """Runs the command; returns the exit status."""
    if status := extras.lacking("health-webui", "webui", sys.argv[1:]):
        return status
    from health_webui.cli import main

    return main()


if __name__ == "__main__":
    sys.exit(main())
