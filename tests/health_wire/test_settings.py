"""Settings: one declaration for file, environment, flags, report and example."""

import argparse
import math
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from health_wire import settings
from health_wire.settings import (
    BOOL,
    OFF,
    TEXT,
    TEXTS,
    Kind,
    Loaded,
    Setting,
    SettingsError,
    choice,
    number,
)
from hypothesis import example, given
from hypothesis import strategies as st

SETTINGS = (
    Setting("name", TEXT, "here", "what it is called", "NAME"),
    Setting("loud", BOOL, False, "make a noise", ""),
    Setting("data_dir", TEXT, "data", "where it is kept", "DIR"),
    Setting("count", number(1, 9, whole=True), 3, "how many", "N"),
    Setting("mode", choice("fast", "slow"), "fast", "how"),
    Setting("metrics.disk.used_percent_warning", number(0, 100, optional=True), 90.0, "when"),
    Setting("metrics.disk.exclude", TEXTS, ("tmpfs",), "what not"),
)
KINDS = (
    TEXT, BOOL, TEXTS, number(0, 10), number(0, 10, whole=True), number(-5, 5, optional=True),
    choice("a", "b"),
)  # fmt: skip


def load(
    tmp_path: Path,
    text: str | None = None,
    environ: dict[str, str] | None = None,
    **flags: Any,
) -> Loaded:
    file = tmp_path / "config.toml"
    if text is not None:
        file.write_text(text)
    return settings.load(
        SETTINGS, prefix="APP", environ=environ or {}, flags=flags, default_file=file
    )


def test_defaults_hold_without_a_file(tmp_path: Path) -> None:
    loaded = load(tmp_path)
    assert loaded.file is None
    assert dict(loaded.values) == {s.key: s.default for s in SETTINGS}
    assert set(loaded.origins.values()) == {"default"}


def test_a_flag_beats_the_environment_which_beats_the_file(tmp_path: Path) -> None:
    text = 'name = "file"\ncount = 1\nmode = "slow"\n'
    loaded = load(tmp_path, text, {"APP_NAME": "environment", "APP_COUNT": "2"}, name="flag")
    assert (loaded["name"], loaded["count"], loaded["mode"]) == ("flag", 2, "slow")
    assert loaded.origins["name"] == "--name"
    assert loaded.origins["count"] == "APP_COUNT"
    assert loaded.origins["mode"].startswith(f"{tmp_path}/config.toml:")


def test_the_environment_names_every_setting(tmp_path: Path) -> None:
    loaded = load(
        tmp_path,
        environ={
            "APP_LOUD": "yes",
            "APP_METRICS_DISK_USED_PERCENT_WARNING": "off",
            "APP_METRICS_DISK_EXCLUDE": "tmpfs, overlay",
            "PATH": "not ours",
        },
    )
    assert loaded["loud"] is True
    assert loaded["metrics.disk.used_percent_warning"] is OFF
    assert loaded["metrics.disk.exclude"] == ("tmpfs", "overlay")


def test_the_file_can_be_named(tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text('name = "other"')
    assert load(tmp_path, config=str(other))["name"] == "other"
    assert load(tmp_path, environ={"APP_CONFIG": str(other)})["name"] == "other"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\ncuont = 3\n", ":2: unknown key 'cuont'; did you mean count?"),
        ("\n\ncount = 10\n", ":3: count: expected a whole number from 1 to 9, got 10"),
        ("count = 1.5", ":1: count: expected a whole number from 1 to 9, got 1.5"),
        ("count = true", ":1: count: expected a whole number from 1 to 9, got True"),
        ("name = 3", ":1: name: expected text, got 3"),
        ('loud = "yes"', ":1: loud: expected true or false, got 'yes'"),
        ('mode = "medium"', ':1: mode: expected one of "fast", "slow", got \'medium\''),
        (
            "[metrics.disk]\n# a comment\nused_percent_warning = 101",
            ":3: metrics.disk.used_percent_warning: expected a number from 0 to 100, or false, "
            "got 101",
        ),
        ("[metrics.disk]\nexclude = 3", ":2: metrics.disk.exclude: expected a list of texts"),
        ("[metrics.disk]\nexclude = [1]", ":2: metrics.disk.exclude: expected a list of texts"),
        ("metrics.disk.used = 1", ":1: unknown key 'metrics.disk.used'"),
        ("[zebra]\nx = 1", ":2: unknown key 'zebra.x'; check-config lists the keys there are"),
        ("[count]\nx = 1", ":1: count: expected a whole number"),
        ("[[name]]\nx = 1", ":1: name: expected text"),
        ("count = 1\ncount = 2", ": not TOML: Cannot overwrite a value (at"),
        ("count = ", ": not TOML: Invalid value (at"),
    ],
)
def test_a_bad_file_is_refused_with_line_key_and_remedy(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, text)
    assert str(caught.value).startswith(f"{tmp_path}/config.toml{message}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"APP_CUONT": "3"}, "unknown environment variable APP_CUONT; did you mean APP_COUNT?"),
        ({"APP_COUNT": "many"}, "APP_COUNT: count: expected a number, got 'many'"),
        ({"APP_COUNT": "1.5"}, "APP_COUNT: count: expected a whole number from 1 to 9, got 1.5"),
        ({"APP_COUNT": "nan"}, "APP_COUNT: count: expected a whole number from 1 to 9, got nan"),
        ({"APP_LOUD": "maybe"}, "APP_LOUD: loud: expected true or false, got 'maybe'"),
    ],
)
def test_a_bad_variable_is_refused(tmp_path: Path, environ: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, environ=environ)
    assert str(caught.value) == message


def test_a_bad_flag_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"^--data-dir: data_dir: expected text, got 3$"):
        load(tmp_path, data_dir=3)
    with pytest.raises(SettingsError, match=r"^--count: count: expected a number, got 'x'$"):
        load(tmp_path, count="x")


def test_a_file_that_was_named_has_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no such configuration file"):
        load(tmp_path, config=str(tmp_path / "missing.toml"))


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="Is a directory"):
        load(tmp_path, config=str(tmp_path))
    (tmp_path / "config.toml").write_bytes(b'name = "\xff"')
    with pytest.raises(SettingsError, match="not UTF-8 at byte 8"):
        load(tmp_path)


def attempt(call: Callable[..., Any], *args: Any) -> tuple[Any, str | None]:
    """What a call returns, or the text of the ValueError that it raises."""
    try:
        return call(*args), None
    except ValueError as error:
        return None, str(error)


@given(
    kind=st.sampled_from(KINDS),
    value=st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.lists(st.text(max_size=3) | st.integers(), max_size=3)
    | st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)
def test_checking_raises_nothing_but_value_errors(kind: Kind, value: Any) -> None:
    checked, refusal = attempt(kind.check, value)
    if refusal is None:
        assert kind.check(checked) == checked
    else:
        assert refusal.startswith("expected ")


@given(kind=st.sampled_from(KINDS), text=st.text(max_size=8) | st.floats().map(str))
@example(kind=number(0, 10, whole=True), text="inf")
@example(kind=number(0, 10, whole=True), text="nan")
@example(kind=number(0, 10), text="1e999")
def test_reading_raises_nothing_but_value_errors(kind: Kind, text: str) -> None:
    value, refusal = attempt(lambda: kind.check(kind.read(text)))
    if refusal is None:
        assert not (isinstance(value, float) and not math.isfinite(value))
    else:
        assert refusal.startswith("expected ")


SHOWN = (
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)


@given(SHOWN | st.lists(SHOWN, max_size=4).map(tuple))
@example(12345.678)
@example(1e22)
@example('line\nline\x7f\x00\\"')
def test_a_value_is_shown_as_toml_reads_it(value: Any) -> None:
    read = tomllib.loads(f"key = {settings.show(value)}")["key"]
    assert (tuple(read) if isinstance(read, list) else read) == value


def test_the_report_says_each_value_and_where_it_comes_from(tmp_path: Path) -> None:
    report = load(tmp_path, "count = 4", {"APP_NAME": "x"}, loud=True).report()
    lines = dict(line.split("#", 1) for line in report.splitlines())
    said = {key.strip(): where.strip() for key, where in lines.items()}
    assert said == {
        'name = "x"': "APP_NAME",
        "loud = true": "--loud",
        'data_dir = "data"': "default",
        "count = 4": f"{tmp_path}/config.toml:1",
        'mode = "fast"': "default",
        "metrics.disk.used_percent_warning = 90.0": "default",
        'metrics.disk.exclude = ["tmpfs"]': "default",
    }


def test_the_example_names_every_setting_and_changes_none(tmp_path: Path) -> None:
    text = settings.example(SETTINGS, "An example.")
    assert dict(load(tmp_path, text).values) == {s.key: s.default for s in SETTINGS}
    uncommented = "\n".join(
        line.removeprefix("#") if line.startswith("#") and not line.startswith("# ") else line
        for line in text.splitlines()
    )
    loaded = load(tmp_path, uncommented)
    assert dict(loaded.values) == {s.key: s.default for s in SETTINGS}
    assert "default" not in loaded.origins.values()
    for setting in SETTINGS:
        assert f"# {setting.doc}\n# ({setting.kind.name})\n" in text


def test_flags_are_added_for_settings_that_have_one() -> None:
    parser = argparse.ArgumentParser()
    settings.add_flags(parser, SETTINGS)
    nothing = vars(parser.parse_args([]))
    assert nothing == dict.fromkeys(("config", "name", "loud", "data_dir", "count"))
    given_ = vars(parser.parse_args(["--no-loud", "--data-dir", "x", "--count", "5"]))
    assert (given_["loud"], given_["data_dir"], given_["count"]) == (False, "x", "5")
    help_ = parser.format_help()
    assert 'what it is called (default: "here")' in " ".join(help_.split())
