"""Finding the metrics, and refusing those that are not what they have to be."""

import json
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest
from health_collectord import catalogue, metrics
from health_collectord.catalogue import CatalogueError, Entry
from health_collectord.vocabulary import Above, Below, Facts, Figures, Flags, Lines, Rule, Table

from tests.declarations import metric

MODULE = """
    from tests.declarations import metric
    METRIC = metric().metric
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of metrics beside nothing else; its modules have names of their own."""
    monkeypatch.setattr(metrics, "__path__", [str(tmp_path)])
    return tmp_path


def write(folder: Path, name: str, text: str = MODULE) -> None:
    (folder / f"{name}.py").write_text(textwrap.dedent(text))


def test_finds_every_metric_in_the_order_of_the_page() -> None:
    entries = catalogue.load()
    assert [e.metric.order for e in entries] == sorted(e.metric.order for e in entries)
    modules = {p.stem for p in Path(metrics.__file__).parent.glob("*.py")} - {"__init__"}
    assert {e.name for e in entries} == modules
    assert len(entries) >= 8
    for entry in entries:
        json.dumps(entry.describe(), allow_nan=False)


def test_a_new_file_is_a_new_metric(folder: Path) -> None:
    write(folder, "silent_one")
    [entry] = catalogue.load()
    assert (entry.name, entry.event) == ("silent_one", "system.probe.updated")


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("X = 1", 0),
        ("METRIC = 1", 0),
        ("from tests.declarations import metric\nOTHER = metric().metric", 1),
        (
            "from tests.declarations import metric\nMETRIC = metric().metric\n"
            "TOO = metric(interval=2.0).metric",
            2,
        ),
    ],
)
def test_a_module_holds_exactly_one_metric(folder: Path, text: str, count: int) -> None:
    write(folder, f"odd_{abs(hash(text))}", text)
    with pytest.raises(CatalogueError, match=f"holds exactly one Metric.*this one holds {count}$"):
        catalogue.load()


def test_a_name_is_used_once(folder: Path) -> None:
    write(folder, "twin_one")
    write(folder, "twin_two")
    with pytest.raises(
        CatalogueError, match=r"metrics 'twin_one' and 'twin_two' use the same event, system\.pr"
    ):
        catalogue.load()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rules": (Above("used"),)}, "its rule names used, which its message has not"),
        ({"rules": (Below("level", rows="rows"),)}, "its rule names rows.level, which"),
        ({"rules": (Below("level_percent", rows="parts"),)}, "its rule names parts.level_percent"),
        ({"charts": (Lines("x", ("load",)),)}, "its chart names load, which"),
        (
            {"charts": (Lines("x", ("used_percent",), rows="rows"),)},
            "its chart names rows.used",
        ),
        ({"card": Figures("x", lines=("nothing",))}, "its card names nothing, which"),
        ({"card": Facts("x", lines=("nothing",))}, "its card names nothing, which"),
        ({"card": Table("x", rows="rows", columns=("nothing",))}, "its card names rows.nothing"),
        ({"card": Table("x", rows="rows", columns=(), bar="b")}, "its card names rows.b, which"),
        ({"card": Flags("x", now=("hot",), since_boot=())}, "its card names hot, which"),
    ],
)
def test_what_is_declared_of_a_field_that_is_not_there_is_refused(
    change: dict[str, object], message: str
) -> None:
    entry = metric()
    broken = Entry("probe", replace(entry.metric, **change))  # type: ignore[arg-type]
    with pytest.raises(CatalogueError) as caught:
        catalogue._check([broken])
    assert str(caught.value).startswith(f"metric 'probe': {message}")


def test_the_description_is_the_declaration_as_json() -> None:
    rules: tuple[Rule, ...] = (
        Above("used_percent", warning=80.0, advice="Use less."),
        Above("level_percent", 90.0, rows="rows"),
    )
    described = metric(rules=rules).describe()
    assert described == {
        "name": "probe",
        "title": "Probe",
        "event": "system.probe.updated",
        "state": "system.probe",
        "interval": 1.0,
        "on_change": False,
        "fields": [
            {"name": "used_percent", "kind": "gauge", "unit": "percent",
             "doc": "how much is used", "history": True, "label": "Used"},
            {"name": "rows", "kind": "rows", "doc": "parts", "label": "", "fields": [
                {"name": "key", "kind": "text", "doc": "what this row is about",
                 "label": ""},
                {"name": "level_percent", "kind": "gauge", "unit": "percent", "doc": "how full",
                 "history": True, "label": ""},
            ]},
        ],
        "rules": [
            {"kind": "above", "field": "used_percent", "warning": 80.0, "critical": None,
             "rows": None, "advice": "Use less."},
            {"kind": "above", "field": "level_percent", "warning": 90.0, "critical": None,
             "rows": "rows", "advice": ""},
        ],
        "card": {"kind": "figures", "title": "Probe", "lines": ("used_percent",),
                 "bar": "used_percent"},
        "charts": [],
    }  # fmt: skip
