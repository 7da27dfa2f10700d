from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import RecordedHost
from .trees import CASES, QUIET, case, grow
from .verdict import Judged, judged

Tree = Callable[[str], RecordedHost]


def test_sections_are_files_links_and_folders(tmp_path: Path) -> None:
    grow(
        tmp_path, "what it is\n=== a/file\none\r\ntwo=== x\n=== a/link\n-> /there\n=== a/folder/\n"
    )
    assert (tmp_path / "a/file").read_bytes() == b"one\r\ntwo=== x\n"
    assert str((tmp_path / "a/link").readlink()) == "/there"
    assert list((tmp_path / "a/folder").iterdir()) == []


def test_a_section_takes_the_place_of_what_was_there(tmp_path: Path) -> None:
    grow(
        tmp_path,
        "=== proc/1/root\n-> /\n=== proc/stat/deeper\nx\n=== sys/class/net/eth0/device\n-> ../d\n",
    )
    assert (tmp_path / "proc/1/root").is_symlink()
    assert (tmp_path / "proc/stat/deeper").read_text() == "x\n"
    assert (tmp_path / "sys/class/net/eth0/device").is_symlink()
    assert (tmp_path / "proc/loadavg").exists()


def test_bytes_that_are_no_text_stay_as_they_are(tmp_path: Path) -> None:
    grow(tmp_path, b"=== odd\n\xff\xfe\x85\n".decode("utf-8", "surrogateescape"))
    assert (tmp_path / "odd").read_bytes() == b"\xff\xfe\x85\n"


@pytest.mark.parametrize("text", ["", "no section\n", "=== ../out\nx\n", "=== /etc/x\nx\n"])
def test_what_is_no_host_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError, match=r"section|path"):
        grow(tmp_path, text)


def test_the_quiet_host_is_healthy(tree: Tree) -> None:
    said = judged(tree(case(QUIET)))
    assert (said.health["status"], said.health["summary"]) == ("healthy", "all checks passed")


@pytest.mark.parametrize("name", sorted(path.stem for path in CASES.iterdir()))
def test_no_case_stops_a_metric(tree: Tree, name: str) -> None:
    """Its right value is for the metric's own test to say."""
    said = Judged(tree(case(name))).read(1.0).read(2.0)
    assert {m: said.reason[m] for m, s in said.status.items() if s == "failing"} == {}
