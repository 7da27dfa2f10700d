"""Who may import whom, that tests mirror sources, and that documents keep up with both."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from health_collectord import catalogue, config
from health_wire import protocol

ROOT = Path(__file__).parents[1]
TESTS = ROOT / "tests"
SOURCES = sorted(
    path
    for top in ("daemon", "webui")
    for path in (ROOT / top).rglob("*.py")
    if not {"node_modules", "__pycache__", "static"} & set(path.parts)
)

# Sources without a test file of their own name, and where they are tested instead.
TESTED_ELSEWHERE = {
    "daemon/health_collectord/app.py": "as a process: tests/process/",
    "daemon/health_collectord/commands/local.py": "as a process: tests/commands/test_status.py",
    "daemon/health_collectord/replay/app.py": "as a process: tests/process/test_replay.py",
    "daemon/health_wire/requests.py": "with its client: tests/health_wire/test_client.py",
    "daemon/health_wire/updates.py": "with its client: tests/health_wire/test_client.py",
    "daemon/health_collectord/interfaces/child.py": "tests/interfaces/test_reading.py",
    "webui/build_hook.py": "runs in every build of the wheel",
    "webui/bundle.py": "tests/packaging/test_bundle.py",
    "webui/health_webui/pages/render.py": "whole pages: tests/webui/test_app.py",
    "webui/health_webui/cli.py": "as a process: tests/browser/",
    "webui/health_webui/access/login.py": "as a process: tests/webui/access/test_gate.py",
    "webui/health_webui/server.py": "as a process: tests/browser/",
    "webui/health_webui/connections/websocket.py": "as a process: tests/webui/access/test_gate.py",
}


# What metrics read from and remember with.
SOURCES_OF_METRICS = (
    "asking", "firmware", "host", "last_run", "mounts", "netdevs", "restarts", "since_boot",
    "thermometers", "vcgencmd", "workers", "writing",
)  # fmt: skip


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def mirror(path: Path) -> Path:
    """All packages' tests have folders but the collector's, which are the rest."""
    package, *inside = path.relative_to(ROOT).parts[1:]
    folder = {"health_collectord": (), "health_webui": ("webui",)}.get(package, (package,))
    return TESTS.joinpath(*folder, *inside[:-1], f"test_{inside[-1] if inside else package}")


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_every_source_has_its_test(path: Path) -> None:
    if path.name in ("__init__.py", "__main__.py"):
        return
    assert mirror(path).exists() or name(path) in TESTED_ELSEWHERE, mirror(path)


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name(path)}: relative import"
            assert node.module is not None
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def tops(path: Path) -> set[str]:
    return {module.partition(".")[0] for module in imports(path)}


def below(folder: str) -> list[Path]:
    found = [path for path in SOURCES if name(path).startswith(f"{folder}/")]
    assert found
    return found


def is_standard(module: str) -> bool:
    return module in sys.stdlib_module_names


@pytest.mark.parametrize("path", below("daemon/health_wire"), ids=name)
def test_the_wire_imports_the_standard_library_and_zmq(path: Path) -> None:
    assert {t for t in tops(path) if not is_standard(t)} <= {"zmq", "health_wire"}


@pytest.mark.parametrize("path", below("daemon/health_archive"), ids=name)
def test_the_archive_imports_the_standard_library_and_the_tree(path: Path) -> None:
    assert {t for t in tops(path) if not is_standard(t)} <= {"health_archive", "health_wire"}
    wire = {m for m in imports(path) if m.startswith("health_wire.")}
    assert {m for m in wire if not m.startswith("health_wire.tree")} == set()


@pytest.mark.parametrize("path", below("daemon/health_collectord/metrics"), ids=name)
def test_a_metric_imports_neither_another_nor_the_wire_nor_the_runtime(path: Path) -> None:
    assert {t for t in tops(path) if not is_standard(t)} <= {
        "bussdcc",
        "health_collectord",
        "psutil",
    }
    own = {m for m in imports(path) if m.startswith("health_collectord.")}
    allowed = tuple(f"health_collectord.{each}" for each in ("vocabulary", *SOURCES_OF_METRICS))
    assert {m for m in own if not m.startswith(allowed)} == set()


@pytest.mark.parametrize("source", SOURCES_OF_METRICS)
def test_what_metrics_read_from_imports_no_more_than_they_do(source: str) -> None:
    path = ROOT / f"daemon/health_collectord/{source}.py"
    record = {"health_archive"} if source == "last_run" else set()
    assert {t for t in tops(path) if not is_standard(t)} <= {"health_collectord"} | record
    own = {m for m in imports(path) if m.startswith("health_collectord.")}
    allowed = tuple(f"health_collectord.{each}" for each in ("vocabulary", "host", "mounts"))
    assert {m for m in own if not m.startswith(allowed)} == set()


@pytest.mark.parametrize("path", below("webui/health_webui"), ids=name)
def test_the_web_process_knows_the_wire_and_not_the_collector(path: Path) -> None:
    assert not tops(path) & {"health_collectord", "bussdcc", "psutil", "bussdcc_system_health"}


# The web process's rooms, and what each may look into beside itself. All may use the words, the
# verdict and the settings that stand above the rooms; these three look into none.
ROOMS: dict[str, set[str]] = {
    "access": set(),
    "following": set(),
    "connections": {"access"},
    "pages": {"following"},
}
SHARED = {"config", "verdict", "words"}


def rooms_of(path: Path) -> set[str]:
    """What of health_webui, room or file, a file imports."""
    return {
        part
        for module in imports(path)
        for part in [module.partition("health_webui.")[2].partition(".")[0]]
        if module.startswith("health_webui.") and part
    }


@pytest.mark.parametrize("path", below("webui/health_webui"), ids=name)
def test_a_room_of_the_web_process_looks_only_into_rooms_below_it(path: Path) -> None:
    room, *inside = path.relative_to(ROOT / "webui/health_webui").parts
    if inside:
        assert rooms_of(path) <= ROOMS[room] | {room} | SHARED
    elif path.stem in SHARED:
        assert rooms_of(path) <= SHARED


@pytest.mark.parametrize("path", below("daemon/health_collectord"), ids=name)
def test_the_collector_knows_nothing_of_the_web(path: Path) -> None:
    assert not tops(path) & {"health_webui", "flask", "flask_socketio", "gevent"}
    if path.name not in ("app.py", "cli.py", "__main__.py"):
        assert "health_collectord.app" not in set(imports(path)), "only the commands do"


LINES = [
    ROOT / line
    for line in subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "--", "daemon", "webui", "tests",
         "benchmarks", "packaging"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    ).stdout.splitlines()
    if line.endswith((".py", ".js", ".css", ".html", ".sh"))
] or SOURCES  # fmt: skip


@pytest.mark.parametrize("path", [path for path in LINES if path.exists()], ids=name)
def test_no_file_is_longer_than_400_lines(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400


def test_no_source_of_the_page_names_a_metric() -> None:
    entries = catalogue.load()
    names = {e.metric.state for e in entries} | {e.event for e in entries}
    assert "system.cpu.usage" in names
    for path in (ROOT / "webui").rglob("*"):
        if path.suffix in (".py", ".js", ".html", ".css") and "node_modules" not in path.parts:
            if "static" in path.parts:
                continue
            text = path.read_text()
            assert not re.search(r"\bsystem\.[a-z]+(\.[a-z]+)*\b", text), path
            assert not [each for each in names if each in text], path


PROTOCOL = (ROOT / "daemon/health_wire/PROTOCOL.md").read_text()


@pytest.mark.parametrize("op", protocol.OPS)
def test_every_op_has_a_heading_in_the_protocol(op: str) -> None:
    assert re.search(rf"^### `{op}`", PROTOCOL, re.MULTILINE)


def test_the_protocol_document_names_what_the_code_has() -> None:
    headings = set(re.findall(r"^### `([a-z_]+)`", PROTOCOL, re.MULTILINE))
    assert headings == set(protocol.OPS)
    for word in (
        protocol.EVENTS_ENDPOINT, protocol.STATE_ENDPOINT, protocol.HEARTBEAT,
        protocol.BAD_REQUEST, protocol.UNKNOWN_OP, protocol.NOT_FOUND, protocol.TOO_LARGE,
        protocol.BUSY, protocol.INTERNAL,
    ):  # fmt: skip
        assert f"`{word}`" in PROTOCOL
    assert f"1 to {protocol.MAX_POINTS}" in PROTOCOL
    assert f"up to {protocol.MAX_SERIES} names" in PROTOCOL


def test_every_setting_appears_in_the_generated_example() -> None:
    entries = catalogue.load()
    text = config.example(entries)
    table = ""
    found = []
    for line in text.splitlines():
        if line.startswith("["):
            table = f"{line.strip('[]')}."
        elif re.match(r"#[a-z0-9_]+ = ", line):
            found.append(table + line[1:].partition(" = ")[0])
    assert found == [setting.key for setting in config.settings_of(entries)]
