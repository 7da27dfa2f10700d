"""``python -m bussdcc_system_health`` is ``bussdcc-system-health``."""

import sys

from bussdcc_system_health.cli import main

sys.exit(main())
