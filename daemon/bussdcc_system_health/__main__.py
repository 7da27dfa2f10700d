"""``bussdcc-system-health`` (``python -m bussdcc_system_health``), if its libraries are there."""

import sys

from health_wire import extras


def main() -> int:
    """Runs the command; returns the exit status."""
    if status := extras.lacking("bussdcc-system-health", "all", sys.argv[1:]):
        return status
    from bussdcc_system_health.cli import main

    return main()


if __name__ == "__main__":
    sys.exit(main())
