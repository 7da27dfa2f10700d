"""The libraries that each command needs, which pip only installs with the extra of their name."""

from collections.abc import Sequence
from importlib.util import find_spec

from health_wire.command import CONFIG, fail

_DAEMON = ("bussdcc", "psutil", "sdnotify", "zmq")
_WEBUI = ("flask", "flask_socketio", "gevent", "geventwebsocket", "sdnotify", "zmq")
NEEDED = {
    "daemon": _DAEMON,
    "webui": _WEBUI,
    "all": tuple(dict.fromkeys((*_DAEMON, *_WEBUI))),
}

_UNKNOWN = 3


def lacking(command: str, extra: str, arguments: Sequence[str]) -> int:
    """Says which libraries of its extra a command lacks, and how to install them.

    Args:
        command: its name.
        extra: a key of `NEEDED`.
        arguments: what it was given.

    Returns:
        0 if all are there, else the exit status.
    """
    absent = [name for name in NEEDED[extra] if find_spec(name) is None]
    if not absent:
        return 0
    message = (
        f"not installed: {', '.join(absent)}. It needs the extra '{extra}': pip install"
        f" '.[{extra}]' in a clone of this program, or pip install 'PATH-OF-ITS-WHEEL[{extra}]'."
        " (By its name alone pip would install an older program from PyPI.)"
    )
    # `status` says by its own that it does not know.
    return fail(command, message, _UNKNOWN if arguments[:1] == ["status"] else CONFIG)
