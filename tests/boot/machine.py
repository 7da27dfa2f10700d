"""Debian systems that run real systemd as process 1, in namespaces of this host.

    with Machine("one", "bookworm", work) as machine:
        machine.put_packages(Path("dist"))
        machine.boot()
        machine.run("systemctl", "is-system-running")

A machine is a throw-away layer above a kept root. The packages that were downloaded for it are kept
as well.
"""

import os
import secrets
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.boot.roots import (
    CACHE,
    PATH,
    USER,
    command,
    kept_root,
    may_use_sudo,
    put_layer,
    take_network,
)

_CLEAN = ("env", "-i", f"PATH={PATH}", "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive",
          "SYSTEMD_COLORS=0", "SYSTEMD_PAGER=", "HOME=/root")  # fmt: skip
_APT = ("apt-get", "-y", "-o", "APT::Sandbox::User=root")
_FETCH = """
import sys, urllib.request
print(urllib.request.urlopen(sys.argv[1], timeout=float(sys.argv[2])).read().decode())
"""
SHARED = "/srv"  # where people put files, and type
PACKAGES = f"{SHARED}/dist".removeprefix("/")  # what is to be installed
_INCLUDED = "systemd,systemd-sysv,dbus,ca-certificates,iproute2,sudo"


def until(condition: Callable[[], Any], seconds: float, what: Any = "it did not come about") -> Any:
    """What `condition` returns, as soon as that is true.

    Raises:
        AssertionError: it was not within `seconds`; `what` may be called for the text.
    """
    end = time.monotonic() + seconds
    pause = threading.Event()
    while not (found := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"{what() if callable(what) else what} (within {seconds:g} s)")
        pause.wait(0.05)
    return found


def base(suite: str) -> Path:
    """The kept root that machines of a Debian release are layers above."""
    return kept_root("machine", suite, _INCLUDED.split(","))


def _chroot(root: Path, *words: str, **options: Any) -> subprocess.CompletedProcess:
    return command("chroot", root, *_CLEAN, *words, **options)


class Machine:
    """One system: made, booted, used, and taken away.

    Attributes:
        leader: the host's number of its process 1, while it is booted.
        root: its files, while it is not.
    """

    def __init__(self, name: str, suite: str, work: Path) -> None:
        self.name, self.suite = name, suite
        self.id = f"boot-{secrets.token_hex(4)}"
        self.leader = 0
        self._outer: subprocess.Popen[bytes] | None = None
        self._loops: list[str] = []
        self._work = work / name
        self.root = put_layer(base(suite), self._work)
        may_use_sudo(self.root)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.halt()
        command("umount", self.root, check=False)
        for loop in self._loops:
            command("losetup", "--detach", loop, check=False)
        for top in [Path("/sys/fs/cgroup"), *Path("/sys/fs/cgroup").glob("*/")]:
            for directory in top.glob(f"**/{self.id}"):
                for each in sorted(directory.glob("**/"), reverse=True):
                    with suppress(OSError):
                        each.rmdir()
        shutil.rmtree(self._work)

    def put_packages(self, *packages: Path) -> None:
        """Copies packages there, and downloads what they depend on: the guest has no network."""
        (self.root / PACKAGES).mkdir()
        for package in packages:
            shutil.copy(package, self.root / PACKAGES)
        kept = CACHE / f"packages-{self.suite}"
        kept.mkdir(exist_ok=True)
        archives = self.root / "var/cache/apt/archives"
        for package in kept.glob("*.deb"):
            shutil.copy(package, archives)
        take_network(self.root)
        names = [f"/{PACKAGES}/{package.name}" for package in packages]
        download = (*_APT, "install", "--download-only", *names)
        if _chroot(self.root, *download, check=False).returncode:  # the lists may be old
            _chroot(self.root, *_APT, "update")
            _chroot(self.root, *download)
        for package in archives.glob("*.deb"):
            if not (kept / package.name).exists():
                shutil.copy(package, kept)
        (self.root / "etc/resolv.conf").unlink()

    def disk(self, name: str, megabytes: int) -> str:
        """A new ext4 file system on a loop device of the host's; returns the device."""
        image = self._work / f"{name}.img"
        with image.open("wb") as file:
            file.truncate(megabytes << 20)
        command("mkfs.ext4", "-q", "-F", image)
        loop = command("losetup", "--find", "--show", image).stdout.strip()
        self._loops.append(loop)
        return str(loop)

    def give_home_a_disk(self) -> None:
        """From the next boot on, /home is a file system of its own."""
        (self._work / "root.home").write_text(self.disk("home", 64))

    def boot(self) -> None:
        """Starts systemd and waits until it has started everything."""
        (self.root / "etc/machine-id").write_text("")  # a new one, without a first boot's questions
        (self.root / "etc/hostname").write_text(f"{self.name}\n")
        (self.root / "etc/hosts").write_text(f"127.0.0.1 localhost\n127.0.1.1 {self.name}\n")
        with (self._work / "console").open("ab") as console:
            self._outer = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", Path(__file__).with_name("become-machine"),
                 "outer", self.root, self.id],
                stdin=subprocess.DEVNULL, stdout=console, stderr=console,
            )  # fmt: skip
        self.leader = until(self._find_leader, 20, self._console)
        until(self._is_up, 60, lambda: self.run("systemctl", "list-jobs", check=False).stdout)

    def _find_leader(self) -> int:
        assert self._outer is not None
        assert self._outer.poll() is None, self._console()
        outer = self._outer.pid
        for child in Path(f"/proc/{outer}/task/{outer}/children").read_text().split():
            with suppress(OSError):
                if Path(f"/proc/{child}/comm").read_text().strip() == "systemd":
                    return int(child)
        return 0

    def _is_up(self) -> bool:
        said = self.run("systemctl", "is-system-running", check=False).stdout
        return said.strip() in ("running", "degraded")

    def _console(self) -> str:
        return (self._work / "console").read_text(errors="replace")

    def halt(self) -> None:
        """Powers it off; what does not stop is killed with its process 1."""
        if self._outer is None:
            return
        self._signal_leader(34 + 4)  # SIGRTMIN+4: poweroff.target
        try:
            self._outer.wait(20)
        except subprocess.TimeoutExpired:
            self._signal_leader(signal.SIGKILL)
            self._outer.wait(5)
        self._outer, self.leader = None, 0

    def reset(self) -> None:
        """Ends it in the middle of everything, as the button does."""
        assert self._outer is not None
        self._signal_leader(signal.SIGKILL)
        self._outer.wait(20)
        self._outer, self.leader = None, 0

    def reboot(self) -> None:
        """Has somebody in it reboot it."""
        assert self._outer is not None
        self.run("systemctl", "reboot", check=False)  # which may end with the machine
        self._outer.wait(60)
        self._outer, self.leader = None, 0
        self.boot()

    def _signal_leader(self, number: int) -> None:
        """Where it has not come so far, all that has been started instead: 0 would be our group."""
        assert self._outer is not None
        with suppress(ProcessLookupError):
            if self.leader:
                os.kill(self.leader, number)
            else:
                self._outer.kill()

    def run(self, *words: str, check: bool = True, **options: Any) -> subprocess.CompletedProcess:
        """Runs a command in the booted machine, as root.

        Raises:
            AssertionError: it failed.
        """
        return command(
            "nsenter", "-t", str(self.leader), "-a", *_CLEAN, *words,
            check=check, process_group=0, **options,  # a signal to its group is not for this one
        )  # fmt: skip

    def type(self, line: str, **options: Any) -> str:
        """What a line says that the user types in `SHARED`.

        Raises:
            AssertionError: it failed.
        """
        words = ("runuser", "-u", USER, "--", "bash", "-c", f"cd {SHARED}; {line}")
        return str(self.run("env", f"HOME=/home/{USER}", *words, **options).stdout)

    def write(self, path: str, text: str, mode: str = "644") -> None:
        self.run(
            "sh", "-c", f"mkdir -p $(dirname {path}); cat > {path}; chmod {mode} {path}", input=text
        )

    def copy(self, file: Path, path: str) -> None:
        """Brings a file of the host's into the booted machine."""
        with file.open("rb") as content:
            self.run("sh", "-c", f"cat > {path}", stdin=content)

    def read(self, path: str) -> str:
        return str(self.run("cat", path).stdout)

    def prop(self, unit: str, name: str) -> str:
        """A property of a unit, as ``systemctl show`` has it."""
        return str(self.run("systemctl", "show", "-P", name, unit).stdout).strip()

    def is_active(self, unit: str) -> bool:
        return self.run("systemctl", "is-active", unit, check=False).returncode == 0

    def journal(self, unit: str, *options: str) -> str:
        """What a unit, and systemd about it, said."""
        return str(self.run("journalctl", "--no-pager", "-o", "cat", "-u", unit, *options).stdout)

    def fetch(self, url: str, seconds: float = 5.0) -> str:
        """A page as somebody on this machine sees it.

        Raises:
            AssertionError: it could not be had.
        """
        done = command(
            "nsenter", "-t", str(self.leader), "-n",
            sys.executable, "-c", _FETCH, url, str(seconds),
        )  # fmt: skip
        return str(done.stdout)
