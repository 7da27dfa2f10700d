"""The catalogue comes from another program: whatever it holds, it is read without raising."""

import json
from typing import Any

import pytest
from health_collectord import catalogue as collectors
from health_webui.following.catalogue import Field, parse
from health_webui.pages.plan import plan
from hypothesis import given
from hypothesis import strategies as st

from tests.webui.sample import DESCRIBED

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)
METRIC = st.fixed_dictionaries(
    {"name": st.text(min_size=1, max_size=4), "state": st.text(min_size=1, max_size=4)},
    optional={
        key: JSON | st.just(DESCRIBED["metrics"][0][key])
        for key in ("title", "interval", "fields", "rules", "card", "charts")
    },
)


@given(JSON)
def test_any_reply_is_read(reply: Any) -> None:
    parse({"metrics": reply})


@given(st.lists(METRIC, max_size=3))
def test_any_metric_is_read_and_planned(metrics: list[dict[str, Any]]) -> None:
    found = parse({"metrics": metrics})
    assert len(found.metrics) == len(metrics)
    json.loads(plan(found))


def test_the_real_catalogue_is_understood_whole() -> None:
    described = [entry.describe() for entry in collectors.load()]
    found = parse({"metrics": described})
    for metric, given_metric in zip(found.metrics, described, strict=True):
        card = given_metric["card"]
        assert metric.card.kind == card["kind"]
        assert [f.name for f in metric.card.lines] == list(card["lines"])
        assert len(metric.charts) == len(given_metric["charts"])
        assert len(metric.fields) == len(given_metric["fields"])


def test_a_card_of_an_unknown_kind_shows_its_fields_plainly() -> None:
    given_metric = {**DESCRIBED["metrics"][0], "card": {"kind": "hologram", "title": "New"}}
    card = parse({"metrics": [given_metric]}).metrics[0].card
    assert (card.kind, card.title) == ("figures", "New")
    assert [f.name for f in card.lines] == ["full_percent", "size_bytes", "spare_bytes"]


def test_the_fingerprint_changes_with_the_structure_and_not_with_the_status() -> None:
    first = DESCRIBED["metrics"][0]
    told = parse({"metrics": [first]})
    same = parse({"metrics": [{**first, "status": {"status": "failing", "reason": "x"}}]})
    other = parse({"metrics": [{**first, "title": "Another"}]})
    assert told.fingerprint == same.fingerprint != other.fingerprint


@pytest.mark.parametrize(
    ("name", "kind", "label"),
    [
        ("available_bytes", "gauge", "Available"),
        ("rx_bytes_per_second", "gauge", "Rx"),
        ("swap_used_percent", "gauge", "Swap used"),
        ("bytes", "gauge", "Bytes"),
        ("boot_time", "time", "Boot time"),
        ("spare_bytes", "text", "Spare bytes"),
    ],
)
def test_a_label_is_the_name_in_words_without_its_unit(name: str, kind: str, label: str) -> None:
    assert Field(name, kind, "").label == label
