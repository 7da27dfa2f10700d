"""What a process may do where it runs: one JSON object. Run inside of a sandbox and outside."""

import ctypes
import errno
import json
import mmap
import os
import signal
import socket
import sys
from pathlib import Path

libc = ctypes.CDLL(None, use_errno=True)
ARM = os.uname().machine == "aarch64"
PTRACE, PERSONALITY = (117, 92) if ARM else (101, 135)


def attempt(act):
    try:
        act()
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error.errno))
    return "ok"


def touch(directory):
    path = f"{directory}/probe"
    open(path, "w").close()
    os.unlink(path)


def in_child(act):
    """How a child that does this ends: its status, or the signal."""
    pid = os.fork()
    if pid == 0:
        os._exit(act() or 0)
    status = os.waitpid(pid, 0)[1]
    return signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else status


def count_forks():
    children = []
    try:
        for _ in range(150):
            pid = os.fork()
            if pid == 0:
                signal.pause()  # until it is killed below
                os._exit(0)
            children.append(pid)
    except OSError:
        pass
    for pid in children:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    return len(children)


def allocate():
    memory = bytearray(400 << 20)
    memory[::4096] = b"x" * len(memory[::4096])


def is_read_only(path):
    return bool(os.statvfs(path).f_flag & os.ST_RDONLY)


def cgroup():
    named = "/sys/fs/cgroup/systemd"
    return named if os.path.isdir(named) else "/sys/fs/cgroup"


status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
found = {
    "NoNewPrivileges": status["NoNewPrivs"].strip(),
    "CapabilityBoundingSet": int(status["CapBnd"], 16),
    "UMask": status["Umask"].strip(),
    "ProtectSystem": is_read_only("/usr"),
    "ReadOnlyHome": is_read_only("/home"),
    "ListHome": attempt(lambda: os.listdir("/home")),
    "StateDirectory": attempt(lambda: touch(os.environ.get("STATE_DIRECTORY", "/none"))),
    "ConfigurationDirectory": attempt(lambda: touch("/etc")),
    "PrivateTmp": os.path.exists("/tmp/on-the-host"),
    "PrivateUsers": Path("/proc/self/uid_map").read_text().split()[2],
    "PrivateIPC": os.stat("/proc/self/ns/ipc").st_ino,
    "ProtectProc": os.path.exists("/proc/1/status"),
    "ProcSubset": os.path.exists("/proc/stat"),
    "ProtectControlGroups": is_read_only(cgroup()),
    "ProtectKernelLogs": attempt(lambda: open("/dev/kmsg").close()),
    "ProtectKernelTunables": attempt(lambda: open("/proc/kallsyms").close()),
    "ProtectHostname": os.stat("/proc/self/ns/uts").st_ino,
    "Devices": [
        attempt(lambda node=node: os.close(os.open(f"/dev/{node}", os.O_RDWR)))
        for node in ("vcio_gencmd", "vcio")
    ],
    "OtherDevices": attempt(lambda: os.close(os.open("/dev/another", os.O_RDWR))),
    "RestrictAddressFamilies": attempt(
        lambda: socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM).close()
    ),
    "RestrictNamespaces": in_child(lambda: libc.unshare(0x10000000) and ctypes.get_errno()),
    "SystemCallFilter": in_child(lambda: libc.syscall(PTRACE, 0, 0, 0, 0) and 1),
    "LockPersonality": in_child(lambda: int(libc.syscall(PERSONALITY, 8) < 0)),
    "MemoryDenyWriteExecute": attempt(lambda: mmap.mmap(-1, 4096, prot=7).close()),
    "RestrictRealtime": attempt(lambda: os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))),
    "RestrictSUIDSGID": attempt(
        lambda: os.chmod(os.environ.get("STATE_DIRECTORY", "/dev/shm/probe"), 0o2755)
    ),
    "TasksMax": count_forks(),
    "MemoryMax": in_child(allocate),
}
sys.stdout.write(json.dumps(found) + "\n")
