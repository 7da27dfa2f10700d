"""The packages themselves, before anything is installed."""

from itertools import combinations

import pytest

from tests.boot.first_hour import Packages
from tests.boot.roots import command

PLACES = {
    "health-collectord": "./usr/lib/health-collectord/",
    "health-webui": "./usr/lib/health-webui/",
    "python3-health-wire": "./usr/lib/python3/dist-packages/health_",
}


@pytest.mark.parametrize("suite", ["bookworm", "trixie"])
def test_lintian_has_nothing_to_say(packages: Packages, suite: str) -> None:
    done = command(
        "lintian", "--allow-root", "--fail-on", "error,warning", *packages[suite].values(),
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("suite", ["bookworm", "trixie"])
def test_each_package_owns_what_it_runs(packages: Packages, suite: str) -> None:
    listed = {
        name: {line.split()[-1] for line in command("dpkg-deb", "-c", file).stdout.splitlines()}
        for name, file in packages[suite].items()
    }
    assert set(listed) == set(PLACES)
    for name, files in listed.items():
        code = [file for file in files if file.endswith(".py")]
        assert code
        assert all(file.startswith(PLACES[name]) for file in code), name
        for document in ("README.md", "PROTOCOL.md"):
            assert f"./usr/share/doc/{name}/{document}" in files
    for name, command_ in (
        ("health-collectord", "health-collectord"),
        ("health-webui", "health-webui"),
        ("health-webui", "bussdcc-system-health"),
    ):
        assert f"./usr/bin/{command_}" in listed[name]
        assert f"./usr/share/bash-completion/completions/{command_}" in listed[name]
    for name in ("health-collectord", "health-webui"):
        assert f"./usr/lib/systemd/system/{name}.service" in listed[name]
    assert "./usr/lib/health-collectord/bussdcc/__init__.py" in listed["health-collectord"]
    assert "./usr/lib/health-webui/health_webui/static/manifest.json" in listed["health-webui"]
    for one, other in combinations(listed.values(), 2):
        assert all(path.endswith("/") for path in one & other)
