"""What the web process may know: the wire, and kinds; never a metric, never the daemon."""

import ast
import re
from pathlib import Path

import pytest
from health_collectord import catalogue

from tests.running import ROOT

WEBUI = ROOT / "webui"
SOURCES = sorted(
    path
    for folder in ("health_webui", "frontend/src")
    for path in (WEBUI / folder).rglob("*")
    if path.suffix in (".py", ".js", ".html", ".css") and "static" not in path.parts
)
FORBIDDEN = {"health_collectord", "bussdcc", "psutil"}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_no_source_names_a_metric(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for entry in catalogue.load():
        for name in (entry.metric.state, entry.event):
            assert name not in text
        assert not re.search(rf"""["'`]{re.escape(entry.name)}["'`]""", text)


@pytest.mark.parametrize("path", [p for p in SOURCES if p.suffix == ".py"], ids=lambda p: p.name)
def test_no_module_imports_the_daemons_side(path: Path) -> None:
    parsed = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(parsed):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        assert not {name.split(".")[0] for name in names} & FORBIDDEN
