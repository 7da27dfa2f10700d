"""The tests pass with the versions of the libraries that each Debian release ships.

They run in a root made of the release's own packages, as root of namespaces of their own: the
processes, mounts and network of this host are not there. What needs npm, a browser, a boot, or a
library that Debian lacks is left out, and so is what says nothing of a library.
"""

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.boot.roots import command, copy_sources, kept_root

ROOT = Path(__file__).parents[2]
SUITES = ("bookworm", "trixie")
PACKAGES = (
    "python3-pytest", "python3-hypothesis", "python3-zmq", "python3-psutil", "python3-sdnotify",
    "python3-flask", "python3-flask-socketio", "python3-gevent", "python3-gevent-websocket",
    "openssl", "iproute2",
)  # fmt: skip
# Each library is in some of these: zmq on both sides, psutil, sdnotify, and all of the web's.
TESTED = (
    "tests/health_wire", "tests/interfaces", "tests/runtime", "tests/services",
    "tests/metrics/test_identity.py", "tests/webui/access", "tests/webui/connections",
    "tests/webui/test_api.py", "tests/webui/test_app.py", "tests/webui/test_proxies.py",
    "tests/webui/test_server.py", "tests/webui/following/test_green.py",
    "tests/webui/following/test_relay.py", "tests/webui/following/test_roster.py",
    "tests/process/test_access.py", "tests/process/test_resets.py",
    "tests/process/test_stopped_clients.py", "tests/process/test_hostile_visitors.py",
)  # fmt: skip
LEFT_OUT = ("tests/webui/test_openapi.py",)  # schemathesis
# Who imports this runs the page's script in node.
IN_NODE = "from tests.webui import module"
# Long, or about this machine's time more than about a library.
TAKE_LONG = (
    "a_hundred_boots", "takes_too_long", "ten_thousand_tries", "memory_is_back", "TestStore",
    "full_disk", "within_a_second",
)  # fmt: skip
# Makes interfaces in a namespace, as tests/boot/test_two_hosts.py does with these libraries; and
# what is about a command without its libraries, of which one is unpacked beside the sources here.
NOT_THERE = ("over_a_network", "addresses_of_what_is_hidden", "without_its_extra")
# Of what the libraries themselves do with a Python that is newer than they are.
THEIR_WARNINGS = ("ignore::DeprecationWarning:gevent", "ignore::DeprecationWarning:geventwebsocket")
_IN_ROOT = """
set -e
ip link set lo up
mount -t proc proc "$1/proc"
mount --rbind /dev "$1/dev"
mount -t tmpfs tmpfs "$1/tmp"
mkdir -p "$1/src" && mount --bind "$2" "$1/src"
shift 2
exec "$@"
"""


@pytest.fixture(autouse=True)
def _a_hang_shows_where() -> None:
    """Instead of the one for all tests: inside the root it is in force, for each of them."""


@pytest.fixture(scope="session")
def wheel() -> Path:
    """bussdcc, as pinned."""
    directory = ROOT / ".cache/deb/bussdcc"
    command(ROOT / "packaging/fetch-bussdcc", directory)
    return next(directory.glob("*.whl"))


def run(root: Path, source: Path, *words: str) -> str:
    """What a command in the root says; its namespaces end with it.

    Raises:
        AssertionError: it failed.
    """
    clean = ("env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "HOME=/tmp",
             "PYTHONDONTWRITEBYTECODE=1")  # fmt: skip
    return command(
        "unshare", "--mount", "--net", "--pid", "--ipc", "--fork", "--kill-child",
        "sh", "-c", _IN_ROOT, "sh", root, source, "chroot", root, *clean, *words,
        timeout=600,
    ).stdout  # fmt: skip


def test_the_libraries_of_each_release_pass(wheel: Path, tmp_path: Path) -> None:
    with ThreadPoolExecutor() as both:  # their tests wait more than they work
        list(both.map(lambda suite: check(suite, wheel, tmp_path / suite), SUITES))


def check(suite: str, wheel: Path, source: Path) -> None:
    """Runs the tests with a release's libraries, and makes sure that they are its own."""
    root = kept_root("libraries", suite, PACKAGES)
    copy_sources(source, "daemon/", "webui/", "tests/", "pyproject.toml")
    command("python3", "-m", "zipfile", "-e", wheel, source / "daemon")
    packaged = run(root, source, "dpkg-query", "-W", "-f", "${Package} ${Version}\n")
    versions = dict(line.split() for line in packaged.splitlines())
    seen = run(root, source, "python3", "-c", _VERSIONS).split()
    for package, version in zip(seen[::2], seen[1::2], strict=True):
        assert versions[package].startswith(version), package
    warnings = [part for each in THEIR_WARNINGS for part in ("-W", each)]
    in_node = (
        path.relative_to(ROOT)
        for path in (ROOT / "tests/webui").rglob("test_*.py")
        if IN_NODE in path.read_text()
    )
    ignored = [f"--ignore=/src/{name}" for name in (*LEFT_OUT, *in_node)]
    tests = (
        "python3", "-m", "pytest", "-q", "-o", "cache_dir=/src/.cache/pytest",
        "--rootdir", "/src", "-c", "/src/pyproject.toml", *warnings, *ignored,
        "-k", " and ".join(f"not {name}" for name in (*TAKE_LONG, *NOT_THERE)),
        *(f"/src/{name}" for name in TESTED),
    )  # fmt: skip
    said = run(root, source, *tests)
    summary = said.splitlines()[-1]
    found = re.match(r"(\d+) passed, \d+ deselected in ", summary)
    assert found, f"{suite}: {said}"  # something was skipped: leave it out by name, or mend it
    assert int(found[1]) > 500, summary


_VERSIONS = """
import importlib.metadata as m
for package, name in (
    ("python3-gevent", "gevent"), ("python3-flask", "flask"), ("python3-zmq", "pyzmq"),
    ("python3-flask-socketio", "flask-socketio"), ("python3-socketio", "python-socketio"),
    ("python3-engineio", "python-engineio"), ("python3-werkzeug", "werkzeug"),
    ("python3-gevent-websocket", "gevent-websocket"), ("python3-psutil", "psutil"),
):
    print(package, m.version(name))
"""
