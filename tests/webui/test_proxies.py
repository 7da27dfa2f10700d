"""Behind a reverse proxy, below a path; and with a certificate of its own."""

import shutil
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from signal import SIGINT
from urllib.parse import urlsplit

import pytest

from tests.running import ROOT, Running, running, start_webui
from tests.webui.asking import HANDSHAKE, UPGRADE, Client, with_password

pytestmark = pytest.mark.slow

BEHIND = {"HEALTH_WEBUI_TRUSTED_PROXIES": "127.0.0.1"}


@contextmanager
def proxied(url: str, prefix: str = "/health", way: str = "strip") -> Iterator[Running]:
    command = [sys.executable, "-m", "tests.webui.proxy", url, prefix, way]
    with running(command, ROOT) as proxy:
        yield proxy
        proxy.stop(SIGINT)


@pytest.mark.parametrize("way", ["strip", "keep"])
def test_it_works_below_a_path(tmp_path: Path, way: str) -> None:
    args = with_password(tmp_path / "data")
    with (
        start_webui(tmp_path, args=args, env=BEHIND) as webui,
        proxied(webui.url, "/a/health", way) as proxy,
    ):
        client, path = Client(proxy.url), urlsplit(proxy.url).path
        assert path == "/a/health/"
        answer = client.ask(f"{path}host/x")
        assert (answer.status, answer.one("Location")) == (303, "../login")
        token = client.token(f"{path}login")
        answer = client.send_form(f"{path}login", token=token, password="x")
        assert answer.status == 403
        answer = client.send_form(
            f"{path}login", {"Origin": f"http://{client.netloc}"},
            token=token, password="correct horse battery",
        )  # fmt: skip
        assert answer.status == 303
        assert f"Path={path};" in f"{answer.one('Set-Cookie')};"
        assert client.ask(path).status == 200
        origin = {"Origin": f"http://{client.netloc}"}
        head, connection = client.open(f"{path}{HANDSHAKE[1:]}", origin | UPGRADE)
        connection.close()
        assert head.status == 101
        other = {"Origin": "http://evil.example"}
        assert client.ask(f"{path}{HANDSHAKE[1:]}", other | UPGRADE).status == 403


@pytest.mark.parametrize("prefix", ["/a%0d%0aX-Evil: 1", "//evil.example", "/a/../b?c", "a"])
def test_a_prefix_that_is_no_path_is_refused(tmp_path: Path, prefix: str) -> None:
    with start_webui(tmp_path, env=BEHIND | {"HEALTH_WEBUI_AUTH": "none"}) as webui:
        answer = Client(webui.url).ask("/", {"X-Forwarded-Prefix": prefix})
        assert answer.status == 400
        assert not answer.all("X-Evil")


def test_what_strangers_say_of_themselves_is_not_believed(tmp_path: Path) -> None:
    told = {
        "X-Forwarded-Prefix": "/evil",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "evil.example",
    }
    with start_webui(tmp_path) as webui:
        client = Client(webui.url)
        assert client.ask("/", told).status == 200
        assert client.ask("/login", told).one("Location") == "./"


def test_with_auth_proxy_only_the_proxies_are_answered(tmp_path: Path) -> None:
    env = {"HEALTH_WEBUI_TRUSTED_PROXIES": "127.0.0.5", "HEALTH_WEBUI_AUTH": "proxy"}
    with start_webui(tmp_path, env=env) as webui:
        assert Client(webui.url, "127.0.0.5").ask("/").status == 200
        for path in ("/", "/healthz", HANDSHAKE):
            claimed = {"X-Forwarded-For": "127.0.0.5"}
            assert Client(webui.url, "127.0.0.6").ask(path, claimed).status == 403


def test_a_proxy_of_ipv4_is_known_by_a_process_that_listens_on_ipv6(tmp_path: Path) -> None:
    env = {"HEALTH_WEBUI_TRUSTED_PROXIES": "127.0.0.5", "HEALTH_WEBUI_AUTH": "proxy"}
    with start_webui(tmp_path, env=env, args=("--host", "::")) as webui:
        url = f"http://127.0.0.1:{urlsplit(webui.url).port}/"
        assert Client(url, "127.0.0.5").ask("/").status == 200
        assert Client(url, "127.0.0.6").ask("/").status == 403


def test_each_port_of_a_client_has_not_tries_of_its_own(tmp_path: Path) -> None:
    args = with_password(tmp_path / "data")
    with start_webui(tmp_path, env=BEHIND, args=args) as webui:
        client = Client(webui.url)
        token = client.token()
        statuses = []
        for port in range(7):
            told = {"X-Forwarded-For": f"198.51.100.7:{40000 + port}"}
            answer = client.send_form("/login", told, token=token, password="wrong")
            statuses.append(answer.status)
        assert statuses == [403] * 5 + [429] * 2


def test_https_with_a_certificate_of_its_own(tmp_path: Path) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl makes the certificate")
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-keyout", tmp_path / "key", "-out", tmp_path / "chain", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    args = ("--tls-certificate", str(tmp_path / "chain"), "--tls-key", str(tmp_path / "key"))
    names = {"HEALTH_WEBUI_ALLOWED_HOSTS": "health.test"}
    with start_webui(tmp_path, args=(*args, *with_password(tmp_path / "data")), env=names) as webui:
        assert webui.url.startswith("https://127.0.0.1:")
        context = ssl.create_default_context(cafile=str(tmp_path / "chain"))
        with urllib.request.urlopen(f"{webui.url}login", timeout=20, context=context) as response:
            assert "Secure" in response.headers["Set-Cookie"]
            assert b"Log in" in response.read()
        with (
            Client(webui.url).connect() as stalled,
            Client(webui.url).connect() as plain,
            Client(webui.url).connect() as gone,
        ):
            stalled.sendall(b"\x16\x03\x01\x02\x00\x01")  # half a hello
            plain.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            with suppress(ConnectionResetError):
                assert not plain.recv(4096).startswith(b"HTTP")
            gone.close()
            with urllib.request.urlopen(f"{webui.url}healthz", timeout=20, context=context) as ok:
                assert ok.read() == b"ok\n"
        assert webui.stderr.splitlines() == [f"ready url={webui.url}"]


def test_a_certificate_that_cannot_be_used_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    given = str(tmp_path / "empty")
    args = ("--tls-certificate", given, "--tls-key", given)
    with start_webui(tmp_path, args=args, ready=False) as webui:
        assert webui.wait() == 78
        assert webui.stderr.startswith(f"health-webui: --tls-certificate: tls_certificate: {given}")
        assert webui.stderr.count("\n") == 0
