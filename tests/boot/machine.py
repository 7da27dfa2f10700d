"""Debian systems that run real systemd as process 1, in namespaces of this host.

    with Machine("one", "bookworm", work) as machine:
        machine.put_packages(Path("dist"))
        machine.boot()
        machine.run("systemctl", "is-system-running")

Roots are made once with debootstrap and kept, with the packages that were downloaded for them,
in ``$XDG_CACHE_HOME/bussdcc-system-health/boot``. A machine is a throw-away layer above one.
"""

import fcntl
import os
import secrets
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
CACHE = CACHE / "bussdcc-system-health" / "boot"
_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
_CLEAN = ("env", "-i", f"PATH={_PATH}", "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive",
          "SYSTEMD_COLORS=0", "SYSTEMD_PAGER=", "HOME=/root")  # fmt: skip
_APT = ("apt-get", "-y", "-o", "APT::Sandbox::User=root", "--no-install-recommends")
_FETCH = """
import sys, urllib.request
print(urllib.request.urlopen(sys.argv[1], timeout=float(sys.argv[2])).read().decode())
"""
_INCLUDED = "systemd,systemd-sysv,dbus,ca-certificates,iproute2"
TOOLS = {
    "debootstrap": "debootstrap", "dh": "debhelper", "dpkg-buildpackage": "dpkg-dev",
    "ip": "iproute2", "lintian": "lintian", "losetup": "mount",
    "mkfs.ext4": "e2fsprogs", "mmdebstrap": "mmdebstrap",
    "qemu-aarch64-static": "qemu-user-static", "qemu-arm-static": "qemu-user-static",
    "setpriv": "util-linux", "unshare": "util-linux",
}  # fmt: skip


def command(*words: str | Path, check: bool = True, **options: Any) -> subprocess.CompletedProcess:
    """Runs a command of the host's, with Debian's own programs first.

    Raises:
        AssertionError: it failed; the text is what it said.
    """
    environment = {
        **os.environ,
        "PATH": f"{_PATH}:{os.environ.get('PATH', '')}",
        "LC_ALL": "C.UTF-8",
    }
    given = {} if "input" in options else {"stdin": subprocess.DEVNULL}
    done = subprocess.run(
        [str(word) for word in words],
        env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        **{"timeout": 280, **given, **options},
    )  # fmt: skip
    if check:
        assert done.returncode == 0, f"{words}: status {done.returncode}\n{done.stdout}"
    return done


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


@contextmanager
def cache_lock() -> Iterator[None]:
    """One test session at a time uses the roots: a layer must not change below another."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("waiting for another run of the boot tests to end", file=sys.__stderr__)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def mirror() -> str:
    """Where this machine's own apt gets Debian from, or ``$DEBIAN_MIRROR``."""
    if given := os.environ.get("DEBIAN_MIRROR"):
        return given
    fields = "$(ORIGIN) $(SUITE) $(REPO_URI)"
    listed = command("apt-get", "indextargets", "--format", fields, "Created-By: Packages").stdout
    found = [line.split() for line in listed.splitlines()]
    uris = [f[2] for f in found if len(f) == 3 and f[0] == "Debian" and "-" not in f[1]]
    assert uris, "apt has no Debian mirror configured: set DEBIAN_MIRROR"
    return uris[0]


def base(suite: str) -> Path:
    """The kept root of a Debian release; made if it is not there."""
    root = CACHE / f"base-{suite}"
    complete = CACHE / f"base-{suite}.complete"
    if not complete.exists():
        shutil.rmtree(root, ignore_errors=True)
        command(
            "debootstrap", "--variant=minbase", f"--include={_INCLUDED}", suite, root, mirror(),
            timeout=1200,
        )  # fmt: skip
        _take_network(root)
        _chroot(root, *_APT, "update")
        complete.touch()
    return root


def _take_network(root: Path) -> None:
    """The host's resolver and apt's ways to the network, for what runs in a chroot."""
    resolver = root / "etc/resolv.conf"
    resolver.unlink(missing_ok=True)
    shutil.copy("/etc/resolv.conf", resolver)
    for file in Path("/etc/apt/apt.conf.d").iterdir():
        if any(f"{key} " in file.read_text(errors="replace") for key in ("Proxy", "Check-Date")):
            shutil.copy(file, root / "etc/apt/apt.conf.d")


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
        self.root = self._work / "root"
        layers = [self._work / "upper", self._work / "overlay"]
        for directory in (self.root, *layers):
            directory.mkdir(parents=True)
        options = f"lowerdir={base(suite)},upperdir={layers[0]},workdir={layers[1]}"
        if command(
            "mount", "-t", "overlay", "-o", options, "overlay", self.root, check=False
        ).returncode:
            command("cp", "-a", f"{base(suite)}/.", self.root)

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
        """Copies packages to /root, and downloads what they depend on: the guest has no network."""
        for package in packages:
            shutil.copy(package, self.root / "root")
        kept = CACHE / f"packages-{self.suite}"
        kept.mkdir(exist_ok=True)
        archives = self.root / "var/cache/apt/archives"
        for package in kept.glob("*.deb"):
            shutil.copy(package, archives)
        _take_network(self.root)
        names = [f"/root/{package.name}" for package in packages]
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
