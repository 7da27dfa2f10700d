"""A bare Debian in which somebody types README's lines: no boot, but the network.

with Workshop("bookworm", "pi", work) as workshop:
    workshop.type("git clone https://...")
"""

import os
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.boot import readme
from tests.boot.machine import until
from tests.boot.roots import command, copy_sources, kept_root, may_use_sudo, put_layer, take_network

CLONED = readme.line("Two commands", "git clone").split()[-1]
# What README's first line installs, and what an installed Debian has besides.
_PACKAGES = (
    *(w for w in readme.line("Two commands", "apt-get").split()[3:] if not w.startswith("-")),
    "ca-certificates", "sudo",
)  # fmt: skip
_INSIDE = """
mount -t proc proc "$1/proc"
mount --rbind /dev "$1/dev"
exec chroot "$@"
"""
_KEPT = ("PIP_", "NPM_CONFIG_", "npm_config_", "http_proxy", "https_proxy", "no_proxy")
# Free ports: this host may have its own, and the other release's workshop is beside.
_FREE = {
    "HEALTH_WEBUI_PORT": "0",
    "HEALTH_COLLECTORD_EVENTS": "tcp://127.0.0.1:0",
    "HEALTH_COLLECTORD_STATE": "tcp://127.0.0.1:0",
}


class Workshop:
    """One root and one user who types in it.

    Attributes:
        root: its files.
        directory: where the user is.
    """

    def __init__(self, suite: str, user: str, work: Path) -> None:
        self.user = user
        self._home = self.directory = "/root" if user == "root" else f"/home/{user}"
        self._work = work / f"workshop-{suite}"
        self.root = put_layer(kept_root("workshop", suite, _PACKAGES), self._work)
        take_network(self.root)
        may_use_sudo(self.root, *_environment())
        self._put_sources()

    def _put_sources(self) -> None:
        """What is cloned from the address in README are these sources, as they are."""
        copy = self.root / "srv/sources"
        copy_sources(copy)
        git = ("git", "-C", copy, "-c", "user.name=test", "-c", "user.email=test@example.org")
        command(*git, "init", "-q")
        command(*git, "add", "-A")
        command(*git, "commit", "-q", "-m", "as it is")
        for key, value in (
            ("url.file:///srv/sources.insteadOf", CLONED),
            ("safe.directory", "/srv/sources/.git"),  # root's, for whoever clones it
        ):
            command("git", "config", "--file", self.root / "etc/gitconfig", key, value)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        command("umount", self.root, check=False)
        shutil.rmtree(self._work)

    def _words(self, line: str) -> tuple[str | Path, ...]:
        environment = {
            **_environment(), **_FREE, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": self._home, "USER": self.user, "LC_ALL": "C.UTF-8",
        }  # fmt: skip
        return (
            "unshare", "--mount", "--pid", "--ipc", "--fork", "--kill-child", "sh", "-ec", _INSIDE,
            "sh", self.root, "setpriv", f"--reuid={self.user}", f"--regid={self.user}",
            "--init-groups", "env", "-i", *(f"{k}={v}" for k, v in environment.items()),
            "bash", "-ec", f"cd {self.directory}; {line}",
        )  # fmt: skip

    def type(self, line: str, *, fails: bool = False) -> str:
        """What a line says, of which the end is waited for.

        Raises:
            AssertionError: it failed, or with `fails` it did not.
        """
        if line.startswith("cd "):
            self.directory += f"/{line[3:]}"
        done = command(*self._words("" if line.startswith("cd ") else line), check=False,
                       timeout=600)  # fmt: skip
        assert (done.returncode != 0) == fails, f"{line}: {done.returncode}\n{done.stdout}"
        return str(done.stdout)

    @contextmanager
    def running(self, line: str) -> Iterator[str]:
        """A line that runs until Ctrl-C; gives the address of the page that it says."""
        said: list[str] = []
        process = subprocess.Popen(
            [str(word) for word in self._words(line)], start_new_session=True, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        assert process.stdout is not None
        reader = threading.Thread(target=lambda: said.extend(process.stdout or ()))
        reader.start()

        def address() -> str | None:
            assert process.poll() is None, "".join(said)
            found = re.search(r"http://\S+:\d+", "".join(said))
            return found[0] if found else None

        try:
            yield until(address, 300, lambda: "".join(said))
            os.killpg(process.pid, signal.SIGINT)
            process.wait(30)
        finally:
            process.kill()
            process.wait()
            reader.join(10)
            process.stdout.close()

    @contextmanager
    def without(self, path: str) -> Iterator[None]:
        """As if what is there, program or directory, had not been installed."""
        there = next(self.root.glob(path.lstrip("/")))
        away = there.with_name(f"{there.name}.away")
        shutil.move(there, away)  # an overlay does not rename directories
        try:
            yield
        finally:
            shutil.move(away, there)


def _environment() -> dict[str, str]:
    """This host's ways to the registries of Python and Node.js."""
    return {k: v for k, v in os.environ.items() if k.startswith(_KEPT)}
