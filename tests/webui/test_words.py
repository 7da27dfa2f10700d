"""The words in one place: every key asked for is there, and every one there is asked for."""

import json
import re
from pathlib import Path

import pytest
from health_webui.words import for_script, marked, words

from tests.running import ROOT

WEBUI = ROOT / "webui/health_webui"
PARTS = json.loads((WEBUI / "words.json").read_text(encoding="utf-8"))
TEMPLATES = sorted((WEBUI / "templates").glob("*.html"))
SOURCES = [*WEBUI.rglob("*.py"), *TEMPLATES]
DYNAMIC = {"theme", "rates"}  # a button's name and its value
SCRIPTS = [*(ROOT / "webui/frontend/src").glob("*.js")]


def quoted(paths: list) -> set[str]:  # type: ignore[type-arg]
    """All that stands in quotes, with what is put together reduced to its constant beginning."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in paths)
    return {re.split(r"[{$]", s)[0] for s in re.findall(r"[\"'`]([a-z][^\"'`\s]*)[\"'`]", text)}


def used(key: str, literals: set[str]) -> bool:
    begin = key.rpartition(".")[0]
    return key in literals or f"{begin}." in literals or begin in DYNAMIC


def test_every_word_is_used_where_its_part_says() -> None:
    server, script = quoted(SOURCES), quoted(SCRIPTS)
    for key in PARTS["common"]:
        assert used(key, server), key
        assert used(key, script), key
    for key in PARTS["script"]:
        assert used(key, script), key
    for key in PARTS["page"]:
        assert used(key, server), key


def test_what_the_script_asks_for_it_is_given() -> None:
    given = json.loads(for_script())
    for path in SCRIPTS:
        asked = re.findall(r"\bwords\(\"([a-z._]+)\"", path.read_text(encoding="utf-8"))
        assert set(asked) <= set(given), path


def test_parts_do_not_overlap_and_values_fill_their_places() -> None:
    keys = [key for part in PARTS.values() for key in part]
    assert len(keys) == len(set(keys))
    assert words("coverage.absent", known=8, total=9, count=4) == (
        "8 of 9 checks; 4 do not apply here"
    )


def test_marked_words_are_code_between_backticks_and_nothing_else() -> None:
    hostile = "<i>`x`</i>"
    assert marked("never_seen.where", events=hostile, state="b").startswith(
        "It goes on trying <code>&lt;i&gt;`x`&lt;/i&gt;</code> for events"
    )


_SAID = ("aria-label", "title", "placeholder", "alt", "data-label")
_TAG = re.compile(r"<(?:[^<>\"']|\"[^\"]*\"|'[^']*')*>")
# A sentence begins with a capital, or has one of these between blanks.
_PROSE = re.compile(r"^[A-Z][a-z]{3}|\s(?:ago|and|for|is|last|no|not|of|since)(?:\s|$)")
_KEYS = {"ArrowLeft", "ArrowRight", "Escape", "Home"}  # of the keyboard


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_template_says_a_word_of_its_own(path: Path) -> None:
    text = re.sub(r"{#.*?#}|{%.*?%}|{{.*?}}", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    text = text.replace("<!doctype html>", "")
    spoken = [*_TAG.sub("\n", text).split("\n")]
    for name in _SAID:
        spoken += re.findall(rf'\s{name}="([^"]*)"', text)
    assert [words for words in spoken if re.search("[A-Za-z]", words)] == []


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_no_script_says_a_word_of_its_own(path: Path) -> None:
    text = re.sub(r"^\s*//.*$|\s// .*$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    text = re.sub(r"\$\{[^}]*\}", "", text)
    spoken = re.findall(r"\"([^\"\n]*)\"|`([^`\n]*)`", text)
    found = {a or b for a, b in spoken if _PROSE.search(a or b)}
    assert found - _KEYS == set()
