"""The documents tell the truth: what they show is run, what they list is compared."""

import os
import re
import shutil
import sys
from pathlib import Path

import pytest
from health_collectord import catalogue
from health_collectord.vocabulary import Field, Gauge, fields_of

from tests.boot import readme
from tests.running import ROOT, running, start_collector, wait_for

README = ROOT / "README.md"
BEGIN, END = "<!-- events: written by tests/test_documents.py -->\n", "<!-- end of events -->\n"


def code_blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README.read_text(), re.DOTALL)


def events_table() -> str:
    """Every metric's event with its fields, from the declarations."""
    lines = []
    for entry in catalogue.load():
        every = "when it changes" if entry.metric.on_change else f"{entry.metric.interval:g} s"
        lines += [f"\n**`{entry.event}`**, {every}\n", "| field | unit | |", "|---|---|---|"]
        for field in entry.fields:
            lines.append(_row(field, ""))
            if field.row:
                inner = [f for f in fields_of(field.row) if f.name != "key"]
                lines += [_row(f, f"{field.name}[].") for f in inner]
    return "\n".join(lines) + "\n\n"


def _row(field: Field, within: str) -> str:
    kind = field.kind
    unit = kind.unit if isinstance(kind, Gauge) else type(kind).__name__.lower()
    return f"| `{within}{field.name}` | {unit} | {kind.doc} |"


def test_the_readme_lists_every_event() -> None:
    text = README.read_text()
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    written = f"{before}{BEGIN}{events_table()}{END}{after}"
    if os.environ.get("GOLDEN") == "rewrite":
        README.write_text(written)
    assert README.read_text() == written, "GOLDEN=rewrite pytest tests/test_documents.py"


@pytest.mark.slow
def test_the_readmes_client_follows_a_collector(tmp_path: Path) -> None:
    [client] = [b for b in code_blocks("python") if 'CollectorClient("' in b]
    with start_collector(tmp_path) as collector:
        client = client.replace("tcp://127.0.0.1:8087", collector.events)
        client = client.replace("tcp://127.0.0.1:8088", collector.state)
        client = client.replace(
            "print(update.time,", "print('ready', 'at=' + update.time, 'used=%s' %"
        )
        client = client.replace(
            '["used_percent"])', '["used_percent"], file=sys.stderr, flush=True)'
        )
        program = tmp_path / "client.py"
        program.write_text(
            "import signal, sys\nsignal.signal(15, lambda *_: sys.exit())\n" + client
        )
        with running([sys.executable, str(program)], tmp_path) as follower:
            assert 0 < float(follower.ready["used"]) < 100


def test_the_readmes_metric_is_all_that_a_metric_needs(tmp_path: Path) -> None:
    [metric] = [b for b in code_blocks("python") if "METRIC = " in b]
    shutil.copytree(ROOT / "daemon", tmp_path / "daemon")
    (tmp_path / "daemon/health_collectord/metrics/entropy.py").write_text(metric)
    copy = {"PYTHONPATH": str(tmp_path / "daemon")}
    with start_collector(tmp_path, env=copy) as collector:
        described = {m["name"]: m for m in collector.request("describe")["metrics"]}
        assert described["entropy"]["status"]["status"] == "ok"
        value = collector.request("get", path="system.entropy.available")["value"]
        assert value == int(Path("/proc/sys/kernel/random/entropy_avail").read_text())
        series = "system.entropy.available"
        wait_for(
            lambda: len(collector.request("history", series=series)["series"][series]["t"]) > 1
        )


def test_every_line_that_the_readme_has_people_type_is_tried() -> None:
    shown = "".join(f"```sh\n{block}```\n" for block in code_blocks("sh"))
    typed = readme.typed_in(shown)
    assert len(typed) > 15
    for line in typed:
        known = [words for words in readme.TYPED if words in line]
        assert len(known) == 1 or line.startswith(readme.NOT_TYPED), (line, known)


def test_paths_and_targets_that_the_readme_names_are_there() -> None:
    text = README.read_text()
    for path in re.findall(r"\]\((?!http)([^)#]+)\)", text):
        assert (ROOT / path).exists(), path
    targets = (ROOT / "Makefile").read_text()
    for target in re.findall(r"(?m)(?:`|^|sudo )make (\w+)", text):
        if target not in ("python3",):
            assert f"\n{target}:" in targets, target
