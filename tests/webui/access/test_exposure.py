import shutil
import subprocess
from pathlib import Path

import pytest
from health_webui.access.exposure import check_access, doubts
from health_webui.access.password import PasswordFile
from health_wire.settings import SettingsError

from tests.webui.test_config import given


@pytest.mark.parametrize(
    "text",
    [
        'host = "0.0.0.0"',
        'host = "::"',
        'host = "192.0.2.1"',
        'allowed_hosts = ["health.example.org"]',
        'trusted_proxies = ["127.0.0.1"]',
    ],
)
def test_other_machines_need_a_password_or_a_word_about_them(tmp_path: Path, text: str) -> None:
    data = f'data_dir = "{tmp_path}"\n'
    with pytest.raises(SettingsError, match="health-webui set-password"):
        check_access(given(tmp_path, f"{data}{text}\n"))
    check_access(given(tmp_path, f'{data}{text}\nauth = "none"\n'))
    PasswordFile(tmp_path / "password").set("correct horse")
    check_access(given(tmp_path, f"{data}{text}\n"))


def test_this_machine_needs_no_password(tmp_path: Path) -> None:
    check_access(given(tmp_path, f'data_dir = "{tmp_path}"\nallowed_hosts = ["localhost"]\n'))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('auth = "proxy"', "needs trusted_proxies"),
        ('tls_key = "k"', "go together"),
        ('tls_certificate = "c"', "go together"),
    ],
)
def test_what_does_not_fit_together_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        check_access(given(tmp_path, f"{text}\n"))


def test_tls_files_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    text = f'tls_certificate = "{chain}"\ntls_key = "{key}"\n'

    def refused() -> str:
        with pytest.raises(SettingsError) as caught:
            check_access(given(tmp_path, text))
        return str(caught.value)

    assert f"tls_certificate: {chain}: No such file or directory" in refused()
    chain.write_text("no certificate")
    assert f"tls_key: {key}: No such file or directory" in refused()
    key.mkdir()
    assert f"tls_key: {key}: Is a directory" in refused()
    key.rmdir()
    key.write_text("no key")
    assert f"tls_certificate: {chain}, {key}: no certificate and its own key" in refused()
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl makes the certificate")
    make = [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    make += ["-keyout", str(key), "-out", str(chain), "-subj", "/CN=localhost"]
    subprocess.run([*make, "-passout", "pass:secret"], check=True, capture_output=True)
    assert "without a password" in refused()
    subprocess.run([*make, "-nodes"], check=True, capture_output=True)
    check_access(given(tmp_path, text))


@pytest.mark.parametrize(
    ("mode", "open_to_all"), [(0o600, False), (0o640, False), (0o644, True), (0o602, True)]
)
def test_a_tls_key_that_everybody_can_read_is_told(
    tmp_path: Path, mode: int, open_to_all: bool
) -> None:
    key = tmp_path / "key.pem"
    key.touch()
    key.chmod(mode)
    given_ = given(tmp_path, f'tls_key = "{key}"\ntls_certificate = "c"\n')
    assert [f"chmod o= {key}" in line for line in doubts(given_)] == [True] * open_to_all


def test_without_a_tls_key_there_is_nothing_to_tell(tmp_path: Path) -> None:
    assert doubts(given(tmp_path)) == []
    assert doubts(given(tmp_path, f'tls_key = "{tmp_path}/none"\n')) == []
