"""README's lines on a bare Debian, from the clone to the first live value and to packages."""

import json
import re
import shutil
import urllib.request
from pathlib import Path
from typing import Any

from tests.boot import readme
from tests.boot.machine import base, until
from tests.boot.workshop import Workshop

Packages = dict[str, dict[str, Path]]  # release -> name of a package -> its file

_COMMANDS, _INSTALLING = "Two commands", "Installing"
_EXIT_CONFIG = 78


def begin(suite: str, user: str, work: Path) -> dict[str, Path]:
    """Has a user follow README on a bare root, and looks at what comes of each line.

    Returns:
        The packages that were built, by their names.

    Raises:
        AssertionError: something did not come about.
    """
    with Workshop(suite, user, work) as workshop:
        for line in ("apt-get", "git clone", "cd "):
            workshop.type(readme.line(_COMMANDS, line))
        run = readme.line(_COMMANDS, "make run")
        if user != "root":
            refuses(workshop, run, "usr/lib/python3*/ensurepip", "python3-venv")
        refuses(workshop, run, "usr/bin/npm", "sudo apt-get install npm")
        with workshop.running(run) as address:
            shows_live_values(address)
        with_pip(workshop)
        build = readme.line(_INSTALLING, "make deb")
        if user != "root":
            said = workshop.type("make deb", fails=True)
            assert "sudo apt-get install --no-install-recommends build-essential debhelper" in said
        said = workshop.type(build)
        for unwanted in ("chromium", "qemu", "lintian", "mmdebstrap"):
            assert unwanted not in said
        if user != "root":
            workshop.type("make deb")  # by now the tools are there
            assert not workshop.type("find . -not -user $USER"), "root has left files of its own"
        built = workshop.root / workshop.directory.lstrip("/") / "dist"
        packages = work / "packages" / suite
        packages.mkdir(parents=True)
        for file in built.glob("*.deb"):
            shutil.copy(file, packages)
    base(suite)  # while there is somebody to wait for it
    return {file.name.partition("_")[0]: file for file in packages.glob("*.deb")}


def refuses(workshop: Workshop, line: str, without: str, remedy: str) -> None:
    """It fails and names the remedy as long as something is not installed."""
    with workshop.without(without):
        for _ in range(2):  # nothing half done hides it the next time
            said = workshop.type(line, fails=True)
            assert remedy in said
            assert "Traceback" not in said


def shows_live_values(address: str) -> None:
    """The page is whole, and its figures move."""
    script = re.search(r'src="(static/main-[^"]+)"', fetch(address))
    assert script, "the front end is not there"
    assert len(fetch(f"{address}/{script[1]}")) > 1000
    [host] = json.loads(fetch(f"{address}/api/v1/hosts"))["hosts"]
    assert host["link"]["status"] == "live"
    state = f"{address}/api/v1/hosts/{host['key']}/state"
    first = system(state)["memory"]["usage"]["available_bytes"]
    until(lambda: system(state)["memory"]["usage"]["available_bytes"] != first, 30)


def system(address: str) -> Any:
    return json.loads(fetch(address))["state"]["system"]


def fetch(address: str) -> str:
    with urllib.request.urlopen(address, timeout=10) as answer:
        return str(answer.read().decode())


def with_pip(workshop: Workshop) -> None:
    """A wheel with one extra: its command works, and the others say which extra they need."""
    in_venv = "python3 -m venv --without-pip /tmp/venv; .venv/bin/pip --python /tmp/venv"
    workshop.type(f".venv/bin/{readme.line(_INSTALLING, 'pip wheel')}")
    workshop.type(readme.line(_INSTALLING, 'pip install "$(').replace("pip", in_venv, 1))
    assert workshop.type("/tmp/venv/bin/health-collectord --version").split()[-1] != "0"
    workshop.type("/tmp/venv/bin/health-collectord check-config")
    for command_ in ("health-webui", "bussdcc-system-health"):
        said = workshop.type(f"/tmp/venv/bin/{command_} || echo status $?")
        assert f"status {_EXIT_CONFIG}" in said
        assert "It needs the extra" in said
        assert "Traceback" not in said
