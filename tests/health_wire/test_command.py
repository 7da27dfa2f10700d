"""Commands fail in an orderly way. That they do as processes: tests/commands/test_status.py."""

import argparse
import io
import sys

import pytest
from health_wire import command


def test_wrong_usage_has_a_status_of_its_own() -> None:
    parser = argparse.ArgumentParser()
    for usage in (command.USAGE, 3):
        with pytest.raises(SystemExit) as caught:
            command.parse(parser, ["--nonsense"], usage=usage)
        assert caught.value.code == usage
    with pytest.raises(SystemExit) as caught:
        command.parse(parser, ["--help"])
    assert caught.value.code == 0


def test_a_failure_is_one_printable_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.fail("it", "/mnt/x\nHealthy\x1b[2J: gone", 7) == 7
    assert capsys.readouterr().err == "it: /mnt/x\\nHealthy\\x1b[2J: gone\n"


def test_without_anywhere_to_say_it_nothing_is_said(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    assert command.fail("it", "failed") == 1
    assert capsys.readouterr().out == ""


def test_what_cannot_be_shown_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, "latin-1"))

    def perform() -> int:
        print("/media/写真 48 °C")
        return 5

    assert command.printing("it", perform) == 5
    assert raw.getvalue() == "/media/?? 48 °C\n".encode("latin-1")
