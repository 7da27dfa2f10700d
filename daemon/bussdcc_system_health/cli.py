"""The command ``bussdcc-system-health``: starts both processes, and ends both."""

import argparse
import ctypes
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from queue import Queue
from types import FrameType
from typing import IO

from health_wire import command
from health_wire.version import VERSION

_PROGRAM = "bussdcc-system-health"
_PR_SET_PDEATHSIG = 1  # man 2 prctl
_STOP_SECONDS = 15.0

_Happening = tuple[str, str, int]  # what ("ready", "ended", "signal"), of whom or where, status


def main(argv: Sequence[str] | None = None) -> int:
    """Runs until a signal or until one of the two ends.

    Returns:
        The exit status: 0 fine, 1 failed, 64 wrong usage, or that of the one which ended.
    """
    options = command.parse(_parser(), sys.argv[1:] if argv is None else argv)
    happenings: Queue[_Happening] = Queue()

    def wake(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 the signature
        happenings.put(("signal", "", number))

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, wake)
    children: list[_Child] = []
    try:
        return _run(options, happenings, children)
    finally:
        for child in reversed(children):
            child.end()


def _run(
    options: argparse.Namespace, happenings: "Queue[_Happening]", children: "list[_Child]"
) -> int:
    collector = _given(options, "data_dir", "interval", "events", "state")
    collector += ["--console"] if options.console else []
    children.append(_Child("health_collectord", ["run", *collector], happenings))
    while True:
        what, where, status = happenings.get()
        if what == "signal":
            return 0
        if what == "ended":
            # Whoever ends with an error has said why, but not what that means for the other one.
            how = f"was killed by {signal.Signals(-status).name}" if status < 0 else "has ended"
            command.fail(_PROGRAM, f"{where} {how}, so all of it ends")
            return max(status, 0) or 1
        if len(children) == 1:
            endpoints = dict(part.split("=", 1) for part in where.split()[1:])
            followed = f"{endpoints['events']},{endpoints['state']}"
            webui = ["run", *_given(options, "host", "port"), "--collector", followed]
            webui.append("--no-local")  # the one that it has started, wherever that listens
            children.append(_Child("health_webui", webui, happenings))
        else:
            url = where.partition("url=")[2].rstrip("/").replace("//127.0.0.1:", "//localhost:")
            print(f"\n  System health: {url}\n  Ctrl-C ends it.\n", flush=True)


class _Child:
    """One of the two processes; ends with this one, however this one ends."""

    def __init__(self, module: str, arguments: list[str], happenings: "Queue[_Happening]") -> None:
        self._name = module.replace("_", "-")
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C is for the parent, which ends them in order
            preexec_fn=_die_with_parent,
        )
        assert self._process.stderr is not None
        self._follower = threading.Thread(
            target=self._follow, args=(self._process.stderr, happenings), daemon=True
        )
        self._follower.start()

    def _follow(self, lines: IO[str], happenings: "Queue[_Happening]") -> None:
        with lines:
            for line in lines:
                if line.startswith("ready "):
                    happenings.put(("ready", line.strip(), 0))
                else:
                    sys.stderr.write(line)
        happenings.put(("ended", self._name, self._process.wait()))

    def end(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._follower.join(1.0)


_libc = ctypes.CDLL(None)


def _die_with_parent() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM))


def _given(options: argparse.Namespace, *names: str) -> list[str]:
    """The flags that were given, to be handed on; the others are the configuration's matter."""
    flags = []
    for name in names:
        value = getattr(options, name)
        if value is not None:
            flags += [f"--{name.replace('_', '-')}", value]
    return flags


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=_PROGRAM,
        description="Watches this host: starts health-collectord and health-webui together.",
        epilog="Each of the two has more settings: see health-collectord --help and "
        "health-webui --help. Their configuration files and variables hold here as well.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {VERSION}")
    for flag, metavar, text in (
        ("--host", "ADDRESS", "address of the web page (default: 127.0.0.1)"),
        ("--port", "PORT", "port of the web page, 0 for a free one (default: 8086)"),
        ("--data-dir", "DIR", "directory for the records (default: data)"),
        ("--interval", "SECONDS", "seconds between samples (default: 1)"),
        ("--events", "ENDPOINT", "where events are published (default: tcp://127.0.0.1:8087)"),
        ("--state", "ENDPOINT", "where requests are answered (default: tcp://127.0.0.1:8088)"),
    ):
        parser.add_argument(flag, metavar=metavar, help=text)
    parser.add_argument("--console", action="store_true", help="print every event")
    return parser
