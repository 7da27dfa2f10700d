"""``status``: what a person without a screen asks a running collector."""

import os
import shutil
import sys
import time
from typing import Any

from health_wire import CollectorTimeout, InvalidKey, ProtocolError
from health_wire.terminal import escape, to_json

from health_collectord.commands.local import connect
from health_collectord.commands.page import draw, verdict_of
from health_collectord.commands.paper import Paper
from health_collectord.commands.told import at, dict_of, dicts_of, text_of
from health_collectord.config import Config

# The monitoring plugins' convention.
_EXITS = {"healthy": 0, "warning": 1, "critical": 2}
UNKNOWN = 3

_TRIES = 3
_WATCH_SECONDS = 1.0
_HOME, _CLEAR_LINE, _CLEAR_BELOW = "\x1b[H", "\x1b[K", "\x1b[J"  # ECMA-48: CUP, EL, ED


class _NoAnswer(Exception):
    """The collector cannot be asked; the text says why."""


def status(config: Config, *, as_json: bool, watch: bool) -> int:
    """Prints the verdict, what is wrong, and every metric; with `watch`, each second anew.

    Returns:
        0, 1, 2 or 3; with `watch`, once it is interrupted, what was shown last.

    Raises:
        OSError: standard output does not take it.
    """
    if not watch:
        text, exit_ = _look(config, as_json=as_json)
        print(text)
        return exit_
    exit_ = UNKNOWN
    redraws = not as_json and sys.stdout.isatty()
    try:
        if redraws:
            sys.stdout.write(_HOME + _CLEAR_BELOW)
        while True:
            due = time.monotonic() + _WATCH_SECONDS
            text, exit_ = _look(config, as_json=as_json)
            sys.stdout.write(_in_place(text) if redraws else f"{text}\n")
            sys.stdout.flush()
            time.sleep(max(due - time.monotonic(), 0.0))
    except KeyboardInterrupt:
        sys.stdout.write("\n" if redraws else "")
        return exit_


def unknown(reason: str, *, as_json: bool) -> str:
    """What is printed instead, where nothing is known."""
    if as_json:
        return to_json({"health": {"status": "unknown", "summary": reason}}, sys.stdout.encoding)
    return f"Unknown: {escape(reason)}"


def _look(config: Config, *, as_json: bool) -> tuple[str, int]:
    """What there is to print now, and the exit status that goes with it."""
    try:
        told = _ask(config)
        exit_ = _EXITS.get(verdict_of(told["health"]), UNKNOWN)
        if as_json:
            return to_json(told, sys.stdout.encoding), exit_
        columns, colour = shutil.get_terminal_size().columns, _may_colour()
        paper = Paper(columns, colour=colour)
        draw(told, paper)
        return "\n".join(paper.lines), exit_
    except _NoAnswer as error:
        return unknown(str(error), as_json=as_json), UNKNOWN
    except Exception as error:  # noqa: BLE001 a traceback's exit status is that of a warning
        reason = f"{config.state} answered what cannot be shown: {type(error).__name__}: {error}"
        return unknown(reason, as_json=as_json), UNKNOWN


def _ask(config: Config) -> dict[str, Any]:
    """All that is to be known of the collector at one moment: that of its snapshot.

    What it says in other replies is either no matter of time or stands in the snapshot as well.
    """
    try:
        with connect(config) as client:
            for _ in range(_TRIES):
                described, ping, snapshot = map(client.request, ("describe", "ping", "snapshot"))
                if described.get("epoch") == ping.get("epoch") == snapshot.get("epoch"):
                    break  # it did not start anew in between
    except InvalidKey as error:
        raise _NoAnswer(f"no keys to ask with: {error}") from None
    except CollectorTimeout as error:
        raise _NoAnswer(f"{error}; is health-collectord running?") from None
    except (ProtocolError, ValueError) as error:
        raise _NoAnswer(f"{config.state} answered: {error}") from None
    state = dict_of(snapshot.get("state"))
    metrics = dicts_of(described.get("metrics"))
    told = {key: snapshot.get(key) for key in ("host", "epoch", "seq", "time")}
    told |= {key: ping.get(key) for key in ("version", "uptime_seconds", "mode")}
    told["health"] = dict_of(state.get("health")) or {
        "status": "unknown", "summary": "no sample yet",
    }  # fmt: skip
    told["metrics"] = [
        m | {"status": at(state, f"collector.metrics.{text_of(m.get('name'))}")} for m in metrics
    ]
    return told | {"state": state}


def _may_colour() -> bool:
    """At a terminal, unless somebody does not want it (no-color.org)."""
    wanted = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return wanted and sys.stdout.isatty()


def _in_place(text: str) -> str:
    """The text over what was shown before, as much of it as the terminal is high."""
    lines, room = text.split("\n"), max(shutil.get_terminal_size().lines - 1, 1)
    if len(lines) > room:
        lines = [*lines[: room - 1], f"({len(lines) - room + 1} more lines)"]
    return _HOME + "".join(f"{line}{_CLEAR_LINE}\n" for line in lines) + _CLEAR_BELOW
