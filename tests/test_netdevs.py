"""Every byte once, whatever stands upon what."""

from pathlib import Path

import pytest
from health_collectord.netdevs import count_once
from hypothesis import given
from hypothesis import strategies as st


def network(folder: Path, text: str) -> dict[str, str]:
    """Folders as in sysfs, from words such as ``eth0*`` (hardware), ``a>b`` (a stands upon b),
    ``a^b`` (a's master is b) and ``a=4/2`` (its ifindex and iflink).
    """
    found: dict[str, str] = {}

    def of(name: str) -> Path:
        place = folder / name
        place.mkdir(exist_ok=True)
        found[name] = str(place)
        return place

    for word in text.split():
        if word.endswith("*"):
            (of(word[:-1]) / "device").mkdir()
        elif ">" in word:
            upper, lower = word.split(">")
            of(lower)
            (of(upper) / f"lower_{lower}").symlink_to(f"../{lower}")
        elif "^" in word:
            lower, upper = word.split("^")
            of(upper)
            (of(lower) / "master").symlink_to(f"../{upper}")
        elif "=" in word:
            name, numbers = word.split("=")
            for file, number in zip(("ifindex", "iflink"), numbers.split("/"), strict=True):
                (of(name) / file).write_text(f"{number}\n")
        else:
            of(word)
    return found


@pytest.mark.parametrize(
    ("text", "counted"),
    [
        ("eth0* wlan0*", "eth0 wlan0"),
        ("eth0* eth0.10 eth0.10>eth0", "eth0"),  # a VLAN
        ("eth0* eth1* bond0>eth0 bond0>eth1 eth0^bond0 eth1^bond0 bond0.7>bond0", "eth0 eth1"),
        ("eth0* br0>eth0 eth0^br0 tap0^br0 br0>tap0", "eth0"),
        ("eth0* lan1* lan2* lan1>eth0 lan2>eth0", "eth0"),  # a switch's ports
        ("eth0* lan1* eth0=2/2 lan1=4/2", "eth0"),  # on an old kernel
        ("eth0* eth1* lan1* bond0>eth0 bond0>eth1 lan1>bond0", "eth0 eth1"),
        ("eth0* vf0* eth0>vf0 vf0^eth0", "eth0"),  # a function lent to a virtual machine
        ("eth0* vf0* eth0>vf0 vf0^eth0 br0>eth0 eth0^br0", "eth0"),
        ("eth0* wg0 tun0", "eth0"),
        ("eth0* eth1* eth0=2/2 eth1=3/3", "eth0 eth1"),
        ("eth0* eth1* eth0=2/9 eth1=3/x", "eth0 eth1"),
        # In a container nothing is hardware, and an iflink may be another network's number.
        ("eth0 eth1", "eth0 eth1"),
        ("eth0 eth0.10>eth0", "eth0"),
        ("eth0 eth1 br0>eth0 br0>eth1 br0.3>br0", "eth0 eth1"),
        ("eth0=4/2 eth1=2/4", "eth0 eth1"),
        ("a>b b>a", "a b"),  # cannot be
        ("", ""),
    ],
)
def test_what_is_counted(tmp_path: Path, text: str, counted: str) -> None:
    assert count_once(network(tmp_path, text)) == set(counted.split())


def test_what_stands_upon_it_by_way_of_a_hidden_one(tmp_path: Path) -> None:
    folders = network(tmp_path, "eth0 bond0>eth0 bond0.10>bond0")
    del folders["bond0"]
    assert count_once(folders) == {"eth0"}
    del folders["eth0"]
    assert count_once(folders) == {"bond0.10"}


def test_names_that_no_file_can_have() -> None:
    assert count_once({"a\0b": "/sys/class/net/a\0b"}) == {"a\0b"}


@given(st.sets(st.tuples(*[st.sampled_from("abcdef")] * 2)), st.sets(st.sampled_from("abcdef")))
def test_no_counted_one_stands_upon_another(
    tmp_path_factory: pytest.TempPathFactory, pairs: set[tuple[str, str]], hardware: set[str]
) -> None:
    """Whatever is not counted stands upon, or below, what is, or is no hardware."""
    links = {(a, b) for a, b in pairs if a > b}
    words = [f"{each}*" for each in hardware] + [f"{a}>{b}" for a, b in links]
    folders = network(tmp_path_factory.mktemp("net"), " ".join([*words, *"abcdef"]))
    counted = count_once(folders)
    assert counted <= (hardware or set("abcdef"))
    below = {a: {b for c, b in links if c == a} for a in "abcdef"}
    for each in counted:
        ahead = list(below[each])
        while ahead:
            lower = ahead.pop()
            assert lower not in counted
            ahead += below[lower]
    assert counted
