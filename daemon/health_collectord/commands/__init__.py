"""What the command line does beside running: each command, or family of them, in a file.

Each is loaded when it is first asked for: who observes needs none of them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from health_collectord.commands import export, history, pairing, rehearse, status, verify, watch

__all__ = ["export", "history", "pairing", "rehearse", "status", "verify", "watch"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(name)
    return import_module(f"{__name__}.{name}")
