import os
import tomllib
from pathlib import Path
from typing import Any

import pytest
from health_webui.config import (
    SETTINGS,
    Config,
    Endpoints,
    example,
    is_loopback,
    load,
)
from health_wire.settings import SettingsError

ACCEPTED = "ipc:///run/a,ipc:///run/b"


def write(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "config.toml"
    file.write_text(text, encoding="utf-8")
    return file


def given(tmp_path: Path, text: str = "", environ: Any = None, **flags: Any) -> Config:
    """The configuration of a file with that text, of these variables and flags."""
    return load({"config": str(write(tmp_path, text)), **flags}, environ or {}, Path(os.devnull))


def test_flags_win_over_the_environment_over_the_file_over_defaults(tmp_path: Path) -> None:
    environ = {"HEALTH_WEBUI_PORT": "2", "HEALTH_WEBUI_COLLECTOR": ACCEPTED, "HOME": "/"}
    text = 'port = 1\nhost = "localhost"\ncollector = ["ipc://x,ipc://y"]\n'
    config = given(tmp_path, text, environ, port="3")
    assert (config.host, config.port) == ("localhost", 3)
    assert config.collector == (Endpoints("ipc:///run/a", "ipc:///run/b"),)
    origins = config.loaded.origins
    assert origins["host"] == f"{tmp_path}/config.toml:2"
    assert origins["port"] == "--port"
    assert origins["collector"] == "HEALTH_WEBUI_COLLECTOR"


def test_it_prints_as_the_file_that_would_give_it(tmp_path: Path) -> None:
    environ = {"HEALTH_WEBUI_COLLECTOR": f"{ACCEPTED} tcp://[::1]:1,tcp://pi:2"}
    config = given(tmp_path, environ=environ)
    assert given(tmp_path, config.loaded.report()).loaded.values == config.loaded.values


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("port = 'x'", ":1: port: expected a whole number from 0 to 65535, got 'x'"),
        ("port = true", ":1: port: expected a whole number from 0 to 65535, got True"),
        ("port = 65536", ":1: port: expected a whole number"),
        ("host = ''", ":1: host: expected an address"),
        ("collector = 'ipc://a,ipc://b'", "expected a list of texts"),
        ("host = '300.1.1.1'", ":1: host: expected an address"),
        ("host = '0.0.0.0:8086'", ":1: host: expected an address or a host's name alone"),
        ("host = 'http://pi'", ":1: host: expected an address"),
        ("host = '[::1]'", ":1: host: expected an address"),
        ("collector = ['ipc://a']", "expected a pair of ZeroMQ endpoints"),
        ("collector = ['http://a:1,tcp://b:1']", "expected tcp:// or ipc://, got 'http://a:1'"),
        ("collector = ['pi:8087,pi:8088']", "with its scheme, such as tcp://pi:8087, got"),
        ("collector = ['tcp://300.1.1.1:1,tcp://b:1']", "expected an IPv4 address"),
        ("collector = ['tcp://a:99999,tcp://b:1']", "expected a port from 1 to 65535"),
        ("collector = ['tcp://a:0,tcp://b:1']", "expected a port from 1 to 65535"),
        ("collector = ['tcp://a:1,tcp://a:1']", "the events and the state endpoint are the same"),
        (
            "port = 81\ncollector = ['tcp://[::1]:80,tcp://127.0.0.1:81']",
            ":2: collector: tcp://127.0.0.1:81 is the page's own port; give one of them another",
        ),
        ("collector = ['ipc://a,ipc://b', 'ipc://a,ipc://b']", "is given twice"),
        ("prot = 1", "unknown key 'prot'; did you mean port?"),
        ("port =", "not TOML"),
    ],
)
def test_what_is_not_accepted_is_refused_with_file_and_key(
    tmp_path: Path, text: str, said: str
) -> None:
    with pytest.raises(SettingsError) as error:
        given(tmp_path, text + "\n")
    assert said in str(error.value)
    assert "\n" not in str(error.value)
    assert str(tmp_path / "config.toml") in str(error.value)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("HEALTH_WEBUI_PORT", "nine"),
        ("HEALTH_WEBUI_PROT", "9"),
        ("HEALTH_WEBUI_AUTH", "perhaps"),
        ("HEALTH_WEBUI_TRUSTED_PROXIES", "10.0.0.1/24"),
        ("HEALTH_WEBUI_ALLOWED_HOSTS", "a b"),
        ("HEALTH_WEBUI_COLLECTOR", "ipc://a"),
    ],
)
def test_the_environment_is_checked_as_the_file_is(
    tmp_path: Path, variable: str, value: str
) -> None:
    with pytest.raises(SettingsError, match=variable):
        given(tmp_path, environ={variable: value})


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("::ffff:127.0.0.1", True),
        ("::ffff:192.0.2.1", False),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.2", False),
        ("example.org", False),
    ],
)
def test_which_addresses_only_this_machine_reaches(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("192.0.2.1", "192.0.2.1/32"),
        ("::ffff:192.0.2.1", "192.0.2.1/32"),
        ("::ffff:192.0.2.0/120", "192.0.2.0/24"),
        ("2001:db8::/32", "2001:db8::/32"),
        ("::/0", "::/0"),
    ],
)
def test_a_proxy_of_ipv4_is_one_however_it_is_written(
    tmp_path: Path, text: str, network: str
) -> None:
    (found,) = given(tmp_path, f'trusted_proxies = ["{text}"]\n').trusted_proxies
    assert str(found) == network


def test_the_example_documents_every_setting_and_gives_the_defaults(tmp_path: Path) -> None:
    starts = tuple(f"#{setting.key} =" for setting in SETTINGS)
    text = "\n".join(line[1:] for line in example().splitlines() if line.startswith(starts))
    assert set(tomllib.loads(text)) == {setting.key for setting in SETTINGS}
    assert given(tmp_path, text).loaded.values == given(tmp_path).loaded.values
