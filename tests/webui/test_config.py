from pathlib import Path

import pytest
from health_webui.config import SETTINGS, Config, ConfigError, Endpoints, example, is_loopback, load

from tests.running import ROOT

ACCEPTED = "ipc:///run/a,ipc:///run/b"


def write(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "config.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_flags_win_over_the_environment_over_the_file_over_defaults(tmp_path: Path) -> None:
    file = write(tmp_path, 'port = 1\nhost = "localhost"\ncollector = ["ipc://x,ipc://y"]\n')
    environment = {"HEALTH_WEBUI_PORT": "2", "HEALTH_WEBUI_COLLECTOR": ACCEPTED, "HOME": "/"}
    loaded = load(file, environment, {"port": 3})
    assert loaded.config == Config(
        host="localhost", port=3, collector=(Endpoints("ipc:///run/a", "ipc:///run/b"),)
    )
    assert loaded.sources == {
        "host": str(file),
        "port": "--port",
        "collector": "HEALTH_WEBUI_COLLECTOR",
        "allow_remote_without_password": "default",
    }


def test_it_prints_as_the_file_that_would_give_it(tmp_path: Path) -> None:
    loaded = load(None, {"HEALTH_WEBUI_COLLECTOR": f"{ACCEPTED} tcp://[::1]:1,tcp://pi:2"})
    again = load(write(tmp_path, str(loaded)), {})
    assert again.config == loaded.config


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("port = 'x'", "port = 'x': expected a whole number from 0 to 65535"),
        ("port = true", "port = True: expected a whole number"),
        ("port = 65536", "port = 65536: expected a whole number"),
        ("host = ''", "host = '': expected an address"),
        ("collector = []", "expected different pairs of ZeroMQ endpoints"),
        ("collector = 'ipc://a,ipc://b'", "expected different pairs of ZeroMQ endpoints"),
        ("collector = ['ipc://a']", "expected different pairs of ZeroMQ endpoints"),
        ("collector = ['http://a:1,tcp://b:1']", "expected different pairs"),
        ("collector = ['ipc://a,ipc://b', 'ipc://a,ipc://b']", "expected different pairs"),
        ("allow_remote_without_password = 1", "expected true or false"),
        ("prot = 1", "'prot' is no key; there are: host, port, collector"),
        ("port =", "not TOML"),
        ("host = '0.0.0.0'", "allow_remote_without_password = true"),
        ("host = '::'", "allow_remote_without_password = true"),
    ],
)
def test_what_is_not_accepted_is_refused_with_file_and_key(
    tmp_path: Path, text: str, said: str
) -> None:
    file = write(tmp_path, text + "\n")
    with pytest.raises(ConfigError) as error:
        load(file, {})
    assert said in str(error.value)
    assert "\n" not in str(error.value)
    if "remote" not in said:
        assert str(file) in str(error.value)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("HEALTH_WEBUI_PORT", "nine"),
        ("HEALTH_WEBUI_PROT", "9"),
        ("HEALTH_WEBUI_ALLOW_REMOTE_WITHOUT_PASSWORD", "yes"),
        ("HEALTH_WEBUI_COLLECTOR", ""),
    ],
)
def test_the_environment_is_checked_as_the_file_is(variable: str, value: str) -> None:
    with pytest.raises(ConfigError, match=variable):
        load(None, {variable: value})


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.toml: cannot be read: No such file"):
        load(tmp_path / "gone.toml", {})


def test_other_machines_may_look_where_the_configuration_says_so(tmp_path: Path) -> None:
    file = write(tmp_path, 'host = "0.0.0.0"\nallow_remote_without_password = true\n')
    assert load(file, {}).config.host == "0.0.0.0"


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.2", False),
        ("example.org", False),
    ],
)
def test_which_addresses_only_this_machine_reaches(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


def test_the_example_file_documents_every_setting_and_is_current(tmp_path: Path) -> None:
    committed = (ROOT / "webui/health_webui/config.example.toml").read_text(encoding="utf-8")
    assert committed == example(), "write it anew: python -m health_webui.config"
    uncommented = [
        line[1:]
        for line in example().splitlines()
        if line.startswith(tuple(f"#{key} =" for key in SETTINGS))
    ]
    assert load(write(tmp_path, "\n".join(uncommented)), {}).config == Config()
