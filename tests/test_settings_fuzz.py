"""Whatever stands in a settings file: a configuration, or an error that names the file.

HYPOTHESIS_PROFILE=thorough looks harder.
"""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from health_collectord import catalogue
from health_collectord import config as collectors
from health_webui import config as pages
from health_wire.settings import SettingsError, show
from hypothesis import example, given
from hypothesis import strategies as st

ENTRIES = catalogue.load()
LOADERS: dict[str, Callable[[Path], Any]] = {
    "collector": lambda file: collectors.load(ENTRIES, {}, {}, file),
    "page": lambda file: pages.load({}, {}, file),
}
KEYS = {
    "collector": [setting.key for setting in collectors.settings_of(ENTRIES)],
    "page": [setting.key for setting in pages.SETTINGS],
}
WILD = st.sampled_from(
    ["9" * 400, "1e999", "nan", "-inf", "0x7fffffffffffffffff", "1979-05-27T07:32:00Z", "07:32:00",
     "[[]]", "[1, 'a']", "{a.b.c = 1}", "''", '"\\u0000"', '"\\u202e"', "true", "-0", "1_0", "0.5",
     '"tcp://[::1%lo]:99999"', '"tcp://:::,ipc://"', '["tcp://a:1,tcp://a:1"]', '["::1/200"]']
)  # fmt: skip
VALUES = (
    WILD
    | st.integers().map(str)
    | st.floats().map(str)
    | st.text().map(json.dumps)
    | st.lists(st.text(), max_size=3).map(show)
)


def judge(name: str, content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "config.toml"
        file.write_bytes(content)
        try:
            LOADERS[name](file)
        except SettingsError as error:
            said = str(error)
        else:
            return
    assert str(file) in said


@pytest.mark.parametrize("name", LOADERS)
@given(content=st.binary(max_size=200))
@example(content=b"a = " + b"[" * 5000 + b"]" * 5000)
@example(content=b"port = " + b"9" * 5000)
@example(content=b"interval = " + b"9" * 5000)
@example(content=b"interval = 0x" + b"9" * 5000)
@example(content=b"\xef\xbb\xbfport = 1")
@example(content=b".".join([b"a"] * 3000) + b" = 1")
def test_any_bytes(name: str, content: bytes) -> None:
    judge(name, content)


@pytest.mark.parametrize("name", LOADERS)
@given(data=st.data())
def test_any_value_of_any_setting(name: str, data: st.DataObject) -> None:
    keys = data.draw(st.lists(st.sampled_from(KEYS[name]), min_size=1, max_size=3, unique=True))
    lines = [f"{key} = {data.draw(VALUES)}" for key in keys]
    judge(name, "\n".join(lines).encode("utf-8", "replace"))
