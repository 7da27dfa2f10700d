"""The collector: observes this host, projects state, judges health, publishes every event."""

import sys
from types import ModuleType

from health_wire.version import installed


def _tell_bussdcc_its_version() -> None:
    """bussdcc asks importlib.metadata as it is imported; who collects has no other use for that."""
    version = installed("bussdcc") or "0.0.0"  # as it calls itself then
    told = ModuleType("bussdcc.version", "In place of bussdcc's own, which says the same.")
    told.__dict__.update(__version__=version, get_version=lambda: version)
    sys.modules.setdefault(told.__name__, told)


_tell_bussdcc_its_version()
