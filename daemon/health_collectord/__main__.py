"""``python -m health_collectord`` is ``health-collectord``."""

import sys

from health_collectord.cli import main

sys.exit(main())
