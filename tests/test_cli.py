"""The command line: what it accepts, prints and answers with."""

import subprocess
import sys
from pathlib import Path

import pytest
from health_collectord import cli
from health_wire.version import VERSION


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "none.toml").touch()
    monkeypatch.setenv("HEALTH_COLLECTORD_CONFIG", str(tmp_path / "none.toml"))


def test_check_config_prints_what_is_in_force_and_why(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEALTH_COLLECTORD_HOST_ID", "pi")
    assert cli.main(["check-config", "--interval", "5", "--no-record"]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert 'host_id = "pi" # HEALTH_COLLECTORD_HOST_ID' in lines
    assert "interval = 5.0 # --interval" in lines
    assert "record.enabled = false # --record" in lines
    assert 'data_dir = "data" # default' in lines
    assert "metrics.cpu.enabled = true # default" in lines


def test_check_config_prints_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check-config", "--example"]) == 0
    assert "\n#interval = 1.0\n" in capsys.readouterr().out


def test_check_config_refuses_what_run_would_refuse(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "bad.toml"
    file.write_text("\nintervall = 3\n")
    assert cli.main(["check-config", "--config", str(file)]) == 78
    assert capsys.readouterr().err == (
        f"health-collectord: {file}:2: unknown key 'intervall'; did you mean interval?\n"
    )


@pytest.mark.parametrize(
    "argv",
    [
        ["nonsense"],
        ["run", "--nonsense"],
        ["--interv", "3"],
        ["run", "--interval"],
        ["run", "more"],
    ],
)
def test_wrong_usage_is_status_64(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(argv)
    assert caught.value.code == 64
    assert "usage: health-collectord" in capsys.readouterr().err


def test_a_flags_value_is_checked_like_any_other(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--interval", "soon"]) == 78  # without a command it runs
    assert capsys.readouterr().err == (
        "health-collectord: --interval: interval: expected a number, got 'soon'\n"
    )


def test_help_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    for argv, text in ((["--version"], f"health-collectord {VERSION}"), (["--help"], "COMMAND"),
                       (["run", "--help"], "--data-dir DIR")):  # fmt: skip
        with pytest.raises(SystemExit) as caught:
            cli.main(argv)
        assert caught.value.code == 0
        assert text in capsys.readouterr().out


def test_a_broken_metric_is_one_clear_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "hollow_metric.py").touch()
    monkeypatch.setattr("health_collectord.metrics.__path__", [str(tmp_path)])
    assert cli.main([]) == 78
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"health-collectord: {tmp_path}/hollow_metric.py: a metric module holds")


def test_who_observes_loads_nothing_that_only_commands_need() -> None:
    code = (
        "import sys, health_collectord.cli; from health_collectord import catalogue;"
        " catalogue.load(); print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30
    )
    loaded = set(done.stdout.split())
    assert "health_collectord.app" in loaded
    costly = {"decimal", "shutil", "hashlib", "sqlite3", "health_wire.client", "health_wire.door"}
    assert loaded & costly == set()
