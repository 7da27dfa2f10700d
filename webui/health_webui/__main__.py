import sys

from health_webui.cli import main

sys.exit(main())
