"""What bash offers for a word that is being typed."""

import subprocess
from pathlib import Path

import pytest
from health_collectord.cli import _parser

pytestmark = pytest.mark.slow

_OFFER = """
source "$1/$2"
COMP_WORDS=("${@:2}") COMP_CWORD=$(($# - 2))
"$(complete -p "$2" | sed 's/.*-F \\([^ ]*\\) .*/\\1/')"
printf '%s\\n' "${COMPREPLY[@]}"
"""


def offered(directory: Path, *words: str) -> list[str]:
    done = subprocess.run(
        ["bash", "-uc", _OFFER, "bash", directory, *words],
        cwd=directory, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert not done.stderr
    return done.stdout.split()


@pytest.mark.parametrize(
    ("typed", "offers"),
    [
        ("health-collectord st", ["status"]),
        ("health-collectord --data", ["--data-dir"]),
        ("health-collectord run --interv", ["--interval"]),
        ("health-collectord status --j", ["--json"]),
        ("health-collectord status --interv", []),
        ("health-collectord replay health-w", ["health-webui"]),
        ("health-collectord replay --speed 2 --fr", ["--from"]),
        ("health-collectord history ver", ["verify"]),
        ("health-collectord history verify --data", ["--data-dir"]),
        ("health-collectord history export --format c", ["csv", "capsule"]),
        ("health-collectord history export health-w", ["health-webui"]),
        ("health-collectord --interval 1", []),
        ("health-collectord --config health-w", ["health-webui"]),
        ("health-webui set", ["set-password"]),
        ("health-webui run --po", ["--port"]),
        ("bussdcc-system-health --po", ["--port"]),
        ("bussdcc-system-health --data-dir health-w", ["health-webui"]),
    ],
)
def test_completion(completions: Path, typed: str, offers: list[str]) -> None:
    assert offered(completions, *typed.split(" ")) == offers


def test_every_command_is_offered(completions: Path) -> None:
    usage = _parser().format_usage()
    assert "COMMAND" in usage
    commands = offered(completions, "health-collectord", "")
    assert {"run", "status", "watch", "replay", "invite"} <= set(commands)
    for command in commands:
        assert "--config" in offered(completions, "health-collectord", command, "-")
