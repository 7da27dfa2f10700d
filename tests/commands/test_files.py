"""A file is written whole or not at all, and over no other one unasked."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from health_collectord.commands.files import FileError, write


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_file(tmp_path: Path) -> None:
    write(str(tmp_path / "a"), [b"one", b"two"], force=False)
    assert (tmp_path / "a").read_bytes() == b"onetwo"
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_one_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"one"
        raise KeyboardInterrupt

    (tmp_path / "a").write_bytes(b"before")
    with pytest.raises(KeyboardInterrupt):
        write(str(tmp_path / "a"), pieces(), force=True)
    assert (tmp_path / "a").read_bytes() == b"before"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("there", "there is there already: name another, or give --force"),
        ("folder", "folder is no regular file; name another"),
        ("none/a", "none: no such directory; make it, or name another"),
    ],
)
def test_what_is_in_the_way(tmp_path: Path, target: str, said: str) -> None:
    (tmp_path / "there").write_bytes(b"before")
    (tmp_path / "folder").mkdir()
    with pytest.raises(FileError, match=said):
        write(str(tmp_path / target), [b"x"], force=False)
    assert (tmp_path / "there").read_bytes() == b"before"


@pytest.mark.parametrize(("answer", "after"), [("y\n", b"new"), ("\n", b"old"), ("", b"old")])
def test_at_a_terminal_it_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str, after: bytes
) -> None:
    (tmp_path / "a").write_bytes(b"old")
    monkeypatch.setattr("sys.stdin", Terminal(answer))
    monkeypatch.setattr("sys.stderr", asked := Terminal())
    try:
        write(str(tmp_path / "a"), [b"new"], force=False)
    except FileError:
        assert after == b"old"
    assert asked.getvalue() == f"{tmp_path}/a is there already. Replace it? [y/N] "
    assert (tmp_path / "a").read_bytes() == after
