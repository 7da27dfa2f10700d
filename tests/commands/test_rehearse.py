"""What `rehearse` prints, and ends with."""

from pathlib import Path

import pytest
from health_collectord.cli import main

from tests.replay.test_rehearsal import record


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    record(folder)
    return folder


def test_the_check_before_an_upgrade(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rehearse", "--data-dir", str(made)]) == 0
    first, *_, last = capsys.readouterr().out.splitlines()
    name, digest, verdict = first.split()
    assert (name, len(digest), verdict) == ("2026-01-01/12-00-00", 16, "same")
    assert last.endswith(" events in 3 segments: the same states")


def test_where_states_differ(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in (made / "history").rglob("*.jsonl"):
        copy = tmp_path / path.parent.name / path.name
        copy.parent.mkdir(exist_ok=True)
        copy.write_bytes(path.read_bytes().replace(b'"status":"critical"', b'"status":"warning"'))
    assert main(["rehearse", str(tmp_path)]) == 1
    first, *_, last = capsys.readouterr().out.splitlines()
    assert first.endswith(", differs in health.status")
    assert last.endswith(": 3 segments differ")


def test_edited_thresholds(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new = tmp_path / "new.toml"
    new.write_text(f'data_dir = "{made}"\n[metrics.cpu]\nused_percent_warning = 30\n')
    window = ["--from", "2026-01-01T12:00:10", "--to", "2026-01-01T12:01:10"]
    assert main(["rehearse", "--config", str(new), *window]) == 0
    span, changed, *others, head, was, would = capsys.readouterr().out.splitlines()
    assert span == "2026-01-01T12:00:10Z to 2026-01-01T12:01:10Z"
    assert changed == "metrics.cpu.used_percent_warning = 30 instead of false"
    assert others[0].startswith("2026-01-01T12:00:")
    assert ": was critical, would be critical" in others[0]
    assert any(line.startswith("  + warning: CPU ") for line in others)
    assert not any(line.startswith("  - ") for line in others)
    assert head.split() == ["healthy", "warning", "critical", "unknown", "changes"]
    for line in (was, would):
        times = [word for word in line.split() if ":" in word]
        seconds = sum(int(t[-2:]) + 60 * int(t[-5:-3]) for t in times)
        assert seconds == 60
    assert int(was.split()[-1]) > 0


def test_the_same_thresholds(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new = tmp_path / "new.toml"
    new.write_text(f'data_dir = "{made}"\n')
    assert main(["rehearse", "--config", str(new)]) == 0
    assert capsys.readouterr().out.endswith("the verdicts would have been the same\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere"], "nowhere: No such file or directory"),
        (["--from", "2030-01-01"], "there is no event in that time"),
        (["--from", "07:00"], "07:00 was not recorded: it begins at 2026-01-01 12:00"),
    ],
)
def test_what_cannot_be_rehearsed(
    made: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["rehearse", *words, "--data-dir", str(made)]) == 1
    assert said in capsys.readouterr().err
