"""The same package on the architectures of the Raspberry Pi, one instruction at a time.

The programs run on this machine's kernel under qemu's user mode: what is tested is that Python
and the compiled modules of Debian's armhf and arm64 go with our package.
"""

import json
from pathlib import Path

import pytest

from tests.boot.first_hour import Packages
from tests.boot.roots import CACHE, command, mirror

_NEEDED = "python3,python3-psutil,python3-zmq,python3-sdnotify"
_SHARED = ("archive", "wire")
_RUN = r"""
cd "$1"
unset PYTHONDONTWRITEBYTECODE PYTHONPATH
export PYTHONPYCACHEPREFIX=/compiled
ip link set lo up
mount -t proc proc proc
mount -t sysfs sysfs sys
chroot . /qemu /usr/bin/python3 /usr/bin/health-collectord run 2> log &
for i in $(seq 900); do
    ! grep -q '^ready ' log || break
    kill -0 $! || break
    sleep 0.2
done
cat log >&2
chroot . /qemu /usr/bin/python3 -c 'if True:
    import glob, struct, sys
    sys.path[:0] = glob.glob("/usr/lib/health-*")
    from health_collectord.firmware import request_code
    print(struct.calcsize("P") * 8, hex(request_code()))
'
chroot . /qemu /usr/bin/python3 /usr/bin/health-collectord status --json
"""


def root(architecture: str, suite: str) -> Path:
    """A kept root, unpacked and never configured; made if it is not there."""
    directory = CACHE / f"base-{suite}-{architecture}"
    complete = directory.with_suffix(".complete")
    if not complete.exists():
        command("rm", "-rf", directory)
        command(
            "mmdebstrap", "--variant=extract", f"--architectures={architecture}",
            f"--include={_NEEDED}", suite, directory, mirror(), timeout=600,
        )  # fmt: skip
        for name in ("bin", "lib", "sbin"):  # which a package makes where it is configured
            if not (directory / name).exists():
                (directory / name).symlink_to(f"usr/{name}")
        complete.touch()
    return directory


@pytest.mark.parametrize(
    ("architecture", "suite", "emulator", "bits"),
    [
        ("armhf", "bookworm", "qemu-arm-static", "32"),
        ("arm64", "trixie", "qemu-aarch64-static", "64"),
    ],
)
def test_it_observes_on_arm(
    packages: Packages, work: Path, architecture: str, suite: str, emulator: str, bits: str
) -> None:
    system = work / architecture
    command("cp", "-a", root(architecture, suite), system)
    for name in ("python3-health-wire", "health-collectord"):
        command("dpkg-deb", "-x", packages[suite][name], system)
    command("install", "-D", f"/usr/bin/{emulator}", system / "qemu")
    for directory in ("proc", "sys", "var/lib/health-collectord"):
        (system / directory).mkdir(parents=True, exist_ok=True)
    compiled = CACHE / f"compiled-{suite}-{architecture}"
    if compiled.exists():
        command("cp", "-a", compiled, system / "compiled")
    said = command(
        "unshare", "--mount", "--pid", "--net", "--fork", "--kill-child",
        "sh", "-c", _RUN, "sh", system, check=False,
    ).stdout  # fmt: skip
    # To compile Python's library takes half a minute. Ours is not kept: its files' times all come
    # from the changelog, so that Python would not see that they are others.
    for ours in ("health-collectord", *(f"python3/dist-packages/health_{s}" for s in _SHARED)):
        command("rm", "-rf", compiled, system / "compiled/usr/lib" / ours)
    command("cp", "-a", system / "compiled", compiled)
    lines = said.splitlines()
    assert any(line.startswith("ready ") for line in lines), said
    # What the Raspberry Pi's firmware is asked with has the size of a pointer in it.
    assert lines[-2] == {"32": "32 0xc0046400", "64": "64 0xc0086400"}[bits]
    told = json.loads(lines[-1])
    state = told["state"]["system"]
    memory = Path("/proc/meminfo").read_text().split()[1]
    assert state["memory"]["usage"]["total_bytes"] == int(memory) * 1024
    assert len(state["cpu"]["usage"]["cores"]) >= 1
    assert state["cpu"]["usage"]["used_percent"] > 0
    mount = state["disk"]["usage"]["mounts"][0]
    assert (mount["key"], mount["status"]) == ("/", "ok")
    assert mount["total_bytes"] > 1e6
    statuses = {metric["name"]: metric["status"]["status"] for metric in told["metrics"]}
    assert "failing" not in statuses.values(), statuses
