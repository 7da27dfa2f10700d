"""The packages themselves, before anything is installed."""

from pathlib import Path

from tests.boot.machine import command


def test_lintian_has_nothing_to_say(packages: dict[str, Path]) -> None:
    done = command(
        "lintian", "--allow-root", "--fail-on", "error,warning", *packages.values(), check=False
    )
    assert done.returncode == 0, done.stdout


def test_each_package_owns_what_it_runs(packages: dict[str, Path]) -> None:
    listed = {
        name: {line.split()[-1] for line in command("dpkg-deb", "-c", file).stdout.splitlines()}
        for name, file in packages.items()
    }
    assert set(listed) == {"health-collectord", "health-webui"}
    for name, files in listed.items():
        code = [file for file in files if file.endswith(".py")]
        assert code
        assert all(file.startswith(f"./usr/lib/{name}/") for file in code)
        assert f"./usr/lib/{name}/health_wire/protocol.py" in files
    assert "./usr/lib/health-collectord/bussdcc/__init__.py" in listed["health-collectord"]
    assert "./usr/lib/health-webui/health_webui/static/manifest.json" in listed["health-webui"]
    shared = listed["health-collectord"] & listed["health-webui"]
    assert all(path.endswith("/") for path in shared), shared
