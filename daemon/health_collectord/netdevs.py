"""Which network interfaces stand upon which, from sysfs (ABI/testing/sysfs-class-net)."""

import os
from contextlib import suppress


def count_once(folders: dict[str, str]) -> frozenset[str]:
    """Of the interfaces, those whose bytes make up the total, none of them twice.

    A byte through a bridge, a bond, a VLAN or a tunnel passes the hardware too, so hardware alone
    is counted where there is any. Some hardware stands upon other hardware: a switch's port (DSA)
    upon the network card that leads to the switch, and a virtual machine's network card upon the
    function that was lent to it, which is then its `master`'s. The links ``lower_*`` say so; of
    old kernels' switches, only `iflink` does.

    Args:
        folders: each interface's folder in sysfs.
    """
    hardware = [key for key, folder in folders.items() if os.path.exists(f"{folder}/device")]
    among = hardware or list(folders)
    keys = {os.path.basename(folders[key]): key for key in among}
    below = {key: {keys[n] for n in _lower(folders[key]) if n in keys} for key in among}
    if hardware and len(hardware) > 1:
        numbers = {key: _ifindexes(folders[key]) for key in hardware}
        by_number = {own: key for key, (own, _) in numbers.items() if own is not None}
        for key, (own, other) in numbers.items():
            if other is not None and other != own and other in by_number:
                below[key].add(by_number[other])
    counted = set(among)
    for key, lowers in below.items():
        for lower in lowers - {key}:
            master = os.path.basename(_link(f"{folders[lower]}/master"))
            counted.discard(lower if hardware and keys.get(master) == key else key)
    return frozenset(counted or among)


def _lower(folder: str) -> set[str]:
    """The names of what an interface stands upon, however far down."""
    found: set[str] = set()
    ahead = [folder]
    while ahead:
        with suppress(OSError, ValueError):
            for entry in os.listdir(at := ahead.pop()):
                if entry.startswith("lower_") and (name := entry[6:]) not in found:
                    found.add(name)
                    ahead.append(os.path.join(os.path.dirname(at), name))
    return found


def _ifindexes(folder: str) -> tuple[int | None, int | None]:
    """An interface's number, and that of the one it sends by."""
    found: list[int | None] = []
    for name in ("ifindex", "iflink"):
        try:
            with open(f"{folder}/{name}", "rb") as file:
                found.append(int(file.read(32)))
        except (OSError, ValueError):
            found.append(None)
    return found[0], found[1]


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except (OSError, ValueError):
        return ""
