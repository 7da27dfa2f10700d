"""Flags stand before or after the name of a command below another."""

from pathlib import Path

import pytest
from health_collectord.cli import main


@pytest.mark.parametrize("before", [True, False])
def test_flags_on_either_side(
    tmp_path: Path, before: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    flags, words = ["--data-dir", str(tmp_path)], ["verify"]
    assert main(["history", *(flags + words if before else words + flags)]) == 0
    assert capsys.readouterr().out == f"{tmp_path}/history: nothing is recorded there\n"


@pytest.mark.parametrize("words", [["history", "nonsense"], ["history", "verify", "more"]])
def test_what_is_not_understood_is_status_64(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 64
    assert "usage: health-collectord" in capsys.readouterr().err
