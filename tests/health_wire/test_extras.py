"""Commands without their libraries: they say which extra brings them, and never a traceback."""

import argparse
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import bussdcc_system_health.cli
import health_collectord.cli
import health_webui.cli
import pytest
from health_wire.extras import NEEDED

from tests.running import ROOT

EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
MODULES = {"pyzmq": "zmq", "gevent-websocket": "geventwebsocket"}
COMMANDS = {
    "health-collectord": (health_collectord, "daemon"),
    "health-webui": (health_webui, "webui"),
    "bussdcc-system-health": (bussdcc_system_health, "all"),
}


@pytest.mark.parametrize("extra", ["daemon", "webui"])
def test_what_is_needed_is_what_the_extra_brings(extra: str) -> None:
    named = [re.split("[=>]", requirement)[0] for requirement in EXTRAS[extra]]
    assert sorted(MODULES.get(n, n.replace("-", "_")) for n in named) == sorted(NEEDED[extra])
    assert set(NEEDED[extra]) <= set(NEEDED["all"])


def subcommands(parser: argparse.ArgumentParser) -> Iterator[str]:
    yield from ("--help", "--version", "--nonsense", "")
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_without_its_extra_says_which(command: str, tmp_path: Path) -> None:
    package, extra = COMMANDS[command]
    # What another program may have brought along is not named as missing.
    (tmp_path / "zmq.py").touch()
    sides = os.pathsep.join(str(each) for each in (ROOT / "daemon", ROOT / "webui", tmp_path))
    for subcommand in subcommands(package.cli._parser()):
        done = subprocess.run(
            # Without site: what pip has installed is not there.
            [sys.executable, "-S", "-m", package.__name__, *filter(None, [subcommand])],
            env={"PYTHONPATH": sides}, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == (3 if subcommand == "status" else 78), done.stderr
        assert f"pip install '.[{extra}]'" in done.stderr
        assert "Traceback" not in done.stderr
        absent = done.stderr.partition("not installed: ")[2].partition(".")[0].split(", ")
        assert absent == [name for name in NEEDED[extra] if name != "zmq"]
        assert not done.stdout
