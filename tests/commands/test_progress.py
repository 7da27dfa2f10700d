"""Progress is for terminals, and leaves nothing behind."""

import io

import pytest
from health_collectord.commands.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_has_a_line_that_goes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", terminal := Terminal())
    with Progress("verified", 4) as progress:
        progress.step()
    assert terminal.getvalue() == "\r\x1b[Kverified 1 of 4 segments, 25 %\r\x1b[K"


def test_a_file_has_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", file := io.StringIO())
    with Progress("verified", 0) as progress:
        progress.step()
    assert file.getvalue() == ""
    assert str(progress) == "verified 1 of 0 segments"
