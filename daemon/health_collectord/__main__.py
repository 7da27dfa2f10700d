"""``health-collectord`` and ``python -m health_collectord``, if its libraries are installed."""

import sys

from health_wire import extras


def main() -> int:
    """Runs the command; returns the exit status."""
    if status := extras.lacking("health-collectord", "daemon", sys.argv[1:]):
        return status
    from health_collectord.cli import main

    return main()


if __name__ == "__main__":
    sys.exit(main())
