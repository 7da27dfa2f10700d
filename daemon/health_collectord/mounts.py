"""What is mounted, from ``mountinfo`` (man 5 proc_pid_mountinfo), and which of it is a disk.

Not from psutil: only mountinfo tells the device of a mount without touching it, and touching a
dead network mount blocks for ever. It also tells a bind mount from the mount it copies, and a file
system that is read-only from a read-only view of one, which is all that a sandboxed service sees.
"""

import os
import re
from collections.abc import Collection
from dataclasses import dataclass

# File systems without a block device of their own that hold files nevertheless. What is in
# neither this list nor on a block device (device number 0:*) is a pseudo file system.
_WITHOUT_BLOCK_DEVICE = frozenset(
    {"9p", "afs", "bcachefs", "beegfs", "btrfs", "ceph", "cifs", "glusterfs", "gpfs", "lustre"}
    | {"nfs", "nfs4", "smb3", "smbfs", "tmpfs", "ubifs", "vboxsf", "virtiofs", "zfs"}
)
_OF_THIS_MACHINE = frozenset({"bcachefs", "btrfs", "tmpfs", "ubifs", "zfs"})
_PSEUDO_FUSE = frozenset({"fuse.gvfsd-fuse", "fuse.lxcfs", "fuse.portal"})
# Images: always full, and made so.
_IMAGES = frozenset(
    {"composefs", "cramfs", "erofs", "iso9660", "romfs", "squashfs", "zisofs"}
    | {"fuse.erofsfuse", "fuse.snapfuse", "fuse.squashfuse", "fuse.squashfuse_ll"}
)
# File systems of which each mount has a number of its own, so that their source tells them apart.
_TOLD_BY_SOURCE = frozenset({"9p", "cifs", "smb3", "smbfs", "vboxsf", "virtiofs"})
# Where a tmpfs is a fitting of the system, of a container or of a unit, and nobody's files.
_FITTINGS = re.compile(
    r"/(dev|proc|sys|run/(credentials|containerd|docker|k3s|containers)"
    r"|var/lib/(docker|containers|kubelet|lxd|incus))(/(?!shm$).*)?"
)


@dataclass(slots=True, frozen=True)
class Mounted:
    """One line of mountinfo.

    Attributes:
        point: for people: always valid text.
        path: for the kernel: the same, undecodable bytes included.
        number: major:minor.
        root: which part of the file system is mounted here.
        read_only: of the file system, not of this view of it.
        view_read_only: of this view.
        options: of the file system.
    """

    id: str
    parent: str
    number: str
    root: str
    point: str
    path: str
    view_read_only: bool
    fstype: str
    device: str
    read_only: bool
    options: frozenset[str]

    @property
    def key(self) -> tuple[str, str]:
        return self.number, self.point

    @property
    def is_local(self) -> bool:
        """Whether it is this machine alone that has to answer for it."""
        kind = self.fstype.partition(".")[0]
        return kind in _OF_THIS_MACHINE or kind not in _WITHOUT_BLOCK_DEVICE | {"fuse"}

    @property
    def server(self) -> str:
        """Whoever has to answer for it, where that is not this machine."""
        if self.device.startswith("//"):
            return self.device[2:].partition("/")[0]
        host, colon, _ = self.device.rpartition(":/")
        return host if colon else f"{self.fstype} {self.device} {self.number}"

    @property
    def is_image(self) -> bool:
        """Whether it is read-only by nature: nothing was ever written to it, and it is full."""
        if self.fstype in _IMAGES or self.fstype.lower().endswith(".appimage"):
            return True
        if self.fstype == "overlay":  # with nothing to write to
            return self.read_only and not any(o.startswith("upperdir") for o in self.options)
        return self.fstype == "udf" and self.read_only

    @property
    def is_private(self) -> bool:
        """Whether it is a FUSE mount that lets in nobody but the user who made it (man 8 fuse)."""
        if not self.fstype.startswith("fuse") or "allow_other" in self.options:
            return False
        users = {o[8:] for o in self.options if o.startswith("user_id=")}
        return bool(users) and not users & {"0", str(os.geteuid())}


def parse(content: bytes, path: str) -> list[Mounted]:
    """``id parent major:minor root point options [optional...] - fstype device superoptions``.

    A line that is not so costs its own row. The kernel writes a space, tab, newline and backslash
    in octal, and nothing else: lines end in newlines alone.

    Raises:
        ValueError: there is no line at all, or none that is as documented.
    """
    found = []
    lines = content.split(b"\n")
    for line in lines:
        before, _, after = line.partition(b" - ")
        left, right = before.split(b" "), after.split(b" ")
        if len(left) < 6 or len(right) < 3 or not _NUMBER.fullmatch(left[2]):
            continue
        point = _unescape(left[4])
        options = right[2].split(b",")
        found.append(
            Mounted(
                id=_text(left[0]),
                parent=_text(left[1]),
                number=_text(left[2]),
                root=_text(_unescape(left[3])),
                point=_text(point),
                path=os.fsdecode(point),
                view_read_only=b"ro" in left[5].split(b","),
                fstype=_text(right[0]),
                device=_text(_unescape(right[1])),
                read_only=b"ro" in options,
                options=frozenset(map(_text, options)),
            )
        )
    if not found:
        raise ValueError(
            f"{path}: not a line of mountinfo: {lines[0][:80]!r}"
            if lines[0]
            else f"{path} is empty"
        )
    return found


_NUMBER = re.compile(rb"\d+:\d+")
_ESCAPE = re.compile(rb"\\([0-7]{3})")


def _unescape(field: bytes) -> bytes:
    return _ESCAPE.sub(lambda m: bytes([int(m[1], 8) & 0xFF]), field) if b"\\" in field else field


def _text(field: bytes) -> str:
    return field.decode("utf-8", "backslashreplace")


def disks(
    mounted: list[Mounted],
    hidden: re.Pattern[str] | None = None,
    no_folders: Collection[tuple[str, str]] = (),
) -> list[Mounted]:
    """Each real file system once, sorted by mount point; ``/`` is always among them.

    Args:
        hidden: the mount points that nobody wants to see.
        no_folders: keys of what is known to be a single file that was bound over another.
    """
    best: dict[str, Mounted] = {}
    for each in {m.point: m for m in mounted}.values():  # a later mount covers an earlier one
        if hidden is not None and hidden.match(each.point):
            continue
        if each.point != "/" and (not _is_real(each) or each.key in no_folders):
            continue
        name = _identity(each)
        known = best.get(name)
        if known is None or _preference(each) < _preference(known):
            best[name] = each
    seen = any(each.point == "/" for each in best.values())
    if not seen and not (hidden is not None and hidden.match("/")):  # hidden from a chroot
        best[""] = Mounted(
            "", "", "", "/", "/", "/", False, "unknown", "unknown", False, frozenset()
        )
    return sorted(best.values(), key=lambda m: m.point)


# What a container's own name and network are written into, and its folders below /etc are not.
_BOUND_FILES = frozenset({"/etc/hostname", "/etc/hosts", "/etc/resolv.conf"})


def _is_real(each: Mounted) -> bool:
    if each.is_image or each.fstype in _PSEUDO_FUSE:
        return False
    if each.root != "/" and each.point in _BOUND_FILES:
        return False
    if each.fstype == "tmpfs":
        of_a_container = each.device == "shm" and each.point != "/dev/shm"
        return not (each.read_only or of_a_container or _FITTINGS.fullmatch(each.point))
    if each.fstype == "9p":  # WSL mounts parts of Windows' disks for itself
        name, more, _ = _option(each, "aname").partition(";")
        return not (more or name in ("drivers", "lib")) or name == "drvfs"
    return (
        not each.number.startswith("0:")
        or each.fstype in _WITHOUT_BLOCK_DEVICE
        or each.fstype.partition(".")[0] == "fuse"
        or (each.device.startswith("/dev/") and each.fstype != "devtmpfs")
    )


def _identity(each: Mounted) -> str:
    """What is the same for all mounts of one file system."""
    if each.fstype not in _TOLD_BY_SOURCE or each.point == "/":
        return each.number
    name, _, more = _option(each, "aname").partition(";")
    if name == "drvfs":  # a folder of one of Windows' disks, such as path=C:\;uid=1000
        path = next((o[5:] for o in more.split(";") if o.startswith("path=")), each.device)
        return f"drvfs {path[:2].upper()}"
    return f"{each.fstype} {each.device} {name}"


def _option(each: Mounted, name: str) -> str:
    return next((o[len(name) + 1 :] for o in each.options if o.startswith(f"{name}=")), "")


def _preference(each: Mounted) -> tuple[bool, bool, int, str]:
    """``/`` before all, the whole file system before a part (a bind mount), short before long."""
    return (each.point != "/", each.root != "/", len(each.point), each.point)


def idle_seconds(mounted: list[Mounted]) -> dict[str, float]:
    """By id, the mounts that vanish when nobody has looked at them for so many seconds.

    They are below an autofs mount with a timeout (man 8 automount, systemd.automount), and
    looking at one of them, as statvfs does, begins its time anew.
    """
    by_id = {each.id: each for each in mounted}
    found: dict[str, float] = {}
    for each in mounted:
        above, steps = by_id.get(each.parent), 0
        while above is not None and steps < len(mounted):
            if above.fstype == "autofs":
                timeout = _option(above, "timeout")
                if timeout.isdecimal() and int(timeout) > 0:
                    found[each.id] = float(timeout)
                    break
            above, steps = by_id.get(above.parent), steps + 1
    return {key: timeout for key, timeout in found.items() if by_id[key].fstype != "autofs"}
