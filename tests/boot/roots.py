"""Debian releases in directories, made once with mmdebstrap and kept, and layers above them.

They are kept in ``$XDG_CACHE_HOME/bussdcc-system-health/boot``.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
CACHE = CACHE / "bussdcc-system-health" / "boot"
_SOURCES = Path(__file__).parents[2]
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
USER = "pi"  # who types in it, and may become root with sudo
TOOLS = {
    "dh": "debhelper", "dpkg-buildpackage": "dpkg-dev",
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
        "PATH": f"{PATH}:{os.environ.get('PATH', '')}",
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


def kept_root(kind: str, suite: str, packages: Iterable[str]) -> Path:
    """A Debian release with these packages and a user; made if it is not there.

    dpkg there does not wait until what will be thrown away is on the disk, and apt asks nothing.
    """
    made = (
        "mmdebstrap", "--mode=root", "--variant=minbase", f"--include={','.join(packages)}",
        "--dpkgopt=force-unsafe-io", "--aptopt=APT::Get::Assume-Yes true",
        "--skip=cleanup/apt/lists", suite,
    )  # fmt: skip
    user = ("useradd", "--create-home", "--shell", "/bin/bash", USER)
    named = hashlib.sha256(" ".join((*made, *user)).encode()).hexdigest()[:12]
    kept = CACHE / f"{kind}-{suite}-{named}"
    if not kept.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        for old in CACHE.glob(f"{kind}-{suite}-*"):
            shutil.rmtree(old)
        begun = Path(tempfile.mkdtemp(dir=CACHE, prefix="making-"))
        command(*made, begun, mirror(), timeout=1200)
        command("chroot", begun, *user)
        begun.rename(kept)
    return kept


def may_use_sudo(root: Path, *variables: str) -> None:
    """The user of a root becomes root without a password, and keeps these variables."""
    kept = f'Defaults env_keep += "{" ".join(variables)}"\n' if variables else ""
    (root / "etc/sudoers.d/user").write_text(f"{kept}{USER} ALL=NOPASSWD: ALL\n")


def put_layer(below: Path, work: Path) -> Path:
    """A root that shows what is below, and writes elsewhere; to be unmounted."""
    root, upper, overlay = (work / name for name in ("root", "upper", "overlay"))
    for directory in (root, upper, overlay):
        directory.mkdir(parents=True)
    options = f"lowerdir={below},upperdir={upper},workdir={overlay}"
    layered = command("mount", "-t", "overlay", "-o", options, "overlay", root, check=False)
    if layered.returncode:
        command("cp", "-a", f"{below}/.", root)
    return root


def take_network(root: Path) -> None:
    """What runs in a chroot gets this host's resolver, certificates, and apt's ways out."""
    resolver = root / "etc/resolv.conf"
    resolver.unlink(missing_ok=True)
    shutil.copy("/etc/resolv.conf", resolver)
    bundle = Path("/etc/ssl/certs/ca-certificates.crt")
    if bundle.exists() and (root / "etc/ssl/certs").is_dir():
        shutil.copy(bundle, root / "etc/ssl/certs")
    for file in Path("/etc/apt/apt.conf.d").iterdir():
        if any(f"{key} " in file.read_text(errors="replace") for key in ("Proxy", "Check-Date")):
            shutil.copy(file, root / "etc/apt/apt.conf.d")


def copy_sources(to: Path, *beginnings: str) -> None:
    """These sources as they are, but for what git ignores; with `beginnings`, of these names."""
    listed = command(
        "git", "-c", f"safe.directory={_SOURCES}", "-C", _SOURCES,
        "ls-files", "-co", "--exclude-standard",
    ).stdout.splitlines()  # fmt: skip
    for name in listed:
        if name.startswith(beginnings or "") and os.path.lexists(_SOURCES / name):
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(_SOURCES / name, to / name, follow_symlinks=False)
