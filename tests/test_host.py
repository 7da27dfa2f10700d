"""Kernel files: held open where the kernel makes them, read to their end, opened anew otherwise."""

import os
import platform
from pathlib import Path

import pytest
from health_collectord.host import Host, KernelFile
from hypothesis import given
from hypothesis import strategies as st


def descriptors(path: str) -> int:
    count = 0
    for fd in os.listdir("/proc/self/fd"):
        try:
            count += os.readlink(f"/proc/self/fd/{fd}") == path
        except OSError:
            continue
    return count


def test_a_procfs_file_is_held_open_and_says_what_is_now() -> None:
    file = KernelFile("/proc/uptime")
    first = file.read()
    assert descriptors("/proc/uptime") == 1
    while file.read() == first:
        pass
    assert descriptors("/proc/uptime") == 1
    file.close()
    assert descriptors("/proc/uptime") == 0
    assert file.read() > first
    del file
    assert descriptors("/proc/uptime") == 0


def test_a_sysfs_file_is_held_open() -> None:
    path = "/sys/kernel/mm/transparent_hugepage/enabled"
    if not os.path.exists(path):
        pytest.skip("no such sysfs file here")
    file = KernelFile(path)
    assert file.read() == Path(path).read_bytes()
    assert descriptors(os.path.realpath(path)) == 1
    file.close()


def test_a_file_longer_than_a_page_is_read_to_its_end() -> None:
    if not os.path.exists("/proc/kallsyms"):
        pytest.skip("no such long file in procfs here")
    file = KernelFile("/proc/kallsyms")
    data = file.read()
    assert len(data) > 100_000
    assert data.endswith(b"\n")
    assert len(data) == len(Path("/proc/kallsyms").read_bytes())
    file.close()


@given(st.binary(max_size=20_000))
def test_a_recorded_file_is_read_whole(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.mktemp("host") / "file"
    path.write_bytes(content)
    file = KernelFile(str(path))
    assert file.read() == content
    assert file.read() == content


def test_a_recorded_files_replacement_and_removal_are_seen(tmp_path: Path) -> None:
    path = tmp_path / "meminfo"
    path.write_text("one")
    file = KernelFile(str(path))
    assert file.text() == "one"
    other = tmp_path / "other"
    other.write_text("two")
    other.rename(path)
    assert file.text() == "two"
    path.unlink()
    with pytest.raises(FileNotFoundError) as caught:
        file.read()
    assert caught.value.filename == str(path)
    path.write_text("three")
    assert file.text() == "three"


def test_an_error_keeps_its_kind_and_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError) as caught:
        KernelFile(str(tmp_path)).read()
    assert caught.value.filename == str(tmp_path)


def test_text_is_without_what_surrounds_it(tmp_path: Path) -> None:
    (tmp_path / "model").write_bytes(b"Raspberry Pi 4 Model B\0")
    (tmp_path / "odd").write_bytes(b" \xff \n")
    host = Host(str(tmp_path), str(tmp_path))
    assert host.proc("model").text() == "Raspberry Pi 4 Model B"
    assert host.sys("odd").text() == "\ufffd"
    assert host.text(tmp_path / "model") == "Raspberry Pi 4 Model B"
    assert host.text(tmp_path / "missing") is None


def test_its_own_root_or_that_of_another_hosts_first_process(tmp_path: Path) -> None:
    assert not Host().foreign
    assert Host().root == Path("/")
    other = Host(str(tmp_path))
    assert other.foreign
    assert other.root == tmp_path / "1/root"


def test_the_process_whose_namespaces_are_the_hosts(tmp_path: Path) -> None:
    assert Host().process == "self"
    other = Host(str(tmp_path))
    assert other.process == "self"  # hidden, as with hidepid
    (tmp_path / "1").mkdir()
    assert other.process == "1"


@pytest.mark.parametrize(
    ("links", "asked", "lands"),
    [
        ({}, "etc/os-release", "etc/os-release"),
        # NixOS: each step an absolute link.
        (
            {"etc/os-release": "/etc/static/os-release", "etc/static": "/nix/store/x-etc/etc"},
            "etc/os-release",
            "nix/store/x-etc/etc/os-release",
        ),
        ({"etc/os-release": "../usr/lib/os-release"}, "etc/os-release", "usr/lib/os-release"),
        ({"etc": "/usr/etc"}, "etc/os-release", "usr/etc/os-release"),
        ({"etc/x": "../../../../etc/passwd"}, "etc/x", "etc/passwd"),  # nothing is above the root
        ({"etc/x": "/a//./b/../c"}, "etc/x", "a/c"),
        ({}, "../../etc/x", "etc/x"),
    ],
)
def test_links_lead_nowhere_outside_of_the_hosts_root(
    tmp_path: Path, links: dict[str, str], asked: str, lands: str
) -> None:
    root = tmp_path / "1/root"
    for link, target in links.items():
        (root / link).parent.mkdir(parents=True, exist_ok=True)
        (root / link).symlink_to(target)
    assert Host(str(tmp_path)).within(asked) == root / lands


def test_a_circle_of_links_is_nowhere(tmp_path: Path) -> None:
    root = tmp_path / "1/root"
    root.mkdir(parents=True)
    (root / "a").symlink_to("/b")
    (root / "b").symlink_to("a")
    host = Host(str(tmp_path))
    assert host.text(host.within("a")) is None
    assert Host().text(Host().within("proc/self/comm"))


def test_a_kernels_architecture_is_its_own_word_or_that_of_ours(tmp_path: Path) -> None:
    assert Host().architecture in (platform.machine(), "i386", "arm")
    assert Host(str(tmp_path)).architecture is None
    (tmp_path / "sys/kernel").mkdir(parents=True)
    (tmp_path / "sys/kernel/arch").write_text("riscv64\n")
    assert Host(str(tmp_path)).architecture == "riscv64"
